//! The row of a converter in its table.

use crate::arg::{Arg, ArgType};
use crate::fetch::Check;
use crate::{Cx, Type, Value};

/// Converts a value that was cast to the input type; none makes the whole expression have no value.
pub(crate) type Run = for<'a> fn(Value<'a>, &'a [Arg], &Cx<'a>) -> Option<Value<'a>>;

/// A converter.
#[derive(Debug)]
pub struct ConverterRow {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub args: &'static [ArgType],
    /// How many of them are mandatory.
    pub required: u8,
    /// What it takes.
    pub input: Type,
    /// What it gives.
    pub output: Type,
    /// The version of the reference that first had it.
    pub since: (u8, u8),
    /// One line for the documentation.
    pub doc: &'static str,
    /// Converts.
    pub run: Run,
    /// Checks and completes the arguments.
    pub check: Option<Check>,
}

impl ConverterRow {
    /// The line of `-dKcnv`: `name(args): output => input`, as the reference writes it.
    #[must_use]
    pub fn dump(&self) -> String {
        let output = if self.output == Type::Same { self.input } else { self.output };
        format!(
            "{}{}: {} => {}",
            self.name,
            crate::fetch::dump_args(self.args, self.required),
            output.name(),
            self.input.name()
        )
    }

    /// With a check of the arguments.
    pub(crate) const fn with_check(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }
}

/// A row without specialities.
#[expect(clippy::too_many_arguments, reason = "a table row")]
pub(crate) const fn row(
    name: &'static str,
    args: &'static [ArgType],
    required: u8,
    input: Type,
    output: Type,
    since: (u8, u8),
    doc: &'static str,
    run: Run,
) -> ConverterRow {
    ConverterRow { name, args, required, input, output, since, doc, run, check: None }
}
