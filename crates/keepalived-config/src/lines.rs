//! From files to logical lines: includes, comments, conditions (`@id`), definitions (`$NAME=value`), sequences (`~SEQ`) and
//! lists (`~LST`). keepalived.conf(5), "include", "Conditional configuration", "Parameter substitution", "Sequence blocks".
//!
//! What leaves here is plain: words, quotes and braces.

mod include;

use std::collections::HashMap;
use std::path::Path;

use bstr::ByteSlice;
use config_text::{FileId, Severity, SourceMap, Span};

use crate::system::{FileKind, ReadError, System};
use crate::words::without_comment;

pub use include::braces;
use include::{Check, include_of};

/// A line that parses as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its text, without comment.
    pub text: Vec<u8>,
    file: FileId,
    number: u32,
    /// The text is a prefix of the source's line, so byte offsets are those of the source.
    exact: bool,
}

impl Line {
    /// A line that stands in the source as it is.
    pub(crate) fn exact(file: FileId, number: u32, text: impl AsRef<[u8]>) -> Self {
        Self { text: text.as_ref().to_vec(), file, number, exact: true }
    }

    /// The place of a stretch of this line: the whole line if substitution moved it.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        if !self.exact {
            return Span::line(self.file, self.number);
        }
        let offset = |n| u32::try_from(n).unwrap_or(u32::MAX);
        Span { file: self.file, line: self.number, start: offset(start), end: offset(end) }
    }
}

/// Something to say when the lines in front of it have been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) severity: Severity,
    pub(crate) code: &'static str,
    pub(crate) span: Option<Span>,
    pub(crate) text: String,
}

/// What a configuration's files hold.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Every file that was read.
    pub(crate) sources: SourceMap,
    /// The lines in order.
    pub(crate) lines: Vec<Line>,
    /// The same before conditions and substitutions, as `config_save_dir` keeps it.
    pub(crate) saved: Vec<u8>,
    /// What there is to say, each with the number of lines in front of it.
    pub(crate) notes: Vec<(usize, Note)>,
}

/// How to read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// `-i`: lines that begin with `@other` are skipped. The host name up to the first dot by default.
    pub config_id: Option<String>,
    /// `-e`: a missing file is an error.
    pub all_config: bool,
    /// `-t`: numbers are taken only when they are written well.
    pub test: bool,
}

/// Files included by files included by ... this deep at most.
const INCLUDE_DEPTH_MAX: usize = 32;
/// Definitions that use definitions that use ... this deep at most.
const SUBSTITUTION_DEPTH_MAX: usize = 64;
/// As many lines at most, intermediate ones included; the manual's own example makes less than 1,500,000.
const LINES_MAX: usize = 2_000_000;
/// One sequence may have this many numbers.
const ROUNDS_MAX: usize = 65_536;
/// What is kept for `config_save_dir` ends about here.
const SAVED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A line after substitution may have this many bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Reads a file and what it includes.
pub(crate) fn read(path: &Path, options: &ReadOptions, system: &dyn System) -> Lines {
    let config_id = options.config_id.clone().unwrap_or_else(|| {
        let host = system.host_name().to_string_lossy().into_owned();
        host.split('.').next().unwrap_or_default().to_owned()
    });
    let mut assembler = Assembler {
        system,
        config_id: config_id.into_bytes(),
        read: Lines::default(),
        definitions: HashMap::new(),
        multi_line: None,
        overflow: false,
        handled: 0,
        check: if options.all_config { Check::ALL } else { Check::NONE },
        seeded: None,
    };
    assembler.include(path, None, &system.current_directory(), Check::NONE, 0);
    assembler.read
}

struct Assembler<'a> {
    system: &'a dyn System,
    config_id: Vec<u8>,
    read: Lines,
    definitions: HashMap<Vec<u8>, Vec<Vec<u8>>>,
    /// A definition that goes on in the next line.
    multi_line: Option<(Vec<u8>, Vec<Vec<u8>>)>,
    overflow: bool,
    /// How many lines went through [`Assembler::line`], repetitions without text included.
    handled: usize,
    /// `include_check` as it stands.
    check: Check,
    /// After `random_seed`: the state of the numbers.
    seeded: Option<u64>,
}

/// A line that ends in a backslash, without the blanks in front of that; `None` if there are none.
fn without_blank_before_backslash(line: &[u8]) -> Option<Vec<u8>> {
    let before = line.strip_suffix(b"\\")?;
    let kept = before.trim_ascii_end();
    (kept.len() < before.len()).then(|| [kept, b"\\"].concat())
}

/// Where a line comes from.
#[derive(Clone, Copy)]
struct At<'a> {
    file: FileId,
    number: u32,
    directory: &'a Path,
}

impl Assembler<'_> {
    fn note(&mut self, severity: Severity, code: &'static str, span: Option<Span>, text: impl Into<String>) {
        self.read.notes.push((self.read.lines.len(), Note { severity, code, span, text: text.into() }));
    }

    fn include(&mut self, pattern: &Path, from: Option<Span>, directory: &Path, check: Check, depth: usize) {
        let check = self.check.and(check);
        let shown = pattern.display().to_string();
        let alternatives = braces(&directory.join(pattern).to_string_lossy());
        let mut found = Vec::new();
        let mut missing = false;
        for alternative in &alternatives {
            let paths = self.system.glob(Path::new(alternative));
            missing |= paths.is_empty();
            found.extend(paths);
        }
        if let Some((severity, text)) = check.judge(&shown, alternatives.len() > 1, found.is_empty(), missing)
        {
            self.note(severity, "file-missing", from, text);
        }
        let unreadable = if check.readable { Severity::Alert } else { Severity::Notice };
        for path in found {
            // Names are shown as the user wrote them: relative to the including file.
            let shown = path.strip_prefix(directory).map_or_else(|_| path.clone(), Path::to_path_buf);
            let shown = if pattern.is_absolute() { path.clone() } else { shown };
            if self.is_program(&path) {
                let name = shown.display();
                let text =
                    format!("Configuration file '{name}' is not a regular non-executable file - skipping");
                self.note(unreadable, "file-missing", from, text);
                continue;
            }
            match self.system.read_file(&path) {
                Ok(text) => self.file(&path, &shown, text, depth),
                Err(ReadError::Directory) => {
                    let mut name = shown.display().to_string();
                    if !name.ends_with('/') {
                        name.push('/');
                    }
                    let text = format!("Configuration file '{name}' is a directory - skipping");
                    self.note(unreadable, "file-missing", from, text);
                }
                Err(ReadError::Other(why)) => {
                    let text = format!("Unable to open config file '{}' - {why}.", shown.display());
                    if check.readable {
                        self.note(Severity::Alert, "file-missing", from, text);
                    } else {
                        self.note(Severity::Warning, "file-unreadable", from, text);
                    }
                }
            }
        }
    }

    /// Whether it is a file that somebody may execute: a pattern should not take in scripts.
    fn is_program(&self, path: &Path) -> bool {
        let real = self.system.real_path(path);
        let status = real.and_then(|real| self.system.status(&real));
        status.is_ok_and(|status| status.kind != FileKind::Directory && status.mode & 0o111 != 0)
    }

    fn file(&mut self, path: &Path, shown: &Path, text: Vec<u8>, depth: usize) {
        let file = self.read.sources.add(shown.display().to_string(), text.clone());
        self.save(b"# ", shown.as_os_str().as_encoded_bytes());
        let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
        // What an included file sets ends with it.
        let check = self.check;
        for (line, number) in text.lines().zip(1u32..) {
            let line = without_comment(line.strip_suffix(b"\r").unwrap_or(line)).trim_ascii_end();
            let at = At { file, number, directory: &directory };
            // Only definitions go on in the next line; elsewhere the backslash belongs to the word in front of it.
            let joined = without_blank_before_backslash(line);
            let line = joined.as_deref().unwrap_or(line);
            if include_of(line).is_none() {
                self.save(b"", line.trim_ascii_start());
            } else {
                self.save(b"", b"");
            }
            if let Some((name, mut lines)) = self.multi_line.take() {
                if line.trim_ascii().is_empty() {
                    self.multi_line = Some((name, lines));
                    continue;
                }
                let (line, more) = continued(line);
                lines.push(line.to_vec());
                if more {
                    self.multi_line = Some((name, lines));
                } else {
                    self.definitions.insert(name, lines);
                }
                continue;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            if let Some((check, pattern)) = include_of(line) {
                let span = Line::exact(file, number, line).span(0, line.len());
                if depth >= INCLUDE_DEPTH_MAX {
                    let text = format!("include of '{}' is nested too deep", pattern.display());
                    self.note(Severity::Alert, "include-depth", Some(span), text);
                } else {
                    self.include(&pattern, Some(span), &directory, check, depth + 1);
                }
                continue;
            }
            self.setting(line.trim_ascii());
            self.line(line, at, true, 0);
        }
        self.check = check;
        self.save(b"", b"!");
        // A definition that the end of the file cuts is complete.
        if let Some((name, lines)) = self.multi_line.take() {
            self.definitions.insert(name, lines);
        }
    }

    /// A line of [`Lines::saved`].
    fn save(&mut self, before: &[u8], line: &[u8]) {
        let saved = &mut self.read.saved;
        if saved.len() < SAVED_BYTES_MAX {
            let (line, more) = continued(line);
            let end: &[u8] = if more { b"\\\n" } else { b"\n" };
            let line = if more { line.trim_ascii_end() } else { line };
            [before, line, end].iter().for_each(|part| saved.extend_from_slice(part));
        }
    }

    /// Keywords of `global_defs` that change how what follows is read. Their rows check them.
    fn setting(&mut self, line: &[u8]) {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
        match words.next() {
            Some(b"include_check") => self.check = self.check.changed(words),
            Some(b"random_seed") => {
                let seed = words.next().and_then(|w| w.to_str().ok()?.parse::<u32>().ok());
                self.seeded = seed.map(u64::from).or(self.seeded);
            }
            _ => {}
        }
    }

    /// One line on its way: conditions, definitions, repetitions, substitutions, in this order.
    fn line(&mut self, text: &[u8], at: At<'_>, exact: bool, level: usize) {
        self.handled += 1;
        let trimmed = text.trim_ascii_start();
        if self.overflow || (trimmed.is_empty() && self.handled <= LINES_MAX) {
            return;
        }
        let repetition = repetition_of(text);
        let too_many =
            repetition.as_ref().is_some_and(|(_, repetition, _)| repetition.rounds.len() >= ROUNDS_MAX);
        if too_many
            || level > SUBSTITUTION_DEPTH_MAX
            || self.handled > LINES_MAX
            || text.len() > LINE_BYTES_MAX
        {
            self.overflow = true;
            let span = Span::line(at.file, at.number);
            let text = "definitions expand without end or to too much text";
            self.note(Severity::Alert, "substitution-limit", Some(span), text);
            return;
        }
        if let Some(rest) = trimmed.strip_prefix(b"@") {
            if let Some(rest) = self.condition(rest) {
                self.line(rest, at, false, level);
            }
            return;
        }
        if let Some((name, value)) = definition_of(trimmed) {
            let (value, more) = continued(value);
            let lines = if more && value.trim_ascii().is_empty() {
                Vec::new()
            } else {
                vec![value.trim_ascii().to_vec()]
            };
            // Only a line of a file can go on in the next one.
            if more && level == 0 {
                self.multi_line = Some((name.to_vec(), lines));
            } else {
                self.definitions.insert(name.to_vec(), lines);
            }
            return;
        }
        if let Some((before, repetition, rest)) = repetition {
            self.line(before, at, false, level);
            for values in repetition.rounds {
                for (name, value) in repetition.names.iter().zip(values) {
                    self.definitions.insert(name.clone(), vec![value]);
                }
                self.line(rest, at, false, level + 1);
                if self.overflow {
                    return;
                }
            }
            for name in &repetition.names {
                self.definitions.remove(name);
            }
            return;
        }
        match self.substitute(text, at) {
            None => {
                self.read.lines.push(Line { text: text.to_vec(), file: at.file, number: at.number, exact });
            }
            Some(lines) => {
                for line in lines {
                    self.line(&line, at, false, level + 1);
                }
            }
        }
    }

    /// The rest of an `@id` line if the line applies.
    fn condition<'t>(&self, rest: &'t [u8]) -> Option<&'t [u8]> {
        let (negated, rest) = match rest.strip_prefix(b"^") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let end = rest.find_byteset(b" \t").unwrap_or(rest.len());
        let (id, rest) = rest.split_at_checked(end)?;
        ((id == self.config_id) != negated).then_some(rest)
    }

    /// The lines that a line with variables becomes; `None` if it has none that are defined.
    fn substitute(&mut self, text: &[u8], at: At<'_>) -> Option<Vec<Vec<u8>>> {
        let mut done: Vec<Vec<u8>> = Vec::new();
        let mut current: Vec<u8> = Vec::new();
        let mut rest = text;
        let mut changed = false;
        while let Some(dollar) = rest.find_byte(b'$') {
            let (before, from) = rest.split_at(dollar);
            current.extend_from_slice(before);
            match variable_of(from).and_then(|(name, after)| Some((self.value(name, at)?, after))) {
                Some((value, after)) => {
                    changed = true;
                    let mut lines = value.into_iter();
                    current.extend(lines.next().unwrap_or_default());
                    for line in lines {
                        done.push(std::mem::replace(&mut current, line));
                    }
                    rest = after;
                }
                None => {
                    current.push(b'$');
                    rest = from.get(1..).unwrap_or_default();
                }
            }
        }
        if !changed {
            return None;
        }
        current.extend_from_slice(rest);
        done.push(current);
        Some(done)
    }

    fn value(&mut self, name: &[u8], at: At<'_>) -> Option<Vec<Vec<u8>>> {
        let text = match name {
            b"_HASH" => b"#".to_vec(),
            b"_BANG" => b"!".to_vec(),
            b"_INSTANCE" => self.config_id.clone(),
            b"_PWD" => at.directory.as_os_str().as_encoded_bytes().to_vec(),
            name if name.starts_with(b"_RANDOM") => self.random(name.get(7..)?)?,
            name => return self.definitions.get(name).cloned(),
        };
        Some(vec![text])
    }

    /// `${_RANDOM [MIN [MAX]]}`
    fn random(&mut self, arguments: &[u8]) -> Option<Vec<u8>> {
        let mut numbers = [0u64, 32767];
        for (slot, word) in
            numbers.iter_mut().zip(arguments.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()))
        {
            *slot = word.to_str().ok()?.parse().ok()?;
        }
        let [min, max] = numbers;
        let width = max.checked_sub(min)?.checked_add(1)?;
        let number = match &mut self.seeded {
            Some(state) => splitmix(state),
            None => self.system.random(),
        };
        Some((min + number % width).to_string().into_bytes())
    }
}

/// A line without its trailing backslash, and whether it had one.
fn continued(line: &[u8]) -> (&[u8], bool) {
    match line.strip_suffix(b"\\") {
        Some(line) => (line, true),
        None => (line, false),
    }
}

/// SplitMix64: the same numbers for the same seed, wherever it runs.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut number = *state;
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// `$NAME=value`
fn definition_of(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_prefix(b"$")?;
    let end = rest.iter().position(|b| !is_name(*b))?;
    let (name, rest) = rest.split_at_checked(end)?;
    let value = rest.strip_prefix(b"=")?;
    (!name.is_empty()).then_some((name, value))
}

/// `$NAME` or `${NAME}` at the start of some text, and what follows.
fn variable_of(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = text.strip_prefix(b"$")?;
    if let Some(rest) = rest.strip_prefix(b"{") {
        let end = rest.find_byte(b'}')?;
        return Some((rest.get(..end)?, rest.get(end + 1..)?));
    }
    let end = rest.iter().position(|b| !is_name(*b)).unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(end)?;
    (!name.is_empty()).then_some((name, after))
}

/// Names and the values they take, round after round.
struct Repetition {
    names: Vec<Vec<u8>>,
    rounds: Vec<Vec<Vec<u8>>>,
}

/// A `~SEQ(…)`, `~SEQx(…)` or `~LST(…)` at the start of a word, with what stands before and after it.
fn repetition_of(text: &[u8]) -> Option<(&[u8], Repetition, &[u8])> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find_byte(b'~')?;
        from = at + 1;
        if at > 0 && !text.get(at - 1)?.is_ascii_whitespace() {
            continue;
        }
        let rest = text.get(at + 1..)?;
        let open = rest.find_byte(b'(').unwrap_or(0);
        let kind = rest.get(..open)?;
        let inside = rest.get(open + 1..)?;
        let Some(close) = inside.find_byte(b')') else { continue };
        let (inside, after) = (inside.get(..close)?, inside.get(close + 1..)?);
        let repetition = match kind {
            b"SEQ" => sequence(inside, false),
            b"SEQx" => sequence(inside, true),
            b"LST" => list(inside),
            _ => None,
        };
        if let Some(repetition) = repetition {
            return Some((text.get(..at)?, repetition, after));
        }
    }
}

fn sequence(inside: &[u8], hex: bool) -> Option<Repetition> {
    let mut fields = inside.split_str(b",").map(<[u8]>::trim_ascii);
    let name = fields.next().filter(|n| !n.is_empty() && n.iter().all(|b| is_name(*b)))?;
    let numbers: Vec<i64> = fields.map(integer).collect::<Option<_>>()?;
    let (start, step, end) = match numbers.as_slice() {
        [end] => (end.signum(), end.signum(), *end),
        [start, end] => (*start, if end < start { -1 } else { 1 }, *end),
        [start, step, end] => (*start, *step, *end),
        _ => return None,
    };
    if step == 0 {
        return None;
    }
    let mut rounds = Vec::new();
    let mut value = start;
    while (if step > 0 { value <= end } else { value >= end }) && rounds.len() < ROUNDS_MAX {
        let text = if hex { format!("{value:x}") } else { value.to_string() };
        rounds.push(vec![text.into_bytes()]);
        value = value.checked_add(step)?;
    }
    Some(Repetition { names: vec![name.to_vec()], rounds })
}

fn integer(text: &[u8]) -> Option<i64> {
    let text = text.to_str().ok()?;
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn list(inside: &[u8]) -> Option<Repetition> {
    let mut groups = Vec::new();
    let mut rest = inside.trim_ascii();
    while !rest.is_empty() {
        let (group, after) = if let Some(inner) = rest.strip_prefix(b"{") {
            let end = inner.find_byte(b'}')?;
            (
                inner.get(..end)?.split_str(b",").map(|v| v.trim_ascii().to_vec()).collect(),
                inner.get(end + 1..)?,
            )
        } else {
            let end = rest.find_byte(b',').unwrap_or(rest.len());
            (vec![rest.get(..end)?.trim_ascii().to_vec()], rest.get(end..)?)
        };
        groups.push(group);
        rest = after.trim_ascii_start().strip_prefix(b",").unwrap_or_default().trim_ascii_start();
    }
    let mut groups = groups.into_iter();
    let names = groups.next()?;
    let rounds: Vec<_> = groups.collect();
    (!rounds.is_empty()).then_some(Repetition { names, rounds })
}

#[cfg(test)]
mod tests;
