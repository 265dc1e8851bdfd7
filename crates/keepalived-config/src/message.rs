//! What reading a configuration has to say, and who says it.
//!
//! keepalived reads its configuration once in the parent and once in each child, and each of them logs what concerns it. We
//! read once and keep the messages with their [`Scope`]; the binary logs the right ones from the right process, and
//! `--config-test` prints the passes one after the other as the reference does.

use config_text::{Diagnostic, Place, Severity, SourceMap, Span};

/// Whose reading of the configuration brings the message up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only the parent's: files, definitions and `global_defs`.
    Parent,
    /// Every process's: structure and unknown words at top level.
    Every,
    /// Only the VRRP child's.
    Vrrp,
    /// That of the processes that track files and sessions: checker and VRRP child.
    Tracking,
    /// Only the BFD child's.
    Bfd,
}

/// A process that reads the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The parent. Its places name no file while the main file is read.
    Parent,
    /// The healthcheckers child.
    Checker,
    /// The VRRP child.
    Vrrp,
    /// The BFD child.
    Bfd,
}

impl Reader {
    /// The passes of `--config-test`, in order.
    pub const ALL: [Self; 4] = [Self::Parent, Self::Checker, Self::Vrrp, Self::Bfd];
}

/// A diagnostic with its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The problem. [`Severity::Diag`] is logged by a daemon only, [`Severity::Notice`] by `--config-test` too, whose
    /// verdict neither changes; [`Severity::Warning`] makes `--config-test` fail; [`Severity::Alert`] also stops a daemon.
    pub diagnostic: Diagnostic,
    /// Whose message it is.
    pub scope: Scope,
}

impl Message {
    /// Whether `reader` logs it.
    pub fn is_for(&self, reader: Reader) -> bool {
        match self.scope {
            Scope::Parent => reader == Reader::Parent,
            Scope::Every => true,
            Scope::Vrrp => reader == Reader::Vrrp,
            Scope::Tracking => matches!(reader, Reader::Checker | Reader::Vrrp),
            Scope::Bfd => reader == Reader::Bfd,
        }
    }

    /// The log line, as `reader` writes it.
    pub fn text(&self, sources: &SourceMap, reader: Reader) -> String {
        let message = &self.diagnostic.message;
        match self.diagnostic.span {
            None => message.clone(),
            Some(span) if reader == Reader::Parent && span.file.0 == 0 => {
                format!("(Line {}) {message}", span.line)
            }
            Some(span) => format!("({}: Line {}) {message}", sources.name(span.file), span.line),
        }
    }
}

/// Collects messages of one scope.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    list: Vec<Message>,
}

/// More messages than this say nothing new; the rest is counted.
const MESSAGES_MAX: usize = 10_000;

impl Messages {
    pub(crate) fn push(
        &mut self,
        scope: Scope,
        severity: Severity,
        code: &'static str,
        span: Option<Span>,
        text: impl Into<String>,
    ) {
        if self.list.len() >= MESSAGES_MAX {
            return;
        }
        let diagnostic =
            Diagnostic { severity, code, place: Place::None, span, message: text.into(), hint: None };
        self.list.push(Message { diagnostic, scope });
    }

    /// Something makes it impossible to run.
    pub(crate) fn refused(&self) -> bool {
        self.list.iter().any(|message| message.diagnostic.severity == Severity::Alert)
    }

    pub(crate) fn into_list(self) -> Vec<Message> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config_text::FileId;

    #[test]
    fn the_parent_names_no_file_for_the_main_one() {
        let mut sources = SourceMap::default();
        sources.add("main.conf", "");
        sources.add("inc/x", "");
        let mut messages = Messages::default();
        messages.push(Scope::Every, Severity::Warning, "t", Some(Span::line(FileId(0), 3)), "a");
        messages.push(Scope::Every, Severity::Warning, "t", Some(Span::line(FileId(1), 4)), "b");
        messages.push(Scope::Vrrp, Severity::Warning, "t", None, "c");
        let list = messages.into_list();
        let texts = |reader| -> Vec<String> {
            list.iter().filter(|m| m.is_for(reader)).map(|m| m.text(&sources, reader)).collect()
        };
        assert_eq!(texts(Reader::Parent), ["(Line 3) a", "(inc/x: Line 4) b"]);
        assert_eq!(texts(Reader::Vrrp), ["(main.conf: Line 3) a", "(inc/x: Line 4) b", "c"]);
        assert_eq!(texts(Reader::Bfd), ["(main.conf: Line 3) a", "(inc/x: Line 4) b"]);
    }
}
