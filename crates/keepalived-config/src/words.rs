//! Words of a line: quotes, escapes and braces. keepalived.conf(5), "Quoted strings".
//!
//! A line comes in with comments and variables already dealt with. Braces are tokens of their own wherever they stand outside
//! quotes; `${…}` that no definition replaced stays part of its word.

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
    /// A word.
    Word(RawWord),
    /// `{`
    Open(Span),
    /// `}`
    Close(Span),
}

/// A word in both forms: with quotes and escapes resolved, and as written between its quotes. Script commands are split
/// from the second one, so that their escapes are resolved once, after splitting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawWord {
    /// Resolved, with its place.
    pub(crate) word: Word,
    /// As written, without the enclosing quotes.
    pub(crate) raw: BString,
}

/// A quote that nothing closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unterminated {
    /// Byte offset of the quote in the line.
    pub(crate) at: usize,
}

/// Cuts a line into tokens. An unterminated quote ends at the end of the line and is reported.
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
        let Ok((after, pieces)) = token_pieces(rest) else {
            let inside = Piece::Plain(rest.get(1..).unwrap_or_default());
            found.push(Token::Word(word_of(&[inside], place(start, line.len()))));
            return (found, Some(Unterminated { at: start }));
        };
        let end = line.len() - after.len();
        let span = place(start, end);
        match pieces.as_slice() {
            [Piece::Open] => found.push(Token::Open(span)),
            [Piece::Close] => found.push(Token::Close(span)),
            pieces => found.push(Token::Word(word_of(pieces, span))),
        }
        rest = after;
    }
}

/// Splits a script command into its arguments: blanks separate, quotes keep them, escapes are resolved.
pub(crate) fn command_words(text: &[u8]) -> Result<Vec<BString>, Unterminated> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_with(|c| c.is_ascii_whitespace());
        if rest.is_empty() {
            return Ok(words);
        }
        let at = text.len() - rest.len();
        let Ok((after, pieces)) = command_word(rest) else { return Err(Unterminated { at }) };
        words.push(word_of(&pieces, Span::line(config_text::FileId(0), 0)).word.text);
        rest = after;
    }
}

/// The stretch of a line in front of a comment. `#` and `!` start one anywhere outside quotes.
pub(crate) fn without_comment(line: &[u8]) -> &[u8] {
    let mut quote = None;
    let mut escaped = false;
    for (at, &byte) in line.iter().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        match (byte, quote) {
            (b'\\', _) => escaped = true,
            (b'"' | b'\'', None) => quote = Some(byte),
            (b'"' | b'\'', Some(open)) if open == byte => quote = None,
            (b'#' | b'!', None) => return line.get(..at).unwrap_or(line),
            _ => {}
        }
    }
    line
}

/// What a word is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Open,
    Close,
    /// Bytes without quotes; escapes are resolved later.
    Plain(&'a [u8]),
    /// The inside of quotes.
    Quoted(&'a [u8]),
}

type Pieces<'a> = Vec<Piece<'a>>;

fn token_pieces(input: &[u8]) -> IResult<&[u8], Pieces<'_>> {
    alt((
        map(value(Piece::Open, tag("{")), |p| vec![p]),
        map(value(Piece::Close, tag("}")), |p| vec![p]),
        nonempty(alt((
            quoted,
            map(recognize(variable), Piece::Plain),
            map(escape, Piece::Plain),
            plain(b"{}"),
        ))),
    ))
    .parse(input)
}

fn command_word(input: &[u8]) -> IResult<&[u8], Pieces<'_>> {
    nonempty(alt((quoted, map(escape, Piece::Plain), plain(b"")))).parse(input)
}

fn nonempty<'a, P>(
    piece: P,
) -> impl Parser<&'a [u8], Output = Pieces<'a>, Error = nom::error::Error<&'a [u8]>>
where
    P: Parser<&'a [u8], Output = Piece<'a>, Error = nom::error::Error<&'a [u8]>>,
{
    verify(many0(piece), |pieces: &Pieces<'a>| !pieces.is_empty())
}

/// `${NAME}`: its braces open no block.
fn variable(input: &[u8]) -> IResult<&[u8], &[u8]> {
    delimited(tag("${"), take_while(|c: u8| c != b'}' && c != b'{' && c != b'"'), tag("}")).parse(input)
}

fn quoted(input: &[u8]) -> IResult<&[u8], Piece<'_>> {
    let inside = |quote: char| {
        terminated(
            recognize(many0(alt((escape, take_while1(move |c: u8| c != b'\\' && char::from(c) != quote))))),
            one_of(if quote == '"' { "\"" } else { "'" }),
        )
    };
    map(alt((preceded(tag("\""), inside('"')), preceded(tag("'"), inside('\'')))), Piece::Quoted).parse(input)
}

/// A backslash and the character after it, unresolved; a backslash at the end stands for itself.
fn escape(input: &[u8]) -> IResult<&[u8], &[u8]> {
    alt((recognize((tag("\\"), anychar_byte)), verify(tag("\\"), |_: &[u8]| input.len() == 1))).parse(input)
}

fn anychar_byte(input: &[u8]) -> IResult<&[u8], char> {
    anychar(input)
}

fn plain<'a>(
    not: &'static [u8],
) -> impl Parser<&'a [u8], Output = Piece<'a>, Error = nom::error::Error<&'a [u8]>> {
    map(
        take_while1(move |c: u8| {
            !c.is_ascii_whitespace() && c != b'"' && c != b'\'' && c != b'\\' && !not.contains(&c)
        }),
        Piece::Plain,
    )
}

fn word_of(pieces: &[Piece<'_>], span: Span) -> RawWord {
    let mut text = BString::default();
    let mut raw = BString::default();
    // A word that is one quoted string loses its quotes in the raw form; elsewhere they are needed to split it again.
    let whole = pieces.len() == 1;
    for piece in pieces {
        match *piece {
            Piece::Open | Piece::Close => {}
            Piece::Plain(bytes) => {
                unescape(bytes, &mut text);
                raw.extend_from_slice(bytes);
            }
            Piece::Quoted(bytes) => {
                unescape(bytes, &mut text);
                if whole {
                    raw.extend_from_slice(bytes);
                } else {
                    raw.push(b'"');
                    raw.extend_from_slice(bytes);
                    raw.push(b'"');
                }
            }
        }
    }
    RawWord { word: Word { text, span }, raw }
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
                Token::Word(w) => w.word.lossy(),
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
            ("a\"b  c\"d 'e f'", "ab  cd|e f"),
            ("\"a \\\"b\\\" \\x41\\102\\t\"", "a \"b\" AB\t"),
            ("x ${ZZ} ${_A}{", "x|${ZZ}|${_A}|<{>"),
            ("\"\" a", "|a"),
            ("script \"/tmp/abc", "script|/tmp/abc|!"),
            ("a\\", "a\\"),
            ("   ", ""),
            ("\\{ a", "{|a"),
        ] {
            assert_eq!(show(line), want, "{line}");
        }
    }

    #[test]
    fn spans_point_at_the_words() {
        let (tokens, _) = tokens(b"  state 'MAS TER' {", place);
        let spans: Vec<_> = tokens
            .iter()
            .map(|t| match t {
                Token::Word(w) => (w.word.span.start, w.word.span.end),
                Token::Open(s) | Token::Close(s) => (s.start, s.end),
            })
            .collect();
        assert_eq!(spans, [(2, 7), (8, 17), (18, 19)]);
    }

    /// The example of keepalived.conf(5), "Quoted strings".
    #[test]
    fn command_of_the_manual() {
        let line = br#"notify_master "/etc/keepalived/notify_event.sh ' spaces\\x20f\x69le ' '\"s p a c e \"' SG1.low master" user group"#;
        let (tokens, _) = tokens(line, place);
        let Token::Word(script) = &tokens[1] else { panic!() };
        assert_eq!(
            command_words(&script.raw).unwrap(),
            ["/etc/keepalived/notify_event.sh", " spaces\\x20file ", "\"s p a c e \"", "SG1.low", "master"]
        );
        assert_eq!(tokens.len(), 4);
    }

    #[test]
    fn comments_end_lines_outside_quotes() {
        assert_eq!(without_comment(b"a \"#b\" !c"), b"a \"#b\" ");
        assert_eq!(without_comment(b"vrid 5#1"), b"vrid 5");
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
                let span = match token { Token::Word(w) => w.word.span, Token::Open(s) | Token::Close(s) => s };
                prop_assert!(span.start >= at && span.end > span.start);
                at = span.end;
            }
            let _ = command_words(&line);
        }
    }
}
