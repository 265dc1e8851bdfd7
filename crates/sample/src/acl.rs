//! ACLs: named or anonymous tests of samples against patterns (configuration manual, section 7.1).

use crate::pattern::{AclPatterns, Flags, Lines, Method, Set};
use crate::{Cx, Expr, Missing, ParseCx, Points, Truth, Value};
use config_text::{Place as TextPlace, Problem, Word};
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

/// A named ACL; several `acl` lines of one name are alternatives. Rules that were parsed before a later line of the same name see
/// that line too, hence the list that only grows.
#[derive(Debug)]
pub struct Acl {
    name: Box<[u8]>,
    first: OnceLock<Box<Node>>,
}

#[derive(Debug)]
struct Node {
    test: Test,
    next: OnceLock<Box<Self>>,
}

/// One test: an expression and the patterns of its value.
#[derive(Debug)]
pub struct Test {
    /// The expression.
    pub expr: Expr,
    /// The keyword as written.
    pub keyword: String,
    /// How they match.
    method: Method,
    /// The patterns: of each file, then of the line.
    patterns: Vec<Arc<AclPatterns>>,
    /// `-u`
    pub id: Option<i64>,
    /// File and line.
    pub declared_at: (Arc<str>, u32),
}

impl Test {
    /// The patterns as the configuration has them, as written.
    pub fn patterns(&self) -> impl Iterator<Item = &[u8]> {
        self.patterns.iter().flat_map(|patterns| patterns.live().configured().iter().map(|(text, ())| text))
    }

    fn holds(&self, sample: &Value<'_>) -> bool {
        self.patterns.iter().any(|patterns| patterns.matches(sample))
    }

    fn matches(&self, cx: &Cx<'_>) -> Truth {
        let mut hit = false;
        let method = self.method;
        let outcome = self.expr.each(cx, &mut |value| {
            hit = value.cast(method.input()).is_some_and(|sample| self.holds(&sample));
            if hit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match outcome {
            _ if hit => Truth::True,
            Err(Missing::NotYet) => Truth::NotYet,
            Ok(()) if !cx.complete && self.expr.fetch().grows() => Truth::NotYet,
            Ok(()) | Err(Missing::Absent) => Truth::False,
        }
    }
}

impl Acl {
    fn new(name: &[u8]) -> Arc<Self> {
        Arc::new(Self { name: name.into(), first: OnceLock::new() })
    }

    /// Its name; empty when anonymous.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its tests in order.
    pub fn tests(&self) -> impl Iterator<Item = &Test> {
        let mut next = self.first.get();
        std::iter::from_fn(move || {
            let node = next?;
            next = node.next.get();
            Some(&node.test)
        })
    }

    fn push(&self, test: Test) {
        let mut slot = &self.first;
        while let Some(node) = slot.get() {
            slot = &node.next;
        }
        // Parsing is single-threaded: the slot found empty is still empty.
        let _ = slot.set(Box::new(Node { test, next: OnceLock::new() }));
    }

    /// Whether one of its tests matches.
    #[must_use]
    pub fn matches(&self, cx: &Cx<'_>) -> Truth {
        let mut best = Truth::False;
        for test in self.tests() {
            match test.matches(cx) {
                Truth::True => return Truth::True,
                Truth::NotYet => best = Truth::NotYet,
                Truth::False => {}
            }
        }
        best
    }

    /// Whether one of its tests reads bytes that are not parsed as HTTP yet.
    #[must_use]
    pub fn reads_buffer(&self) -> bool {
        self.tests().any(|test| test.expr.fetch().source.name.contains("buffer"))
    }

    /// The fetch of a test that can never match at these places, and whether that is so of every test.
    #[must_use]
    pub fn incompatible(&self, places: Points) -> Option<(&'static str, bool)> {
        let fits = |test: &&Test| test.expr.fetch().source.points.0 & places.0 != 0;
        let culprit = self.tests().find(|test| !fits(test))?;
        Some((culprit.expr.fetch().name, !self.tests().any(|test| fits(&test))))
    }
}

/// The named ACLs of a proxy.
#[derive(Clone, Debug, Default)]
pub struct AclSet {
    list: Vec<Arc<Acl>>,
    ids: Vec<i64>,
}

impl AclSet {
    /// The ACL of a name.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&Arc<Acl>> {
        self.list.iter().find(|acl| *acl.name == *name)
    }

    /// All in order of declaration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Acl>> {
        self.list.iter()
    }

    fn named(&mut self, name: &[u8]) -> Arc<Acl> {
        if let Some(acl) = self.find(name) {
            return Arc::clone(acl);
        }
        let acl = Acl::new(name);
        self.list.push(Arc::clone(&acl));
        acl
    }

    /// Declares `acl <name> <criterion> …`; `words` start at the name.
    ///
    /// # Errors
    /// The reference's text after `parsing [file:line] : `.
    pub fn declare(words: &[Word], cx: &mut ParseCx<'_>) -> Result<(), Problem> {
        let name: &[u8] = words.first().map_or(b"", |w| w.as_ref());
        let shown = String::from_utf8_lossy(name).into_owned();
        if name.eq_ignore_ascii_case(b"or") {
            return Err(Problem::new(format!(
                "acl name '{shown}' will never match. 'or' is used to express a logical disjunction within a condition."
            )));
        }
        if name.is_empty() {
            return Err(Problem::new("acl expects a name and a criterion."));
        }
        if let Some(&bad) =
            name.iter().find(|&&b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':')))
        {
            return Err(Problem::new(format!(
                "character '{}' is not permitted in acl name '{shown}'.",
                char::from(bad)
            )));
        }
        let test = parse_test(words.get(1..).unwrap_or_default(), cx).map_err(|problem| Problem {
            message: format!("error detected while parsing ACL '{shown}' : {}.", problem.message),
            ..problem
        })?;
        cx.acls.named(name).push(test);
        Ok(())
    }
}

/// An anonymous ACL from the words between the braces.
pub(crate) fn anonymous(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Arc<Acl>, Problem> {
    let test = parse_test(words, cx)?;
    let acl = Acl::new(b"");
    acl.push(test);
    Ok(acl)
}

/// Adds a predefined ACL to the proxy's set (configuration manual, section 7.4); none for other names.
pub(crate) fn predefined(name: &[u8], cx: &mut ParseCx<'_>) -> Result<Option<Arc<Acl>>, Problem> {
    let Some((_, words)) = PREDEFINED.iter().find(|(n, _)| n.as_bytes() == name) else { return Ok(None) };
    let span = config_text::Span::line(config_text::FileId(0), cx.line);
    let words: Vec<Word> = words.split(' ').map(|text| Word { text: text.into(), span }).collect();
    let test = parse_test(&words, cx)?;
    let acl = cx.acls.named(name);
    acl.push(test);
    Ok(Some(acl))
}

fn parse_test(words: &[Word], cx: &mut ParseCx<'_>) -> Result<Test, Problem> {
    let (expr, derived, mut at) = crate::expr_parse::criterion(words, cx)?;
    let keyword = words.first().map(Word::lossy).unwrap_or_default();
    let mut method = match derived {
        Some(method) if !expr.has_converters() => Some(method),
        _ => Method::implied(expr.output()),
    };
    let mut flags = Flags::default();
    let mut files: Vec<Arc<AclPatterns>> = Vec::new();
    let (mut as_map, mut ended, mut id) = (false, false, None);
    let name = expr.fetch().name;
    while let Some(word) = words.get(at) {
        let text = word.as_ref();
        if text.first() != Some(&b'-') {
            break;
        }
        let argument = words.get(at + 1);
        match text {
            b"--" => {
                ended = true;
                at += 1;
                break;
            }
            b"-i" => flags.ignore_case = true,
            b"-n" => flags.no_dns = true,
            b"-M" => as_map = true,
            b"-u" => {
                let number = argument.and_then(|w| w.as_str()).and_then(|t| t.parse::<i64>().ok());
                let Some(number) = number else {
                    return Err(Problem::new("the argument of -u must be an integer"));
                };
                if cx.acls.ids.contains(&number) {
                    return Err(Problem::new("the id is already used"));
                }
                cx.acls.ids.push(number);
                id = Some(number);
                at += 1;
            }
            b"-m" => {
                if !files.is_empty() {
                    return Err(Problem::new(
                        "'-m' must only be specified before patterns and files in parsing ACL expression",
                    ));
                }
                let word = argument.map_or(&b""[..], |w| w.as_ref());
                let Some(wanted) = Method::parse(word) else {
                    return Err(Problem::new(format!(
                        "unknown matching method '{}' when parsing ACL expression",
                        String::from_utf8_lossy(word)
                    )));
                };
                if !expr.output().casts_to(wanted.input()) {
                    return Err(Problem::new(format!(
                        "matching method '{}' cannot be used with fetch keyword '{name}'",
                        wanted.name()
                    )));
                }
                method = Some(wanted);
                at += 1;
            }
            b"-f" => {
                let path = argument.map(Word::lossy).unwrap_or_default();
                files.push(load(required(method, name)?, &path, flags, as_map, cx)?);
                at += 1;
            }
            _ => {
                return Err(Problem::new(format!(
                    "'{}' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'",
                    word.lossy()
                )));
            }
        }
        at += 1;
    }
    let patterns = words.get(at..).unwrap_or_default();
    let mut set: Set<()> = Set::new(required(method, name)?);
    if patterns.is_empty()
        && files.is_empty()
        && !ended
        && !matches!(set.method(), Method::Found | Method::Bool)
    {
        cx.warnings.push((
            TextPlace::None,
            format!(
                "parsing acl keyword '{keyword}' :\n  no pattern to match against were provided, so this ACL will never match.\n  \
                 If this is what you intended, please add '--' to get rid of this warning.\n  \
                 If you intended to match only for existence, please use '-m found'.\n  \
                 If you wanted to force an int to match as a bool, please use '-m bool'.\n\n"
            ),
        ));
    }
    let outside = cx.outside;
    set.add_words(patterns.iter().map(|w| w.as_ref()), flags, &|host| outside.resolve(host), || ())
        .map_err(Problem::new)?;
    let list = cx.lists.unnamed(id);
    list.fill(set.iter().map(|(text, ())| (text, &b""[..])));
    let (name, _) = keyword.split_once('(').unwrap_or((&keyword, ""));
    list.used(false, format!("acl '{name}' file '{}' line {}", cx.file, cx.line));
    let method = set.method();
    let own = Arc::new(AclPatterns::new(set, flags));
    list.follow(Arc::clone(&own) as _);
    files.push(own);
    Ok(Test { expr, keyword, method, patterns: files, id, declared_at: (Arc::clone(&cx.file), cx.line) })
}

fn required(method: Option<Method>, fetch: &str) -> Result<Method, Problem> {
    method.ok_or_else(|| {
        Problem::new(format!("matching method must be specified first (using '-m') when using a sample fetch of this type ('{fetch}')"))
    })
}

/// The patterns of a file.
fn load(
    method: Method,
    path: &str,
    flags: Flags,
    as_map: bool,
    cx: &mut ParseCx<'_>,
) -> Result<Arc<AclPatterns>, Problem> {
    let text = read_patterns(path, cx).map_err(Problem::new)?;
    let outside = cx.outside;
    let pattern = |entry| {
        if as_map { key_of(entry) } else { entry }
    };
    let mut set = Set::new(method);
    for (line, entry) in Lines::new(&text) {
        set.add(pattern(entry), flags, &|host| outside.resolve(host), ())
            .map_err(|error| Problem::new(format!("{error} at line {line} of file '{path}'")))?;
    }
    let list = cx.lists.file(path, false);
    list.fill(Lines::new(&text).map(|(_, entry)| (pattern(entry), &b""[..])));
    list.used(false, format!("acl at file '{}' line {}", cx.file, cx.line));
    let patterns = Arc::new(AclPatterns::new(set, flags));
    list.follow(Arc::clone(&patterns) as _);
    Ok(patterns)
}

/// `-M`: the first word of a line.
fn key_of(entry: &[u8]) -> &[u8] {
    entry.split(|&b| b == b' ' || b == b'\t').next().unwrap_or_default()
}

/// The text of a pattern file: `virt@` has none, `opt@` may be missing (configuration manual, section 2.7).
pub(crate) fn read_patterns(path: &str, cx: &mut ParseCx<'_>) -> Result<Arc<[u8]>, String> {
    if path.starts_with("virt@") {
        return Ok(Arc::from(&b""[..]));
    }
    if let Some(optional) = path.strip_prefix("opt@") {
        return Ok(cx.read_file(optional).unwrap_or_else(|_| Arc::from(&b""[..])));
    }
    let real = path.strip_prefix("file@").unwrap_or(path);
    cx.read_file(real).map_err(|_| format!("failed to open pattern file <{path}>"))
}

/// `name = fetch -m method`, in the order of `-dKacl`.
pub const DERIVATIVES: &[(&str, &str, Method)] = crate::known::DERIVATIVES;

const PREDEFINED: &[(&str, &str)] = &[
    ("TRUE", "always_true"),
    ("FALSE", "always_false"),
    ("LOCALHOST", "src 127.0.0.1/8 ::1"),
    ("HTTP", "req.proto_http"),
    ("HTTP_1.0", "req.ver 1.0"),
    ("HTTP_1.1", "req.ver 1.1"),
    ("HTTP_2.0", "req.ver 2.0"),
    ("HTTP_3.0", "req.ver 3.0"),
    ("METH_CONNECT", "method CONNECT"),
    ("METH_DELETE", "method DELETE"),
    ("METH_GET", "method GET HEAD"),
    ("METH_HEAD", "method HEAD"),
    ("METH_OPTIONS", "method OPTIONS"),
    ("METH_POST", "method POST"),
    ("METH_PUT", "method PUT"),
    ("METH_TRACE", "method TRACE"),
    ("HTTP_URL_ABS", "url_reg ^[^/:]*://"),
    ("HTTP_URL_SLASH", "url_beg /"),
    ("HTTP_URL_STAR", "url *"),
    ("HTTP_CONTENT", "req.hdr_val(content-length) gt 0"),
    ("RDP_COOKIE", "req.rdp_cookie_cnt gt 0"),
    ("REQ_CONTENT", "req.len gt 0"),
    ("WAIT_END", "wait_end"),
];
