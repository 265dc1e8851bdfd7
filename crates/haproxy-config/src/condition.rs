//! The language of `.if`, `.elif` and `-cc` (configuration manual, section 2.4).
//!
//! `||` binds least, then `&&`; `!` and parentheses bind most. Both sides of an operator are parsed even when one decides.

use crate::load::Features;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::opt;
use nom::{IResult, Parser};
use std::collections::BTreeMap;

/// Why an expression cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConditionError {
    /// The reference's text.
    pub(crate) text: String,
    /// How many bytes from the end of the expression the offending place lies.
    pub(crate) left: usize,
}

/// Evaluates an expression.
pub(crate) fn evaluate(
    expression: &str,
    features: &Features,
    environment: &BTreeMap<String, String>,
) -> Result<bool, ConditionError> {
    let facts = Facts { features, environment };
    let start = expression.trim_start_matches([' ', '\t']);
    if start.is_empty() {
        return Ok(false);
    }
    let (rest, value) = facts.any_of(start, 0)?;
    let rest = rest.trim_start_matches([' ', '\t']);
    match rest.chars().next() {
        None => Ok(value),
        Some(c) => Err(ConditionError {
            text: format!("unexpected character '{c}' at the end of conditional expression '{expression}'"),
            left: rest.len(),
        }),
    }
}

/// Deepest nesting: what every thread's stack bears. The reference stops at 1024.
const DEPTH: usize = 200;

struct Facts<'f> {
    features: &'f Features,
    environment: &'f BTreeMap<String, String>,
}

type Evaluated<'e> = Result<(&'e str, bool), ConditionError>;

impl Facts<'_> {
    fn any_of<'e>(&self, text: &'e str, depth: usize) -> Evaluated<'e> {
        let (mut rest, mut value) = self.all_of(text, depth)?;
        while let Some(after) = blanks(rest).strip_prefix("||") {
            let (next, right) = self.all_of(after, depth)?;
            value = value || right;
            rest = next;
        }
        Ok((rest, value))
    }

    fn all_of<'e>(&self, text: &'e str, depth: usize) -> Evaluated<'e> {
        let (mut rest, mut value) = self.term(text, depth)?;
        while let Some(after) = blanks(rest).strip_prefix("&&") {
            let (next, right) = self.term(after, depth).map_err(|e| at_operator(e, after, rest))?;
            value = value && right;
            rest = next;
        }
        Ok((rest, value))
    }

    fn term<'e>(&self, text: &'e str, depth: usize) -> Evaluated<'e> {
        let start = blanks(text);
        if depth > DEPTH {
            return Err(unparsable(start));
        }
        if let Some(after) = start.strip_prefix('!') {
            // HAPROXY: what cannot be parsed is quoted from the first `!` on.
            let (rest, value) = self.term(after, depth + 1).map_err(|e| {
                if e.text.starts_with("unparsable") && e.left == blanks(after).len() {
                    unparsable(start)
                } else {
                    e
                }
            })?;
            return Ok((rest, !value));
        }
        if let Some(after) = start.strip_prefix('(') {
            let (rest, value) = self.any_of(after, depth + 1)?;
            return match blanks(rest).strip_prefix(')') {
                Some(rest) => Ok((rest, value)),
                None => Err(ConditionError {
                    text: format!("expected ')' after conditional expression '{start}'"),
                    left: start.len(),
                }),
            };
        }
        if let Some((rest, number)) = integer(start) {
            return Ok((rest, number != 0));
        }
        let word: IResult<&str, &str, ()> =
            take_while1(|c: char| c.is_ascii_alphanumeric() || c == '_').parse(start);
        let Ok((rest, name)) = word else { return Err(unparsable(start)) };
        let Some(predicate) = PREDICATES.iter().find(|p| p.name == name) else {
            return Err(unparsable(start));
        };
        let (rest, arguments) = arguments(predicate, rest)?;
        Ok((rest, self.holds(predicate.name, &arguments)))
    }

    fn holds(&self, predicate: &str, arguments: &[String]) -> bool {
        let arg = |n: usize| arguments.get(n).map_or("", String::as_str);
        match predicate {
            "defined" => self.environment.contains_key(arg(0)),
            "feature" => self.features.list.iter().any(|f| f == arg(0)),
            "streq" => arg(0) == arg(1),
            "strneq" => arg(0) != arg(1),
            "strstr" => arg(0).contains(arg(1)),
            "version_atleast" => {
                compare_versions(&self.features.version, arg(0)) >= std::cmp::Ordering::Equal
            }
            "version_before" => compare_versions(&self.features.version, arg(0)) < std::cmp::Ordering::Equal,
            // This build has no TLS library: any question about one is answered with no.
            "openssl_version_atleast" | "openssl_version_before" | "ssllib_name_startswith" => false,
            "enabled" => match arg(0) {
                "POLL" => true,
                "EPOLL" => self.features.epoll,
                "SPLICE" => self.features.splice,
                "GETADDRINFO" => self.features.getaddrinfo,
                "REUSEPORT" => self.features.reuseport,
                "FAST-FORWARD" => true,
                _ => false,
            },
            _ => false,
        }
    }
}

struct Predicate {
    name: &'static str,
    arguments: usize,
}

const PREDICATES: &[Predicate] = &[
    Predicate { name: "defined", arguments: 1 },
    Predicate { name: "enabled", arguments: 1 },
    Predicate { name: "feature", arguments: 1 },
    Predicate { name: "openssl_version_atleast", arguments: 1 },
    Predicate { name: "openssl_version_before", arguments: 1 },
    Predicate { name: "ssllib_name_startswith", arguments: 1 },
    Predicate { name: "streq", arguments: 2 },
    Predicate { name: "strneq", arguments: 2 },
    Predicate { name: "strstr", arguments: 2 },
    Predicate { name: "version_atleast", arguments: 1 },
    Predicate { name: "version_before", arguments: 1 },
];

fn arguments<'e>(predicate: &Predicate, rest: &'e str) -> Result<(&'e str, Vec<String>), ConditionError> {
    let Some(mut rest) = rest.strip_prefix('(') else {
        if predicate.arguments == 1 {
            return Ok((rest, vec![String::new()]));
        }
        // HAPROXY: a name alone counts as one empty argument.
        return Err(missing(predicate, 1, rest));
    };
    let mut found = Vec::new();
    loop {
        let (next, argument) = argument(rest);
        rest = next;
        found.push(argument);
        match rest.strip_prefix(',') {
            Some(next) if found.len() < predicate.arguments => rest = next,
            _ => break,
        }
    }
    let place = "in argument 1 of predicate";
    let used = "used in conditional expression";
    if found.len() < predicate.arguments && (rest.is_empty() || rest.starts_with(')')) {
        return Err(missing(predicate, found.len(), rest));
    }
    match rest.strip_prefix(')') {
        Some(rest) => Ok((rest, found)),
        None => {
            let before = if rest.is_empty() { String::new() } else { format!(" before '{rest}'") };
            let text = format!("expected ')'{before} {place} '{}' {used}", predicate.name);
            Err(ConditionError { text, left: rest.len() })
        }
    }
}

fn missing(predicate: &Predicate, got: usize, rest: &str) -> ConditionError {
    ConditionError {
        text: format!(
            "missing arguments (got {got}/{}), type 'string' expected in argument 1 of predicate '{}' used in conditional expression",
            predicate.arguments, predicate.name
        ),
        left: rest.len(),
    }
}

/// One argument up to a comma or parenthesis outside of quotes; quotes and backslashes are taken away.
fn argument(text: &str) -> (&str, String) {
    let mut value = String::new();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (None, ',' | ')') => return (text.get(at..).unwrap_or_default(), value),
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            (q, '\\') if q != Some('\'') => match chars.next() {
                Some((_, next @ (' ' | '\\' | '"' | '\'' | ',' | '(' | ')'))) => value.push(next),
                Some((_, next)) => value.extend(['\\', next]),
                None => value.push('\\'),
            },
            (_, c) => value.push(c),
        }
    }
    ("", value)
}

fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

fn integer(text: &str) -> Option<(&str, i64)> {
    let mut parser = (opt(char('-')), take_while(|c: char| c.is_ascii_digit()));
    let parsed: IResult<&str, (Option<char>, &str), ()> = parser.parse(text);
    let (rest, (sign, digits)) = parsed.ok()?;
    if digits.is_empty() {
        return None;
    }
    let number = digits.parse().unwrap_or(i64::MAX);
    Some((rest, if sign.is_some() { -number } else { number }))
}

fn unparsable(text: &str) -> ConditionError {
    ConditionError { text: format!("unparsable conditional expression '{text}'"), left: text.len() }
}

/// HAPROXY: when nothing follows `&&`, the complaint quotes from the operator on.
fn at_operator(error: ConditionError, after: &str, rest: &str) -> ConditionError {
    if blanks(after).is_empty() { unparsable(blanks(rest)) } else { error }
}

/// Compares like the reference: the numbers of `3.0-dev19`, then `3.0.11`, then what a distribution appends, each missing part 0. A
/// development version comes before the release.
fn compare_versions(ours: &str, asked: &str) -> std::cmp::Ordering {
    version_key(ours).cmp(&version_key(asked))
}

fn version_key(text: &str) -> [i64; 5] {
    let mut rest = text;
    let mut number = |prefix: &str| -> Option<i64> {
        let after = rest.strip_prefix(prefix)?;
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = after.split_at(digits);
        rest = tail;
        Some(number.parse().unwrap_or(0))
    };
    let major = number("").unwrap_or(0);
    let minor = number(".").unwrap_or(0);
    let dev = number("-dev");
    let patch = if dev.is_none() { number(".").unwrap_or(0) } else { 0 };
    // 0 is a development version, 1 a release.
    let release = i64::from(dev.is_none());
    let commits = number("-").unwrap_or(0);
    [major, minor, release, dev.unwrap_or(patch), commits]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(text: &str) -> Result<bool, String> {
        let features = Features { list: vec!["OPENSSL".into()], ..Features::default() };
        let environment = BTreeMap::from([("A".to_owned(), String::new())]);
        evaluate(text, &features, &environment).map_err(|e| e.text)
    }

    #[test]
    fn values() {
        for (text, want) in [
            ("", false),
            ("1", true),
            ("0", false),
            ("-1", true),
            ("defined(A)", true),
            ("defined(B)", false),
            ("defined", false),
            ("feature(OPENSSL)", true),
            ("enabled(EPOLL)", true),
            ("enabled(FOO)", false),
            ("!!1", true),
            (" 1 ", true),
            ("(1)", true),
            ("strstr(abc,b)", true),
            ("strneq(a,\"a\")", false),
            ("streq(\"a b\",\"a b\")", true),
            ("1&&1", true),
            ("0 && 1 || 1", true),
            ("!0 && (streq(a,b) || !0)", true),
            ("version_atleast(x)", true),
            ("version_atleast()", true),
            ("version_atleast(2.4-dev19)", true),
            ("version_atleast(3.0-dev1)", true),
            ("version_atleast(3.0.11)", true),
            ("version_atleast(3.0.11-1)", false),
            ("version_atleast(3.1)", false),
            ("version_before(3.1)", true),
            ("version_before(3.0.11)", false),
        ] {
            assert_eq!(eval(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn refusals_are_the_references() {
        for (text, want) in [
            ("1x", "unexpected character 'x' at the end of conditional expression '1x'"),
            ("defined(A", "expected ')' in argument 1 of predicate 'defined' used in conditional expression"),
            ("foo()", "unparsable conditional expression 'foo()'"),
            (
                "streq(a)",
                "missing arguments (got 1/2), type 'string' expected in argument 1 of predicate 'streq' used in conditional expression",
            ),
            (
                "streq(a,b,c)",
                "expected ')' before ',c)' in argument 1 of predicate 'streq' used in conditional expression",
            ),
            ("1 && ", "unparsable conditional expression '&& '"),
            ("!", "unparsable conditional expression '!'"),
            ("1 || foo(", "unparsable conditional expression 'foo('"),
            ("0 && foo(", "unparsable conditional expression 'foo('"),
            ("((1)", "expected ')' after conditional expression '((1)'"),
            ("(1))", "unexpected character ')' at the end of conditional expression '(1))'"),
            ("1 and 1", "unexpected character 'a' at the end of conditional expression '1 and 1'"),
            ("defined(A)x", "unexpected character 'x' at the end of conditional expression 'defined(A)x'"),
        ] {
            assert_eq!(eval(text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn deep_nesting_ends() {
        assert!(eval(&"(".repeat(100_000)).is_err());
        assert!(eval(&"!".repeat(100_000)).is_err());
    }
}
