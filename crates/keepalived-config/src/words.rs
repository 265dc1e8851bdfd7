//! Words of a line, in two ways. keepalived.conf(5), "Quoted strings".
//!
//! A line comes in with comments and variables already dealt with. [`tokens`] cuts it into words and braces: `"` is the only
//! quote, nothing is escaped, and braces are tokens of their own wherever they stand outside quotes; `${…}` that no definition
//! replaced stays part of its word. What a script is run by is read once more by [`quoted_words`], for which `'` quotes, too,
//! quotes may stand inside words, and escapes mean something.

use std::ops::Range;

use bstr::{BString, ByteSlice};
use config_text::{Span, Word};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{anychar, one_of};
use nom::combinator::{map, recognize, value, verify};
use nom::multi::many0;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word, and where it stands in the line.
    Word(Word, Range<usize>),
    /// `{`
    Open(Span),
    /// `}`
    Close(Span),
}

/// A word of a script's line in both forms: with quotes and escapes resolved, and as written between its quotes. Commands are
/// split from the second one, so that their escapes are resolved once, after splitting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QuotedWord {
    /// Resolved.
    pub(crate) text: BString,
    /// As written, without the enclosing quotes.
    pub(crate) raw: BString,
}

/// A quote that nothing closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unterminated {
    /// Byte offset of the quote in the line.
    pub(crate) at: usize,
}

/// Cuts a line into tokens. What an unterminated quote begins is left out and reported.
pub(crate) fn tokens(
    line: &[u8],
    place: impl Fn(usize, usize) -> Span,
) -> (Vec<Token>, Option<Unterminated>) {
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_with(|c| c.is_ascii_whitespace());
        if rest.is_empty() {
            return (found, None);
        }
        let start = line.len() - rest.len();
        // A lone quote is the only thing that no rule takes.
        let Ok((after, piece)) = piece(rest) else { return (found, Some(Unterminated { at: start })) };
        let end = line.len() - after.len();
        let span = place(start, end);
        found.push(match piece {
            Piece::Open => Token::Open(span),
            Piece::Close => Token::Close(span),
            Piece::Text(text) => Token::Word(Word { text: text.into(), span }, start..end),
        });
        rest = after;
    }
}

/// The words of a script's line.
pub(crate) fn quoted_words(line: &[u8]) -> Result<Vec<QuotedWord>, Unterminated> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_with(|c| c.is_ascii_whitespace());
        if rest.is_empty() {
            return Ok(words);
        }
        let at = line.len() - rest.len();
        let Ok((after, parts)) = command_word(rest) else { return Err(Unterminated { at }) };
        words.push(word_of(&parts));
        rest = after;
    }
}

/// Splits a script command into its arguments: blanks separate, quotes keep them, escapes are resolved.
pub(crate) fn command_words(text: &[u8]) -> Result<Vec<BString>, Unterminated> {
    Ok(quoted_words(text)?.into_iter().map(|word| word.text).collect())
}

/// The stretch of a line in front of a comment. `#` and `!` start one anywhere outside `"`.
pub(crate) fn without_comment(line: &[u8]) -> &[u8] {
    let mut quoted = false;
    for (at, &byte) in line.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'#' | b'!' if !quoted => return line.get(..at).unwrap_or(line),
            _ => {}
        }
    }
    line
}

/// What a line is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Open,
    Close,
    /// A word, without its quotes.
    Text(&'a [u8]),
}

fn piece(input: &[u8]) -> IResult<&[u8], Piece<'_>> {
    let quoted = delimited(tag("\""), take_while(|c: u8| c != b'"'), tag("\""));
    let bare = take_while1(|c: u8| !c.is_ascii_whitespace() && !b"\"{}$".contains(&c));
    alt((
        value(Piece::Open, tag("{")),
        value(Piece::Close, tag("}")),
        map(quoted, Piece::Text),
        map(recognize(nonempty(alt((bare, recognize(variable), tag("$"))))), Piece::Text),
    ))
    .parse(input)
}

/// What a word of a script's line is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    /// Bytes without quotes; escapes are resolved later.
    Plain(&'a [u8]),
    /// The inside of quotes.
    Quoted(&'a [u8]),
}

fn command_word(input: &[u8]) -> IResult<&[u8], Vec<Part<'_>>> {
    nonempty(alt((quoted, map(recognize(nonempty(alt((escape, plain)))), Part::Plain)))).parse(input)
}

fn nonempty<'a, O: 'a, P>(
    piece: P,
) -> impl Parser<&'a [u8], Output = Vec<O>, Error = nom::error::Error<&'a [u8]>>
where
    P: Parser<&'a [u8], Output = O, Error = nom::error::Error<&'a [u8]>>,
{
    verify(many0(piece), |pieces: &Vec<O>| !pieces.is_empty())
}

/// `${NAME}`: its braces open no block.
fn variable(input: &[u8]) -> IResult<&[u8], &[u8]> {
    delimited(tag("${"), take_while(|c: u8| c != b'}' && c != b'{' && c != b'"'), tag("}")).parse(input)
}

fn quoted(input: &[u8]) -> IResult<&[u8], Part<'_>> {
    let inside = |quote: char| {
        terminated(
            recognize(many0(alt((escape, take_while1(move |c: u8| c != b'\\' && char::from(c) != quote))))),
            one_of(if quote == '"' { "\"" } else { "'" }),
        )
    };
    map(alt((preceded(tag("\""), inside('"')), preceded(tag("'"), inside('\'')))), Part::Quoted).parse(input)
}

/// A backslash and the character after it, unresolved; a backslash at the end stands for itself.
fn escape(input: &[u8]) -> IResult<&[u8], &[u8]> {
    alt((recognize((tag("\\"), anychar_byte)), verify(tag("\\"), |_: &[u8]| input.len() == 1))).parse(input)
}

fn anychar_byte(input: &[u8]) -> IResult<&[u8], char> {
    anychar(input)
}

fn plain(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while1(|c: u8| !c.is_ascii_whitespace() && !b"\"'\\".contains(&c)).parse(input)
}

fn word_of(parts: &[Part<'_>]) -> QuotedWord {
    let mut text = BString::default();
    let mut raw = BString::default();
    for part in parts {
        let (Part::Plain(bytes) | Part::Quoted(bytes)) = *part;
        unescape(bytes, &mut text);
        raw.extend_from_slice(bytes);
    }
    QuotedWord { text, raw }
}

/// Resolves `\a \b \E \f \n \r \t \v \nnn \xXX \cC`; any other escaped character stands for itself.
fn unescape(bytes: &[u8], into: &mut BString) {
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            into.push(byte);
            continue;
        }
        let Some((&kind, after)) = rest.split_first() else {
            into.push(b'\\');
            return;
        };
        rest = after;
        match kind {
            b'a' => into.push(7),
            b'b' => into.push(8),
            b'E' => into.push(27),
            b'f' => into.push(12),
            b'n' => into.push(b'\n'),
            b'r' => into.push(b'\r'),
            b't' => into.push(b'\t'),
            b'v' => into.push(11),
            b'c' => {
                if let Some((&control, after)) = rest.split_first() {
                    into.push(control & 0x1f);
                    rest = after;
                }
            }
            b'x' => {
                let digits = rest.iter().take(2).take_while(|c| c.is_ascii_hexdigit()).count();
                let (number, after) = rest.split_at(digits);
                into.push(number.iter().fold(0, |n, &c| (n << 4) | hex_value(c)));
                rest = after;
            }
            b'0'..=b'7' => {
                let digits = rest.iter().take(2).take_while(|c| (b'0'..=b'7').contains(*c)).count();
                let (number, after) = rest.split_at(digits);
                let first = u32::from(kind - b'0');
                let code = number.iter().fold(first, |n, &c| (n << 3) | u32::from(c - b'0'));
                into.push((code & 0xff) as u8);
                rest = after;
            }
            other => into.push(other),
        }
    }
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |d| d as u8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use config_text::FileId;
    use proptest::prelude::*;

    fn place(start: usize, end: usize) -> Span {
        Span { file: FileId(0), line: 1, start: start as u32, end: end as u32 }
    }

    fn show(line: &str) -> String {
        let (tokens, bad) = tokens(line.as_bytes(), place);
        let mut out: Vec<String> = tokens
            .iter()
            .map(|t| match t {
                Token::Open(_) => "<{>".to_owned(),
                Token::Close(_) => "<}>".to_owned(),
                Token::Word(w, _) => w.lossy(),
            })
            .collect();
        if bad.is_some() {
            out.push("!".to_owned());
        }
        out.join("|")
    }

    #[test]
    fn words_quotes_and_braces() {
        for (line, want) in [
            (
                "vrrp_script s3{ script \"/usr/bin/test\" user root }",
                "vrrp_script|s3|<{>|script|/usr/bin/test|user|root|<}>",
            ),
            ("a\"b  c\"d 'e f'", "a|b  c|d|'e|f'"),
            ("\"a \\\"b c", "a \\|b|c"),
            ("\"\\x41\" \\x41 a\\ b", "\\x41|\\x41|a\\|b"),
            ("router_id John's", "router_id|John's"),
            ("x ${ZZ} ${_A}{", "x|${ZZ}|${_A}|<{>"),
            ("$ a$ ${b", "$|a$|$|<{>|b"),
            ("\"\" a", "|a"),
            ("script x \"/tmp/abc", "script|x|!"),
            ("a\\", "a\\"),
            ("   ", ""),
            ("\\{ a", "\\|<{>|a"),
        ] {
            assert_eq!(show(line), want, "{line}");
        }
    }

    #[test]
    fn spans_point_at_the_words() {
        let (tokens, _) = tokens(b"  state \"MAS TER\" {", place);
        let spans: Vec<_> = tokens
            .iter()
            .map(|t| match t {
                Token::Word(w, _) => (w.span.start, w.span.end),
                Token::Open(s) | Token::Close(s) => (s.start, s.end),
            })
            .collect();
        assert_eq!(spans, [(2, 7), (8, 17), (18, 19)]);
    }

    /// The example of keepalived.conf(5), "Quoted strings".
    #[test]
    fn command_of_the_manual() {
        let line = br#"notify_master "/etc/keepalived/notify_event.sh ' spaces\\x20f\x69le ' '\"s p a c e \"' SG1.low master" user group"#;
        let words = quoted_words(line).unwrap();
        assert_eq!(
            command_words(&words[1].raw).unwrap(),
            ["/etc/keepalived/notify_event.sh", " spaces\\x20file ", "\"s p a c e \"", "SG1.low", "master"]
        );
        assert_eq!(words.len(), 4);
    }

    /// Commands of the reference for the same lines.
    #[test]
    fn commands() {
        let rows: [(&str, &[&str]); 9] = [
            ("n '/x a b'", &["/x", "a", "b"]),
            ("n \"/x a\"b", &["/x", "ab"]),
            ("n \"/x 'a b' \\\"c d\\\" \\x41\"", &["/x", "a b", "\"c", "d\"", "A"]),
            ("n /x' a'", &["/x", "a"]),
            ("n \"/x \\\\ \\\\\\\\ x\"", &["/x", "\\", "\\\\", "x"]),
            ("n \"/x a\\tb \\ttc\"", &["/x", "a\tb", "\ttc"]),
            ("n \"/x 'a\\'b'\"", &["/x", "a'b"]),
            ("n \"/x a'b c'd\"", &["/x", "ab cd"]),
            ("n '/x \"a b\" c'", &["/x", "a b", "c"]),
        ];
        for (line, want) in rows {
            let words = quoted_words(line.as_bytes()).unwrap();
            assert_eq!(command_words(&words[1].raw).unwrap(), want, "{line}");
        }
    }

    #[test]
    fn comments_end_lines_outside_quotes() {
        assert_eq!(without_comment(b"a \"#b\" !c"), b"a \"#b\" ");
        assert_eq!(without_comment(b"vrid 5#1"), b"vrid 5");
        assert_eq!(without_comment(b"a '#b'"), b"a '");
        assert_eq!(without_comment(b"a\\# b"), b"a\\");
        assert_eq!(without_comment("# 每 2 秒".as_bytes()), b"");
    }

    proptest! {
        /// Whatever the bytes, every token ends after it starts, in order, and nothing panics.
        #[test]
        fn any_line_is_cut(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let line: Vec<u8> = line.into_iter().filter(|b| *b != b'\n').collect();
            let (tokens, _) = tokens(without_comment(&line), place);
            let mut at = 0;
            for token in tokens {
                let span = match token { Token::Word(w, _) => w.span, Token::Open(s) | Token::Close(s) => s };
                prop_assert!(span.start >= at && span.end > span.start);
                at = span.end;
            }
            let _ = command_words(&line);
        }
    }
}
