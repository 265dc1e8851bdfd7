//! Reads the files line by line: words, conditional blocks, sections, and for each line the registry row that takes it.
//!
//! Owns the order of reading and of messages. What a keyword means is its row's business.

use crate::condition;
use crate::cx::{Cx, Effect, Line, Refusal, Surroundings};
use crate::declared::{GlobalDecl, HttpErrorsDecl, ProxyDecl, SectionKind, UserListDecl};
use crate::directives::{Blocks, Directive};
use crate::load::{Features, Inputs, Loaded};
use crate::section;
use crate::setting::SectionNumber;
use crate::shown::{Show, Shown};
use config_text::haproxy_words::{MAX_WORDS, SplitErrorKind, Variables, caret, split_words};
use config_text::{Diagnostics, FileId, Place, Severity, SourceMap, Span, Word};
use sample::ParseCx;
use std::cell::RefCell;
use std::sync::Arc;

/// What stands in the words of whoever wants to know where a client connection was to go.
const DESTINATION_READERS: &[&[u8]] =
    &[b"dst", b"%fi", b"%fp", b"send-proxy", b"originalto", b"forwarded", b"transparent"];

/// After so many fatal errors reading stops.
const MAX_FATAL: usize = 50;

/// A proxy's declaration with the state of its expressions' parser.
pub(crate) struct Declared<'a> {
    pub(crate) proxy: ProxyDecl,
    pub(crate) parse: ParseCx<'a>,
}

/// Everything that the files said.
pub(crate) struct Declarations<'a> {
    pub(crate) global: GlobalDecl,
    pub(crate) proxies: Vec<Declared<'a>>,
    pub(crate) defaults: Vec<Declared<'a>>,
    pub(crate) http_errors: Vec<HttpErrorsDecl>,
    pub(crate) userlists: Vec<UserListDecl>,
}

/// Reads, checks and resolves.
pub(crate) fn read(inputs: Inputs<'_>) -> Loaded {
    read_or_show(inputs, None).0
}

/// Only cuts the lines into words and shows them.
pub(crate) fn show(inputs: Inputs<'_>, how: Show) -> (Loaded, String) {
    read_or_show(inputs, Some(Shown::new(how)))
}

fn read_or_show(inputs: Inputs<'_>, shown: Option<Shown>) -> (Loaded, String) {
    let mut sources = SourceMap::default();
    for (name, text) in inputs.files {
        sources.add(name, text);
    }
    let surroundings =
        Surroundings { host: inputs.host, variables: RefCell::new(inputs.environment.clone()) };
    {
        let mut variables = surroundings.variables.borrow_mut();
        let names: Vec<&str> = sources.iter().map(|(_, f)| f.name.as_str()).collect();
        variables.insert("HAPROXY_CFGFILES".to_owned(), names.join(";"));
        for (name, value) in PARSING_VARIABLES {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
    }
    let cx = Cx {
        outside: &surroundings,
        diagnostics: Diagnostics::default(),
        section: SectionNumber(0),
        parse: ParseCx::new(&surroundings, "", false, false),
        ignore_unresolved: inputs.ignore_unresolved,
        file: Arc::from(""),
        proxy_ids: Vec::new(),
        unix_bind: crate::declared::UnixBind::default(),
        node: None,
        description: None,
    };
    let mut reader = Reader {
        cx,
        features: inputs.features,
        declarations: Declarations {
            global: GlobalDecl::default(),
            proxies: Vec::new(),
            defaults: Vec::new(),
            http_errors: Vec::new(),
            userlists: Vec::new(),
        },
        current: Current::None,
        fatal: 0,
        stopped: false,
        broken: false,
        shown,
    };
    let files: Vec<(FileId, String)> = sources.iter().map(|(id, f)| (id, f.name.clone())).collect();
    for (id, name) in files {
        let text = sources.file(id).map(|f| f.text.clone()).unwrap_or_default();
        let before = reader.fatal;
        reader.file(id, &name, &text);
        // A section ends with its file.
        reader.close_section();
        if reader.broken {
            reader.say(format!("Could not open configuration file {name} : Invalid argument"));
            return reader.refused(sources);
        }
        if reader.fatal > before || reader.stopped {
            reader.say(format!("Error(s) found in configuration file : {name}"));
        }
        if reader.stopped {
            return reader.refused(sources);
        }
    }
    let (zero_warning, quiet) = (*reader.declarations.global.zero_warning, *reader.declarations.global.quiet);
    if reader.fatal > 0 {
        reader.say("Fatal errors found in configuration.".to_owned());
        return reader.refused(sources);
    }
    if reader.shown.is_some() {
        return reader.refused(sources);
    }
    let Reader { mut cx, declarations, .. } = reader;
    for (name, _) in PARSING_VARIABLES {
        surroundings.variables.borrow_mut().remove(*name);
    }
    let config = crate::resolve::resolve(declarations, &mut cx, &sources, &inputs.program);
    let diagnostics = std::mem::take(&mut cx.diagnostics);
    (Loaded { sources, diagnostics, config, zero_warning, quiet }, String::new())
}

/// Variables that exist while the configuration is read.
const PARSING_VARIABLES: &[(&str, &str)] = &[
    ("HAPROXY_BRANCH", "3.0"),
    (
        "HAPROXY_HTTP_LOG_FMT",
        "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r",
    ),
    (
        "HAPROXY_HTTPS_LOG_FMT",
        "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc",
    ),
    ("HAPROXY_TCP_LOG_FMT", "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq"),
];

/// The section that lines belong to.
enum Current {
    None,
    Global,
    Proxy(Box<ProxyDecl>),
    HttpErrors(HttpErrorsDecl),
    UserList(UserListDecl),
    /// A section that was refused: its lines are passed over.
    Refused,
    /// A proxy whose first line was refused: its lines belong nowhere.
    Lost,
}

struct Reader<'a> {
    cx: Cx<'a>,
    features: Features,
    declarations: Declarations<'a>,
    current: Current,
    /// Fatal errors so far.
    fatal: usize,
    /// Reading ended at an error.
    stopped: bool,
    /// See [`Effect::Broken`].
    broken: bool,
    /// `-dC`: what the lines were cut into; none when they are obeyed.
    shown: Option<Shown>,
}

/// Variables of one line: the environment and the pseudo-variables.
struct LineVariables<'l, 'a> {
    surroundings: &'l Surroundings<'a>,
    file: &'l str,
    line: u32,
    section: &'l str,
}

impl Variables for LineVariables<'_, '_> {
    fn value(&self, name: &str) -> Option<String> {
        match name {
            ".FILE" => Some(self.file.to_owned()),
            ".LINE" => Some(self.line.to_string()),
            ".SECTION" => Some(self.section.to_owned()),
            _ => self.surroundings.variables.borrow().get(name).cloned(),
        }
    }
}

impl<'a> Reader<'a> {
    fn refused(mut self, sources: SourceMap) -> (Loaded, String) {
        let global = &self.declarations.global;
        let (zero_warning, quiet) = (*global.zero_warning, *global.quiet);
        let diagnostics = std::mem::take(&mut self.cx.diagnostics);
        let shown = self.shown.take().map_or_else(String::new, |shown| shown.text);
        (Loaded { sources, diagnostics, config: None, zero_warning, quiet }, shown)
    }

    fn say(&mut self, message: String) {
        self.cx.tell(Severity::Alert, "summary", Place::None, None, message);
    }

    fn file(&mut self, id: FileId, name: &str, text: &[u8]) {
        self.cx.file = Arc::from(name);
        let mut blocks = Blocks::default();
        let mut number = 0;
        for raw in text.split_inclusive(|b| *b == b'\n') {
            number += 1;
            // HAPROXY: a line ends at a NUL, and then nothing ends it.
            let nul = raw.iter().position(|b| *b == 0);
            let line = raw.get(..nul.unwrap_or(raw.len())).unwrap_or(raw);
            let whole = line.strip_suffix(b"\n");
            if self.fatal >= MAX_FATAL {
                let text = format!("too many fatal errors ({MAX_FATAL}), stopping now.");
                self.fail(Span::line(id, number), Refusal::fatal(text).tight());
                break;
            }
            self.line(id, number, whole.unwrap_or(line), &mut blocks);
            if self.stopped || self.broken {
                break;
            }
            if whole.is_none() {
                let text = format!(
                    "Missing LF on last line, file might have been truncated at position {}.",
                    line.len() + 1
                );
                self.fail(Span::line(id, number), Refusal::fatal(text).tight());
                break;
            }
        }
        if !self.broken && blocks.open() {
            self.fail(Span::line(id, number), Refusal::fatal("non-terminated '.if' block.").tight().stop());
        }
    }

    /// Counts and adds a refusal.
    fn fail(&mut self, span: Span, refusal: Refusal) {
        match refusal.effect {
            Effect::Harmless => {}
            Effect::Fatal => self.fatal += 1,
            Effect::Stop => {
                self.fatal += 1;
                self.stopped = true;
            }
            Effect::Broken => self.broken = true,
        }
        self.cx.refuse(span, refusal);
    }

    fn line(&mut self, id: FileId, number: u32, text: &[u8], blocks: &mut Blocks) {
        let span =
            Span { file: id, line: number, start: 0, end: u32::try_from(text.len()).unwrap_or(u32::MAX) };
        let section = self.section_name();
        let file = Arc::clone(&self.cx.file);
        let variables =
            LineVariables { surroundings: self.cx.outside, file: &file, line: number, section: &section };
        let words = match split_words(text, id, number, &variables) {
            Ok(words) => words,
            Err(error) => {
                let quoted = match error.kind {
                    // HAPROXY: the name was cut from the line when the complaint is made.
                    SplitErrorKind::VariableName if text.get(error.offset) == Some(&b'.') => {
                        let end = text
                            .get(error.offset..)
                            .and_then(|t| t.iter().position(|b| matches!(b, b'}' | b'"' | b' ')))
                            .map_or(text.len(), |n| n + error.offset);
                        text.get(..end).unwrap_or(text)
                    }
                    _ => text,
                };
                return self.fail(span, Refusal::fatal(error.text(quoted)).tight());
            }
        };
        debug_assert!(words.len() <= MAX_WORDS);
        if let Some(shown) = &mut self.shown {
            shown.line(number, &words, self.cx.outside);
            return;
        }
        let Some(first) = words.first() else { return };
        // To know them takes a system call for each connection: only whoever may ask pays for it.
        let mention = |names: &[&[u8]]| {
            words
                .iter()
                .any(|word| names.iter().any(|name| word.text.windows(name.len()).any(|w| w == *name)))
        };
        self.declarations.global.reads_server_addresses |= mention(&[b"bc_src", b"bc_dst"]);
        self.declarations.global.reads_destinations |= mention(DESTINATION_READERS);
        let keyword = first.lossy();
        if let Some(directive) = Directive::named(&keyword) {
            return self.directive(directive, &words, span, blocks);
        }
        if !blocks.taken() || keyword.is_empty() {
            return;
        }
        self.cx.parse.file = file;
        self.cx.parse.line = number;
        if let Err(refusal) = self.keyword_line(&words, span) {
            self.fail(span, refusal);
        }
        self.cx.collect_warnings(span);
    }

    fn directive(&mut self, directive: Directive, words: &[Word], span: Span, blocks: &mut Blocks) {
        let name = words.first().map(Word::lossy).unwrap_or_default();
        let expression = || {
            let rest: Vec<String> = words.iter().skip(1).map(Word::lossy).collect();
            rest.join(" ")
        };
        let extra = |n: usize| words.get(n).map(Word::lossy).filter(|w| !w.is_empty());
        match directive {
            Directive::If | Directive::Elif => {
                let wants = if directive == Directive::If { blocks.begin() } else { blocks.otherwise_if() };
                let wants = match wants {
                    Ok(wants) => wants,
                    Err(text) => {
                        blocks.abandon();
                        return self.fail(span, Refusal::fatal(text).tight().stop());
                    }
                };
                if !wants {
                    return;
                }
                let expression = expression();
                let variables = self.cx.outside.variables.borrow().clone();
                match condition::evaluate(&expression, &self.features, &variables) {
                    Ok(true) => blocks.take(),
                    Ok(false) => {}
                    Err(error) => {
                        // The words were joined with single blanks; the caret counts in that text.
                        let offset = expression.len() - error.left;
                        let shown = format!("{name} {expression}");
                        let text = format!(
                            "{} in '{name}' at position {}:\n{}",
                            error.text,
                            offset + 1,
                            caret(shown.as_bytes(), offset + name.len() + 1)
                        );
                        blocks.abandon();
                        self.fail(span, Refusal::fatal(text).tight().stop());
                    }
                }
            }
            Directive::Else | Directive::Endif => {
                if let Some(extra) = extra(1) {
                    let text = format!("Unexpected argument '{extra}' for '{name}'.");
                    return self.fail(span, Refusal::fatal(text).tight().stop());
                }
                let done = if directive == Directive::Else { blocks.otherwise() } else { blocks.end() };
                if let Err(text) = done {
                    blocks.abandon();
                    self.fail(span, Refusal::fatal(text).tight().stop());
                }
            }
            Directive::Say(severity) => {
                if !blocks.taken() {
                    return;
                }
                if let Some(extra) = extra(2) {
                    let text = format!(
                        "Unexpected argument '{extra}' for '{name}'. Use quotes if the message should contain spaces."
                    );
                    return self.fail(span, Refusal::fatal(text).tight());
                }
                let text = words.get(1).map(Word::lossy).unwrap_or_default();
                let message = format!("'{text}'.");
                if severity == Severity::Alert {
                    return self.fail(span, Refusal::fatal(message).tight().stop());
                }
                self.cx.tell(severity, "directive", Place::ParsingTight, Some(span), message);
            }
        }
    }

    fn section_name(&self) -> String {
        match &self.current {
            Current::None | Current::Refused | Current::Lost => String::new(),
            Current::Global => "global".to_owned(),
            Current::HttpErrors(section) => section.name.clone(),
            Current::UserList(list) => list.name.clone(),
            Current::Proxy(p) if p.name.is_empty() => p.kind.keyword().to_owned(),
            Current::Proxy(p) => p.name.clone(),
        }
    }

    fn keyword_line(&mut self, words: &[Word], span: Span) -> Result<(), Refusal> {
        let prefix = words.first().map(Word::lossy).unwrap_or_default();
        let (negated, defaulted) = (prefix == "no", prefix == "default" && words.len() > 1);
        let line = Line {
            words: if negated || defaulted { words.get(1..).unwrap_or_default() } else { words },
            named: 1,
            span,
            negated,
            defaulted,
        };
        if negated || defaulted {
            let keyword = line.words.first().map(Word::lossy).unwrap_or_default();
            if !NEGATABLE.contains(&keyword.as_str()) {
                let text = "negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits, insecure-fork-wanted and numa-cpu-mapping.";
                self.fail(span, Refusal::fatal(text).tight());
                // HAPROXY: the line is looked at all the same.
            }
        }
        let keyword = line.words.first().map(Word::lossy).unwrap_or_default();
        if let Some(opened) = section::Opening::named(&keyword) {
            self.close_section();
            self.cx.section = SectionNumber(self.cx.section.0 + 1);
            return self.open_section(opened, &line);
        }
        match &mut self.current {
            Current::None => {
                Err(Refusal::fatal(format!("unknown keyword '{keyword}' out of section.")).tight())
            }
            Current::Refused => Ok(()),
            Current::Lost => Err(Refusal::fatal("'listen' or 'defaults' expected.")),
            Current::Global => section::global_line(&mut self.declarations.global, &line, &mut self.cx),
            Current::Proxy(proxy) => section::proxy_line(proxy, &line, &mut self.cx),
            Current::HttpErrors(section) => section::errors::section_line(section, &line, &mut self.cx),
            Current::UserList(list) => section::userlist::section_line(list, &line, &mut self.cx),
        }
    }

    fn open_section(&mut self, opened: section::Opening, line: &Line<'_>) -> Result<(), Refusal> {
        self.current = match opened {
            section::Opening::Proxy(_) => Current::Lost,
            _ => Current::Refused,
        };
        match opened {
            section::Opening::Global => {
                self.current = Current::Global;
                line.at_most(0)
            }
            section::Opening::HttpErrors => {
                let (opened, problem) =
                    section::errors::open(line, &self.declarations.http_errors, &self.cx)?;
                self.current = Current::HttpErrors(opened);
                problem.map_or(Ok(()), Err)
            }
            section::Opening::UserList => {
                let list = section::userlist::open(line, &self.declarations.userlists, &mut self.cx)?;
                if let Some(list) = list {
                    self.current = Current::UserList(list);
                }
                Ok(())
            }
            section::Opening::NotBuilt(name) => Err(Refusal::not_built(name)),
            section::Opening::Proxy(kind) => {
                let header = section::header::read(kind, line, &self.declarations)?;
                let problem = header.problem;
                for text in header.warnings {
                    self.cx.tell(Severity::Warning, "section", Place::Parsing, Some(line.span), text);
                }
                let parent = header.defaults.and_then(|n| self.declarations.defaults.get(n));
                let mut proxy = match parent {
                    Some(parent) => ProxyDecl::from_defaults(
                        &parent.proxy,
                        &header.name,
                        kind,
                        self.cx.section,
                        line.span,
                    ),
                    None => ProxyDecl::new(&header.name, kind, self.cx.section, line.span),
                };
                proxy.rules.seen = section::rules::Seen::default();
                proxy.rules.ended = section::rules::Ended::default();
                proxy.file = Arc::clone(&self.cx.file);
                proxy.named_defaults = header.explicit.then_some(header.defaults).flatten();
                let mut parse =
                    ParseCx::new(self.cx.outside, &header.name, kind.has_frontend(), kind.has_backend());
                parse.experimental = self.cx.parse.experimental;
                parse.lists = Arc::clone(&self.cx.parse.lists);
                parse.file = Arc::clone(&self.cx.file);
                parse.line = line.span.line;
                parse.http = *proxy.mode == crate::runtime::Mode::Http;
                parse.defaults = kind == SectionKind::Defaults;
                self.cx.parse = parse;
                self.current = Current::Proxy(Box::new(proxy));
                problem.map_or(Ok(()), |refusal| {
                    // A second section of a name is read on.
                    self.fail(line.span, refusal);
                    Ok(())
                })
            }
        }
    }

    /// Puts the section that was being read among the declarations.
    fn close_section(&mut self) {
        let proxy = match std::mem::replace(&mut self.current, Current::None) {
            Current::Proxy(proxy) => proxy,
            Current::HttpErrors(section) => return self.declarations.http_errors.push(section),
            Current::UserList(list) => return self.declarations.userlists.push(list),
            Current::None | Current::Global | Current::Refused | Current::Lost => return,
        };
        let mut next = ParseCx::new(self.cx.outside, "", false, false);
        next.experimental = self.cx.parse.experimental;
        next.lists = Arc::clone(&self.cx.parse.lists);
        let parse = std::mem::replace(&mut self.cx.parse, next);
        let declared = Declared { proxy: *proxy, parse };
        if declared.proxy.kind == SectionKind::Defaults {
            self.declarations.defaults.push(declared);
        } else {
            self.declarations.proxies.push(declared);
        }
    }
}

/// Keywords that take `no` and `default` in front.
const NEGATABLE: &[&str] = &[
    "option",
    "log",
    "busy-polling",
    "set-dumpable",
    "strict-limits",
    "insecure-fork-wanted",
    "numa-cpu-mapping",
];
