//! The row of a fetch in its table.

use crate::arg::{Arg, ArgType};
use crate::{Cx, ParseCx, Points, Type, Value};
use std::ops::ControlFlow;

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is none.
    Absent,
    /// One may still come with more data.
    NotYet,
}

impl Missing {
    /// Once nothing more can come, what is not yet there is absent.
    #[must_use]
    pub(crate) fn settle(self, cx: &Cx<'_>) -> Self {
        if cx.complete { Self::Absent } else { self }
    }
}

/// `Err(Absent)`, for fetches.
pub(crate) fn absent<T>() -> Result<T, Missing> {
    Err(Missing::Absent)
}

/// What a fetch reads: the places where that is available, and the reference's name of it in messages.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Where.
    pub points: Points,
    /// Such as `HTTP request headers`.
    pub name: &'static str,
}

/// Reads one value.
pub(crate) type Run = for<'a> fn(&Cx<'a>, &'a [Arg]) -> Result<Value<'a>, Missing>;
/// Visits every value.
pub(crate) type Each =
    for<'a> fn(&Cx<'a>, &'a [Arg], &mut dyn FnMut(Value<'a>) -> ControlFlow<()>) -> Result<(), Missing>;
/// Checks and completes parsed arguments; the error is the text after `invalid args in fetch method 'x' : `.
pub type Check = fn(&mut [Arg], &mut ParseCx<'_>) -> Result<(), String>;

/// A sample fetch.
#[derive(Debug)]
pub struct FetchRow {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub args: &'static [ArgType],
    /// How many of them are mandatory.
    pub required: u8,
    /// The type of its value.
    pub output: Type,
    /// What it reads.
    pub source: Source,
    /// The version of the reference that first had it.
    pub since: (u8, u8),
    /// One line for the documentation.
    pub doc: &'static str,
    /// Reads one value.
    pub run: Run,
    /// Visits every value, where there may be several.
    pub each: Option<Each>,
    /// Checks the arguments.
    pub check: Option<Check>,
}

impl FetchRow {
    /// Whether its value grows with what arrives: a test on it that fails may still succeed.
    pub(crate) fn grows(&self) -> bool {
        matches!(self.name, "req.len" | "req_len" | "res.len")
    }

    /// The line of `-dKsmp`: `[ Y Y … ] name(args): type`.
    #[must_use]
    pub fn dump(&self) -> String {
        format!(
            "[ {}] {}{}: {}",
            self.source.points.cells(),
            self.name,
            dump_args(self.args, self.required),
            self.output.name()
        )
    }

    /// With a function that visits every value.
    pub(crate) const fn with_each(mut self, each: Each) -> Self {
        self.each = Some(each);
        self
    }

    /// With a check of the arguments.
    pub(crate) const fn with_check(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }
}

/// Arguments as `-dK` prints them: `(string[,integer])`.
pub(crate) fn dump_args(args: &[ArgType], required: u8) -> String {
    let required = usize::from(required);
    if args.is_empty() {
        return String::new();
    }
    let names = |part: &[ArgType]| part.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(",");
    let (first, rest) = args.split_at(required.min(args.len()));
    match (first.is_empty(), rest.is_empty()) {
        (_, true) => format!("({})", names(first)),
        (true, false) => format!("([{}])", names(rest)),
        (false, false) => format!("({}[,{}])", names(first), names(rest)),
    }
}

/// A row without specialities.
#[expect(clippy::too_many_arguments, reason = "a table row")]
pub(crate) const fn row(
    name: &'static str,
    args: &'static [ArgType],
    required: u8,
    output: Type,
    source: Source,
    since: (u8, u8),
    doc: &'static str,
    run: Run,
) -> FetchRow {
    FetchRow { name, args, required, output, source, since, doc, run, each: None, check: None }
}
