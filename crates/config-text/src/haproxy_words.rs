//! Cuts a line of haproxy.cfg into words (configuration manual, sections 2.2 and 2.3).
//!
//! Owns quoting, escapes and the expansion of environment variables. It knows no keyword and reads no environment itself:
//! variables come through [`Variables`]. The error texts, positions and carets are the reference's.

use crate::{FileId, Span, Word};
use bstr::BString;
use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_while, take_while_m_n, take_while1};
use nom::combinator::{map, opt, value, verify};
use nom::error::{ErrorKind, ParseError};
use nom::sequence::preceded;
use nom::{Err, IResult, Parser};
use std::fmt;

/// Most words on a line.
pub const MAX_WORDS: usize = 64;

/// Where `$NAME` and `${NAME}` look.
pub trait Variables {
    /// The value of a variable; none when it is not set. Names that begin with a dot are pseudo-variables (`.FILE`, `.LINE`,
    /// `.SECTION`).
    fn value(&self, name: &str) -> Option<String>;
}

/// No variables at all.
impl Variables for () {
    fn value(&self, _name: &str) -> Option<String> {
        None
    }
}

/// What is wrong with the line, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitError {
    /// What.
    pub kind: SplitErrorKind,
    /// Byte in the line, counted from 0.
    pub offset: usize,
}

/// The ways in which a line cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitErrorKind {
    /// A quote that nothing closes.
    Quote,
    /// `\x` without two hexadecimal digits.
    Hex,
    /// `${` without `}`.
    Brace,
    /// A variable's name begins with something else than a letter or an underscore.
    VariableName,
    /// `[` in a variable that is not `[*]`.
    Expansion,
    /// More than [`MAX_WORDS`] words.
    TooManyWords,
}

impl fmt::Display for SplitErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quote => "unmatched quote",
            Self::Hex => "truncated or invalid hexadecimal sequence",
            Self::Brace => "unmatched brace in environment variable name",
            Self::VariableName => "forbidden first char in environment variable name",
            Self::Expansion => "truncated or invalid word expansion sequence",
            Self::TooManyWords => "too many words",
        })
    }
}

impl SplitError {
    /// The reference's text with the line and a caret under the place.
    #[must_use]
    pub fn text(&self, line: &[u8]) -> String {
        if self.kind == SplitErrorKind::TooManyWords {
            let word: Vec<u8> = line
                .get(self.offset..)
                .unwrap_or_default()
                .iter()
                .copied()
                .take_while(|b| !is_blank(*b))
                .collect();
            return format!(
                "{}, truncating after word {MAX_WORDS}, position {}: <{}>.",
                self.kind,
                // HAPROXY: this position counts from the line's first word.
                self.offset + 1 - line.iter().take_while(|b| is_blank(**b)).count().min(self.offset),
                String::from_utf8_lossy(&word)
            );
        }
        format!("{} at position {}:\n{}", self.kind, self.offset + 1, caret(line, self.offset))
    }
}

/// Width of the excerpt in front of which a caret stands.
const EXCERPT: usize = 80;

/// Two lines: an excerpt of `line` in which blanks are spaces, and a caret under byte `offset`.
#[must_use]
pub fn caret(line: &[u8], offset: usize) -> String {
    let indent = line.iter().take_while(|b| is_blank(**b)).count();
    let text: String = String::from_utf8_lossy(line.get(indent..).unwrap_or_default())
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let at = offset.saturating_sub(indent);
    if at < EXCERPT {
        let head: String = text.chars().take(EXCERPT).collect();
        return format!("  {head}\n  {:at$}^", "");
    }
    // HAPROXY: a far place is shown in column 40, with dots on both sides even when nothing follows.
    let middle = EXCERPT / 2;
    let tail: String = text.chars().skip(at - middle + 3).take(EXCERPT - 6).collect();
    format!("  ...{tail}...\n  {:middle$}^", "")
}

/// Cuts one line (without its LF) into words.
///
/// # Errors
/// See [`SplitErrorKind`].
pub fn split_words(
    line: &[u8],
    file: FileId,
    number: u32,
    variables: &dyn Variables,
) -> Result<Vec<Word>, SplitError> {
    let mut cutter = Cutter { whole: line, file, number, variables, words: Vec::new(), open: None };
    cutter.run()?;
    Ok(cutter.words)
}

struct Cutter<'a> {
    whole: &'a [u8],
    file: FileId,
    number: u32,
    variables: &'a dyn Variables,
    words: Vec<Word>,
    /// The word being built and the byte it began at.
    open: Option<(usize, BString)>,
}

impl<'a> Cutter<'a> {
    fn run(&mut self) -> Result<(), SplitError> {
        let mut rest = self.whole;
        while !rest.is_empty() {
            let at = self.offset(rest);
            let (next, piece) = piece(rest).map_err(|e| self.error(e))?;
            match piece {
                Piece::Blank => self.close(at)?,
                Piece::Comment => break,
                Piece::Byte(byte) => self.push(at, &[byte]),
                Piece::Plain(bytes) => self.push(at, bytes),
                Piece::Strong => {
                    self.push(at, b"");
                    let Some(end) = next.iter().position(|b| *b == b'\'') else {
                        return Err(SplitError { kind: SplitErrorKind::Quote, offset: at });
                    };
                    let (inside, after) = next.split_at(end);
                    self.push(at, inside);
                    rest = after.get(1..).unwrap_or_default();
                    continue;
                }
                Piece::Weak => {
                    self.push(at, b"");
                    rest = self.weak(next, at)?;
                    continue;
                }
            }
            rest = next;
        }
        self.close(self.offset(rest))
    }

    /// The inside of double quotes; returns what follows the closing one.
    fn weak(&mut self, mut rest: &'a [u8], opened: usize) -> Result<&'a [u8], SplitError> {
        loop {
            let at = self.offset(rest);
            if rest.is_empty() {
                return Err(SplitError { kind: SplitErrorKind::Quote, offset: opened });
            }
            let (next, piece) = weak_piece(rest).map_err(|e| self.error(e))?;
            match piece {
                WeakPiece::End => return Ok(next),
                WeakPiece::Byte(byte) => self.push(at, &[byte]),
                WeakPiece::Plain(bytes) => self.push(at, bytes),
                WeakPiece::Variable { name, default, expand } => {
                    let name = String::from_utf8_lossy(name);
                    let value = self.variables.value(&name).map(String::into_bytes);
                    match value.or_else(|| default.map(<[u8]>::to_vec)) {
                        Some(value) if expand => self.expand(at, &value)?,
                        Some(value) => self.push(at, &value),
                        None => {
                            // HAPROXY: a quoted word of nothing but variables that ends in an unset one is no word at all.
                            let empty = self.open.as_ref().is_none_or(|(_, text)| text.is_empty());
                            if empty && ends_word(next) {
                                self.open = None;
                                return Ok(next.get(1..).unwrap_or_default());
                            }
                        }
                    }
                }
            }
            rest = next;
        }
    }

    /// `${NAME[*]}`: each blank in the value cuts a word.
    fn expand(&mut self, at: usize, value: &[u8]) -> Result<(), SplitError> {
        for byte in value {
            if is_blank(*byte) { self.close(at)? } else { self.push(at, &[*byte]) }
        }
        Ok(())
    }

    fn push(&mut self, at: usize, bytes: &[u8]) {
        self.open.get_or_insert_with(|| (at, BString::default())).1.extend_from_slice(bytes);
    }

    fn close(&mut self, end: usize) -> Result<(), SplitError> {
        let Some((start, text)) = self.open.take() else { return Ok(()) };
        if self.words.len() == MAX_WORDS {
            let offset = self.words.last().map_or(0, |w| w.span.start as usize);
            return Err(SplitError { kind: SplitErrorKind::TooManyWords, offset });
        }
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let span = Span { file: self.file, line: self.number, start: clamp(start), end: clamp(end) };
        self.words.push(Word { text, span });
        Ok(())
    }

    fn offset(&self, rest: &[u8]) -> usize {
        self.whole.len() - rest.len()
    }

    fn error(&self, error: Err<Fault<'_>>) -> SplitError {
        match error {
            Err::Error(f) | Err::Failure(f) => SplitError { kind: f.kind, offset: self.offset(f.rest) },
            Err::Incomplete(_) => SplitError { kind: SplitErrorKind::Quote, offset: self.whole.len() },
        }
    }
}

/// Whether a closing quote and the end of the word follow.
fn ends_word(rest: &[u8]) -> bool {
    rest.first() == Some(&b'"') && rest.get(1).is_none_or(|b| is_blank(*b))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

// ---- grammar ----

#[derive(Clone, Debug, PartialEq)]
enum Piece<'a> {
    Blank,
    Comment,
    Strong,
    Weak,
    Byte(u8),
    Plain(&'a [u8]),
}

#[derive(Clone, Debug, PartialEq)]
enum WeakPiece<'a> {
    End,
    Byte(u8),
    Plain(&'a [u8]),
    Variable { name: &'a [u8], default: Option<&'a [u8]>, expand: bool },
}

/// What a grammar rule reports, with the bytes from the offending one on.
#[derive(Debug)]
struct Fault<'a> {
    kind: SplitErrorKind,
    rest: &'a [u8],
}

impl<'a> ParseError<&'a [u8]> for Fault<'a> {
    fn from_error_kind(rest: &'a [u8], _: ErrorKind) -> Self {
        Fault { kind: SplitErrorKind::Quote, rest }
    }
    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, Fault<'a>>;

fn fail<'a, T>(kind: SplitErrorKind, rest: &'a [u8]) -> Parsed<'a, T> {
    Err(Err::Failure(Fault { kind, rest }))
}

fn piece(input: &[u8]) -> Parsed<'_, Piece<'_>> {
    alt((
        value(Piece::Blank, take_while1(is_blank)),
        value(Piece::Comment, tag(&b"#"[..])),
        value(Piece::Strong, tag(&b"'"[..])),
        value(Piece::Weak, tag(&b"\""[..])),
        map(|i| escape(i, false), Piece::Byte),
        map(take_while1(|b| !is_blank(b) && !b"#'\"\\".contains(&b)), Piece::Plain),
    ))
    .parse(input)
}

fn weak_piece(input: &[u8]) -> Parsed<'_, WeakPiece<'_>> {
    alt((
        value(WeakPiece::End, tag(&b"\""[..])),
        map(|i| escape(i, true), WeakPiece::Byte),
        preceded(tag(&b"$"[..]), variable),
        map(take_while1(|b| !b"\"\\$".contains(&b)), WeakPiece::Plain),
    ))
    .parse(input)
}

/// A backslash and what it makes; a backslash in front of anything else stands for itself.
fn escape(input: &[u8], weak: bool) -> Parsed<'_, u8> {
    let (rest, _) = tag(&b"\\"[..]).parse(input)?;
    let (after, next) = opt(take(1usize)).parse(rest)?;
    let byte = match next.and_then(|n: &[u8]| n.first().copied()) {
        Some(b @ (b' ' | b'\\' | b'#' | b'\'' | b'"' | b'\t')) => b,
        Some(b'$') if weak => b'$',
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'x') => {
            let digits = take_while_m_n(2, 2, |b: u8| b.is_ascii_hexdigit());
            let parsed: Parsed<'_, &[u8]> = { digits }.parse(after);
            let Ok((after, digits)) = parsed else { return fail(SplitErrorKind::Hex, input) };
            let byte = std::str::from_utf8(digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok());
            return Ok((after, byte.unwrap_or_default()));
        }
        _ => return Ok((rest, b'\\')),
    };
    Ok((after, byte))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What follows the dollar: `NAME`, `{NAME}`, `{NAME-default}`, `{NAME[*]}`.
fn variable(input: &[u8]) -> Parsed<'_, WeakPiece<'_>> {
    let (rest, brace) = opt(tag(&b"{"[..])).parse(input)?;
    let (rest, name) = name(rest)?;
    if brace.is_none() {
        return Ok((rest, WeakPiece::Variable { name, default: None, expand: false }));
    }
    let (rest, expand) = if rest.first() == Some(&b'[') {
        let parsed: Parsed<'_, &[u8]> = tag(&b"[*]"[..]).parse(rest);
        let Ok((after, _)) = parsed else { return fail(SplitErrorKind::Expansion, rest) };
        (after, true)
    } else {
        (rest, false)
    };
    let (rest, default) = opt(preceded(tag(&b"-"[..]), take_while(|b| b != b'}'))).parse(rest)?;
    let closed: Parsed<'_, &[u8]> = tag(&b"}"[..]).parse(rest);
    let Ok((rest, _)) = closed else { return fail(SplitErrorKind::Brace, input) };
    Ok((rest, WeakPiece::Variable { name, default, expand }))
}

fn name(input: &[u8]) -> Parsed<'_, &[u8]> {
    let pseudo = verify(take_while(|b| is_name(b) || b == b'.'), |n: &[u8]| {
        matches!(n, b".FILE" | b".LINE" | b".SECTION")
    });
    let plain = verify(take_while1(is_name), |n: &[u8]| n.first().is_some_and(|b| !b.is_ascii_digit()));
    let parsed: Parsed<'_, &[u8]> = alt((pseudo, plain)).parse(input);
    parsed.or_else(|_| fail(SplitErrorKind::VariableName, input))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    struct Env;
    impl Variables for Env {
        fn value(&self, name: &str) -> Option<String> {
            match name {
                "HOME" => Some("/root".into()),
                "E" => Some(String::new()),
                "B" => Some("p q".into()),
                ".LINE" => Some("20".into()),
                _ => None,
            }
        }
    }

    fn words(line: &str) -> Vec<String> {
        let words = split_words(line.as_bytes(), FileId(0), 1, &Env).expect(line);
        words.iter().map(Word::lossy).collect()
    }

    #[test]
    fn quotes_and_escapes() {
        let cases: &[(&str, &[&str])] = &[
            (r#"a "a\yb" a\yb"#, &["a", r"a\yb", r"a\yb"]),
            (r#"a\'b "a\'b" "a\$b" a\$b a$b"#, &["a'b", "a'b", "a$b", r"a\$b", "a$b"]),
            (r#""a\ b" 'a\nb' a\"#, &["a b", r"a\nb", r"a\"]),
            (r#"a\#b#c"#, &["a#b"]),
            (r#""x\x41y"\x42"#, &["xAyB"]),
            (r#""" x '' a"""#, &["", "x", "", "a"]),
            ("  \t a\u{b}b\r", &["a", "b"]),
            ("# all", &[]),
        ];
        for (line, want) in cases {
            assert_eq!(words(line), *want, "{line}");
        }
    }

    #[test]
    fn variables() {
        let cases: &[(&str, &[&str])] = &[
            (r#"${A} "${A-def} ${A-d e f}""#, &["${A}", "def d e f"]),
            (r#""${HOME}${HOME}/$HOME.x""#, &["/root/root//root.x"]),
            (r#""${.LINE}x$.LINE""#, &["20x20"]),
            (r#"a"${B[*]}"c"#, &["ap", "qc"]),
            (r#""${A-\"q}" "${A-}}""#, &[r#"\"q"#, "}"]),
            // measured: an unset variable at the end of an empty quoted word removes the word
            (r#""${E}" "${U}${U}" "${U}""" """${U}" "${E}${U}""#, &["", ""]),
            (r#""${U[*]}" "${E[*]}" "${U-}" "$U" "$U"x"#, &["", "", "x"]),
        ];
        for (line, want) in cases {
            assert_eq!(words(line), *want, "{line}");
        }
    }

    #[test]
    fn errors_have_the_references_text() {
        let cases = [
            (" foo \\x4g", "truncated or invalid hexadecimal sequence at position 6:\n  foo \\x4g\n      ^"),
            ("\tfoo \t \"abc", "unmatched quote at position 8:\n  foo   \"abc\n        ^"),
            (
                " foo \"${FOO\" ",
                "unmatched brace in environment variable name at position 8:\n  foo \"${FOO\" \n        ^",
            ),
            (
                " foo \"$$\"",
                "forbidden first char in environment variable name at position 8:\n  foo \"$$\"\n        ^",
            ),
            (
                " foo \"${A[x]}\"",
                "truncated or invalid word expansion sequence at position 10:\n  foo \"${A[x]}\"\n          ^",
            ),
        ];
        for (line, want) in cases {
            let error = split_words(line.as_bytes(), FileId(0), 1, &Env).expect_err(line);
            assert_eq!(error.text(line.as_bytes()), want);
        }
    }

    #[test]
    fn far_errors_are_shown_in_the_middle() {
        let line = format!("{} \"abcde", "0123456789".repeat(8));
        let error = split_words(line.as_bytes(), FileId(0), 1, &()).unwrap_err();
        assert_eq!(
            error.text(line.as_bytes()),
            format!(
                "unmatched quote at position 82:\n  ...4567890123456789012345678901234567{} \"abcde...\n  {:40}^",
                "89", ""
            )
        );
    }

    #[test]
    fn no_more_than_64_words() {
        let line = (1..=70).map(|n| format!("a{n}")).collect::<Vec<_>>().join(" ");
        let error = split_words(format!(" bind {line}").as_bytes(), FileId(0), 1, &()).unwrap_err();
        assert_eq!(
            error.text(format!(" bind {line}").as_bytes()),
            "too many words, truncating after word 64, position 245: <a63>."
        );
    }
}
