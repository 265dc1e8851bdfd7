//! Sample expressions: a fetch and its converters (configuration manual, section 7.3).

use crate::arg::Arg;
use crate::{ConverterRow, Cx, FetchRow, Missing, ParseCx, Type, Value};
use config_text::{Problem, Word};
use std::ops::ControlFlow;

/// A parsed sample expression.
#[derive(Clone, Debug)]
pub struct Expr {
    fetch: &'static FetchRow,
    args: Box<[Arg]>,
    converters: Vec<Applied>,
    text: String,
}

#[derive(Clone, Debug)]
struct Applied {
    row: &'static ConverterRow,
    args: Box<[Arg]>,
}

impl Expr {
    /// Parses an expression that starts at `words[*at]`: the fetch with the converters after its comma, then every following word
    /// that is a converter, as the reference takes them. `at` is left at the first word that is not part of it.
    ///
    /// # Errors
    /// The reference's text.
    pub fn parse(words: &[Word], at: &mut usize, cx: &mut ParseCx<'_>) -> Result<Self, Problem> {
        crate::expr_parse::words(words, at, cx)
    }

    /// Parses the expression of a `%[…]` item from the text after the bracket, which may go on after the expression. Returns how
    /// many bytes the expression took.
    ///
    /// # Errors
    /// The reference's text without the `failed to parse sample expression <…> : ` in front.
    pub fn parse_prefix(text: &[u8], cx: &mut ParseCx<'_>) -> Result<(Self, usize), Problem> {
        crate::expr_parse::prefix(text, cx)
    }

    pub(crate) fn new(fetch: &'static FetchRow, args: Box<[Arg]>, text: String) -> Self {
        Self { fetch, args, converters: Vec::new(), text }
    }

    pub(crate) fn push(&mut self, row: &'static ConverterRow, args: Box<[Arg]>) {
        self.converters.push(Applied { row, args });
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn set_text(&mut self, text: String) {
        self.text = text;
    }

    /// The fetch.
    #[must_use]
    pub fn fetch(&self) -> &'static FetchRow {
        self.fetch
    }

    /// The userlist that the fetch names, once bound.
    #[must_use]
    pub fn userlist(&self) -> Option<&crate::UserList> {
        match self.args.first() {
            Some(Arg::UserList(named)) => named.get(),
            _ => None,
        }
    }

    /// Whether converters follow the fetch.
    #[must_use]
    pub fn has_converters(&self) -> bool {
        !self.converters.is_empty()
    }

    /// The type of the result as far as it is known before it runs.
    #[must_use]
    pub fn output(&self) -> Type {
        let mut kind = self.fetch.output;
        for applied in &self.converters {
            if applied.row.output != Type::Same {
                kind = applied.row.output;
            }
        }
        kind
    }

    /// The value; one value where the fetch has several (the last occurrence for headers).
    ///
    /// # Errors
    /// [`Missing::Absent`] when there is no value, [`Missing::NotYet`] when one may still come.
    pub fn eval<'a>(&'a self, cx: &Cx<'a>) -> Result<Value<'a>, Missing> {
        let value = (self.fetch.run)(cx, &self.args).map_err(|missing| missing.settle(cx))?;
        self.convert(value, cx).ok_or(Missing::Absent)
    }

    /// The value, when there is one now.
    #[must_use]
    pub fn value<'a>(&'a self, cx: &Cx<'a>) -> Option<Value<'a>> {
        self.eval(cx).ok()
    }

    /// The value as a text.
    #[must_use]
    pub fn text_value<'a>(&'a self, cx: &Cx<'a>) -> Option<std::borrow::Cow<'a, [u8]>> {
        self.value(cx).map(Value::into_text)
    }

    /// Every value that the fetch has, converted, until `visit` breaks. ACLs match against each.
    ///
    /// # Errors
    /// As for [`Expr::eval`], when there was no value at all.
    pub fn each<'a>(
        &'a self,
        cx: &Cx<'a>,
        visit: &mut dyn FnMut(Value<'a>) -> ControlFlow<()>,
    ) -> Result<(), Missing> {
        let Some(each) = self.fetch.each else {
            let value = self.eval(cx)?;
            let _ = visit(value);
            return Ok(());
        };
        each(cx, &self.args, &mut |value| match self.convert(value, cx) {
            Some(value) => visit(value),
            None => ControlFlow::Continue(()),
        })
        .map_err(|missing| missing.settle(cx))
    }

    fn convert<'a>(&'a self, mut value: Value<'a>, cx: &Cx<'a>) -> Option<Value<'a>> {
        for applied in &self.converters {
            value = (applied.row.run)(value.cast(applied.row.input)?, &applied.args, cx)?;
            value.cut(cx.env.room());
        }
        Some(value)
    }
}
