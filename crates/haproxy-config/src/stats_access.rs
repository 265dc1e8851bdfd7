//! What a stats socket's connections may do, and how they are answered.

/// Level of a stats socket (management manual, section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Reads what is not sensitive.
    User,
    /// Reads all, changes counters.
    #[default]
    Operator,
    /// All.
    Admin,
}

/// `severity-output`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeverityOutput {
    /// Answers stand alone.
    #[default]
    None,
    /// `[3]: ` in front.
    Number,
    /// `[err]: ` in front.
    String,
}
