//! What a command answers, and how it is written.

/// Syslog severity of an answer, shown when `set severity-output` asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// 3
    Error,
    /// 4
    Warning,
    /// 5
    Notice,
    /// 6
    Info,
}

impl Severity {
    fn number(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warning => 4,
            Self::Notice => 5,
            Self::Info => 6,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Error => "err",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
        }
    }
}

/// `set severity-output`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SeverityOutput {
    /// Not shown.
    #[default]
    None,
    /// `[3]: `
    Number,
    /// `[err]: `
    Name,
}

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, nothing to say.
    Done,
    /// A message with its severity.
    Message(Severity, String),
    /// Data; never prefixed.
    Data(String),
}

impl Reply {
    /// An error message.
    pub fn error(text: impl Into<String>) -> Self {
        Self::Message(Severity::Error, text.into())
    }

    /// A message for information.
    pub fn info(text: impl Into<String>) -> Self {
        Self::Message(Severity::Info, text.into())
    }

    /// Appends the answer. The empty line or the prompt after it is the dialogue's.
    pub fn write(&self, out: &mut Vec<u8>, severity: SeverityOutput) {
        match self {
            Self::Done => {}
            Self::Message(level, text) => {
                match severity {
                    SeverityOutput::None => {}
                    SeverityOutput::Number => {
                        out.extend_from_slice(format!("[{}]: ", level.number()).as_bytes())
                    }
                    SeverityOutput::Name => out.extend_from_slice(format!("[{}]: ", level.name()).as_bytes()),
                }
                line(out, text);
            }
            Self::Data(text) => line(out, text),
        }
    }
}

fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    if !text.is_empty() && !text.ends_with('\n') {
        out.push(b'\n');
    }
}
