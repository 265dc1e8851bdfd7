//! Keywords: one row each, in a table per block, and the walk that applies a block's statements to its declaration.
//!
//! A row names the keyword, how many parameters it needs at least, how it is stored, and what it does in one line. The generic
//! setters write "a number in this range goes there" once; anything else is a function in the block's file. A keyword that
//! the reference knows and this program does not obey yet is a row too: [`Set::Refused`].

use config_text::{Severity, Span, Word};

use crate::declared::tracker::TrackerDecl;
use crate::declared::{DefaultUser, TrackedScriptDecl};
use crate::message::{Messages, Scope};
use crate::number::{self, Reading, Rest};
use crate::system::System;
use crate::tree::{Block, Node, Statement};

/// A keyword of a block that declares a `T`.
pub(crate) struct Keyword<T: 'static> {
    pub(crate) name: &'static str,
    /// How many words must follow at least. Fewer stop the reading of the configuration, as the reference does.
    pub(crate) parameters: usize,
    pub(crate) set: Set<T>,
    /// What it does.
    pub(crate) doc: &'static str,
}

/// How a keyword's parameters are stored. `bad` texts may hold `{n}` (the block's name) and `{v}` (the parameter).
pub(crate) enum Set<T: 'static> {
    /// True when it stands there.
    Flag(fn(&mut T) -> &mut bool),
    /// A boolean; true without parameter.
    Bool { field: fn(&mut T) -> &mut Option<bool>, bad: &'static str },
    /// An unsigned number.
    Unsigned { field: fn(&mut T) -> &mut Option<u32>, min: u32, max: u32, bad: &'static str },
    /// The same where a daemon, too, takes a number only when it is written well.
    StrictUnsigned { field: fn(&mut T) -> &mut Option<u32>, min: u32, max: u32, bad: &'static str },
    /// An unsigned number of which 0 is taken for 1, with a remark.
    AtLeastOne { field: fn(&mut T) -> &mut Option<u32>, bad: &'static str, zero: &'static str },
    /// Anything else without a block.
    Custom(fn(&mut T, &Statement, &mut Cx<'_>)),
    /// A keyword with a block.
    Block(fn(&mut T, &Statement, &Block, &mut Cx<'_>)),
    /// Known to the reference, not obeyed yet.
    Refused,
}

/// The name of a block for its messages.
pub(crate) trait Named {
    fn name(&self) -> &str;

    /// Whose messages those about a keyword's own line are, if not those of the block around.
    fn scope_of(&self, _keyword: &str) -> Option<Scope> {
        None
    }
}

/// What setters need besides the declaration.
pub(crate) struct Cx<'a> {
    pub(crate) system: &'a dyn System,
    pub(crate) messages: &'a mut Messages,
    /// Whose messages the current block's are.
    pub(crate) scope: Scope,
    /// Set when a parameter was missing: nothing more is read.
    pub(crate) stopped: bool,
    /// An interface that the configuration names does not exist: the VRRP child will not run.
    pub(crate) missing_interface: bool,
    /// Who runs scripts that do not say so themselves.
    pub(crate) default_user: DefaultUser,
    /// `enable_script_security` was read.
    pub(crate) script_security: bool,
    /// The scripts defined so far, with their weights: what a `track_script` may name.
    pub(crate) scripts: Vec<TrackedScriptDecl>,
    /// The files and processes defined so far that may be tracked.
    pub(crate) trackers: Vec<TrackerDecl>,
    /// The BFD sessions defined so far that the VRRP process hears of, with their weights.
    pub(crate) bfds: Vec<crate::block::bfd_instance::TrackedBfdDecl>,
    /// The names of the track groups defined so far.
    pub(crate) track_groups: Vec<String>,
    /// `default_interface`.
    pub(crate) default_interface: Option<String>,
    /// `dynamic_interfaces`: an interface may be missing.
    pub(crate) dynamic_interfaces: bool,
    /// `vrrp_both_families`.
    pub(crate) both_families: bool,
    /// `iproute_usr_dir`, `iproute_etc_dir`.
    pub(crate) iproute: crate::resolved::IprouteDirectories,
    /// The preference of the next rule that has none.
    pub(crate) rule_priority: u32,
    /// A daemon reads: of most numbers it takes the digits that they begin with.
    pub(crate) lenient: bool,
}

impl Cx<'_> {
    /// The configuration runs, but not as meant; `--config-test` fails.
    pub(crate) fn warn(&mut self, span: Span, code: &'static str, text: impl Into<String>) {
        self.messages.push(self.scope, Severity::Warning, code, Some(span), text);
    }

    /// The configuration is refused.
    pub(crate) fn refuse(&mut self, span: Span, code: &'static str, text: impl Into<String>) {
        self.messages.push(self.scope, Severity::Alert, code, Some(span), text);
    }

    /// Log lines of a running daemon that `--config-test` leaves out.
    pub(crate) fn remark(&mut self, text: impl Into<String>) {
        self.messages.push(self.scope, Severity::Diag, "remark", None, text);
    }

    /// A keyword that this program does not obey yet.
    pub(crate) fn not_implemented(&mut self, span: Span, what: &str) {
        // Once is enough, even for what every process reads.
        let scope = if self.scope == Scope::Every { Scope::Parent } else { self.scope };
        let text = format!("'{what}' is not implemented yet in keepalived-rs");
        self.messages.push(scope, Severity::Alert, "not-implemented", Some(span), text);
    }

    /// A keyword that tunes what this program does not have: nothing else changes, so it is no reason to fail.
    pub(crate) fn no_effect(&mut self, span: Span, what: &str, why: &str) {
        let text = format!("'{what}' has no effect in keepalived-rs: {why}");
        self.messages.push(self.scope, Severity::Diag, "no-effect", Some(span), text);
    }

    /// A number, or the reference's words about it as a message.
    pub(crate) fn unsigned(&mut self, span: Span, text: &str, min: u32, max: u32) -> Option<u32> {
        self.number(span, number::unsigned(text, min, max), self.lenient)
    }

    /// The same for a keyword that a daemon, too, reads strictly.
    pub(crate) fn strict_unsigned(&mut self, span: Span, text: &str, min: u32, max: u32) -> Option<u32> {
        self.number(span, number::unsigned(text, min, max), false)
    }

    /// A number of 64 bits, or a message.
    pub(crate) fn unsigned_long(&mut self, span: Span, text: &str) -> Option<u64> {
        self.number(span, number::unsigned_long(text), self.lenient)
    }

    /// A signed number, or a message.
    pub(crate) fn signed(&mut self, span: Span, text: &str, min: i32, max: i32) -> Option<i32> {
        self.number(span, number::signed(text, min, max), self.lenient)
    }

    /// The same for a keyword that a daemon, too, reads strictly.
    pub(crate) fn strict_signed(&mut self, span: Span, text: &str, min: i32, max: i32) -> Option<i32> {
        self.number(span, number::signed(text, min, max), false)
    }

    /// Seconds with three decimals within a range in milliseconds, or a message.
    pub(crate) fn milliseconds(
        &mut self,
        span: Span,
        text: &str,
        min: u64,
        max: u64,
        rest: Rest,
    ) -> Option<std::time::Duration> {
        self.number(span, number::thousandths(text, min, max, rest), self.lenient)
    }

    /// A number with three decimals of a keyword that a daemon, too, reads strictly.
    pub(crate) fn strict_thousandths(
        &mut self,
        span: Span,
        text: &str,
        min: u64,
        max: u64,
    ) -> Option<std::time::Duration> {
        self.number(span, number::thousandths(text, min, max, Rest::Refused), false)
    }

    /// Seconds with decimals within a range in microseconds, or a message.
    pub(crate) fn seconds(
        &mut self,
        span: Span,
        text: &str,
        min: u64,
        max: u64,
        rest: Rest,
    ) -> Option<std::time::Duration> {
        self.number(span, number::seconds(text, min, max, rest), self.lenient)
    }

    /// What is taken of a number, with messages about what is wrong with it.
    fn number<N>(&mut self, span: Span, reading: Reading<N>, lenient: bool) -> Option<N> {
        let prefix = if lenient && !reading.bare { "WARNING - " } else { "" };
        for text in reading.said {
            self.warn(span, "number", format!("{prefix}{text}"));
        }
        if lenient { reading.lenient } else { reading.value }
    }

    /// A `track_group` defined above, or a message.
    pub(crate) fn track_group(&mut self, span: Span, name: String) -> Option<String> {
        if self.track_groups.contains(&name) {
            return Some(name);
        }
        self.warn(span, "track-group", format!("track_group {name} not found"));
        None
    }

    /// Whether an interface exists; notes it when not.
    pub(crate) fn interface_exists(&mut self, name: &str) -> bool {
        if self.system.interface(name).is_some() {
            return true;
        }
        self.missing_interface |= !self.dynamic_interfaces;
        if self.dynamic_interfaces {
            self.awaits_interface(name);
        }
        self.dynamic_interfaces
    }

    /// `dynamic_interfaces`: one that is missing may come.
    pub(crate) fn awaits_interface(&mut self, name: &str) {
        self.remark(format!(
            "Configuration specifies interface {name} which doesn't currently exist - will use if created"
        ));
    }

    /// A preference for a rule without one: each is looked at before those that came earlier.
    pub(crate) fn next_rule_priority(&mut self) -> u32 {
        let priority = self.rule_priority;
        self.rule_priority = priority.saturating_sub(1);
        priority
    }
}

/// Applies the statements of a block, in order.
pub(crate) fn apply<T: Named>(keywords: &[&[Keyword<T>]], nodes: &[Node], target: &mut T, cx: &mut Cx<'_>) {
    for node in nodes {
        if cx.stopped {
            return;
        }
        if let Some(statement) = statement_of(node, cx) {
            let keyword = statement.keyword();
            match keywords.iter().copied().flatten().find(|k| k.name == keyword) {
                Some(row) => {
                    let scope = target.scope_of(&keyword).unwrap_or(cx.scope);
                    let around = std::mem::replace(&mut cx.scope, scope);
                    apply_row(row, statement, target, cx);
                    cx.scope = around;
                }
                None => unknown(statement, cx),
            }
        }
    }
}

/// The statement of a node; a message for anything else.
pub(crate) fn statement_of<'n>(node: &'n Node, cx: &mut Cx<'_>) -> Option<&'n Statement> {
    match node {
        Node::Statement(statement) => Some(statement),
        Node::ExtraClose(span) => {
            cx.warn(*span, "extra-brace", "Extra '}' found");
            cx.warn(*span, "unknown-keyword", "Unknown keyword '}'");
            None
        }
        Node::StrayBlock(block) => {
            cx.warn(block.open, "unexpected-block", "Unexpected '{' - ignoring");
            skipped(block, "", cx);
            None
        }
        Node::Note(note) => {
            cx.messages.push(Scope::Parent, note.severity, note.code, note.span, note.text.clone());
            None
        }
        Node::UnterminatedQuote(span, text) => {
            // Every process reads every line.
            let text = format!("Unterminated quote '{text}'");
            cx.messages.push(Scope::Every, Severity::Alert, "unterminated-quote", Some(*span), text);
            None
        }
    }
}

/// The lines of a block list: its statements, with messages for anything else. A block in a line is refused.
pub(crate) fn list_of<'n>(block: &'n Block, cx: &mut Cx<'_>) -> Vec<&'n Statement> {
    let mut list = Vec::new();
    for node in &block.nodes {
        if let Some(statement) = statement_of(node, cx) {
            if let Some(inner) = &statement.block {
                cx.warn(inner.open, "unexpected-block", "Unexpected '{' - ignoring");
                skipped(inner, &statement.keyword(), cx);
            }
            list.push(statement);
        }
    }
    list
}

fn apply_row<T: Named>(row: &Keyword<T>, statement: &Statement, target: &mut T, cx: &mut Cx<'_>) {
    let span = statement.span;
    if matches!(row.set, Set::Refused) {
        cx.not_implemented(span, row.name);
        return;
    }
    if statement.words.len() <= row.parameters {
        missing_parameter(statement, cx);
        return;
    }
    match (&row.set, &statement.block) {
        (Set::Block(set), Some(block)) => return set(target, statement, block, cx),
        (Set::Block(_), None) => {
            cx.warn(
                span,
                "missing-block",
                format!("'{}' must be followed by a block in braces - ignoring", row.name),
            );
            return;
        }
        (_, Some(block)) => {
            cx.warn(block.open, "unexpected-block", "Unexpected '{' - ignoring");
            skipped(block, row.name, cx);
        }
        (_, None) => {}
    }
    let first = statement.text(1);
    let value = first.clone().unwrap_or_default();
    let bad_text = |text: &str, target: &T| text.replace("{n}", target.name()).replace("{v}", &value);
    match &row.set {
        Set::Flag(field) => *field(target) = true,
        Set::Bool { field, bad } => match first.as_deref().map_or(Some(true), number::boolean) {
            Some(on) => *field(target) = Some(on),
            None => cx.warn(span, "boolean", bad_text(bad, target)),
        },
        Set::Unsigned { field, min, max, bad } => match cx.unsigned(span, &value, *min, *max) {
            Some(number) => *field(target) = Some(number),
            None => cx.warn(span, "number", bad_text(bad, target)),
        },
        Set::StrictUnsigned { field, min, max, bad } => match cx.strict_unsigned(span, &value, *min, *max) {
            Some(number) => *field(target) = Some(number),
            None => cx.warn(span, "number", bad_text(bad, target)),
        },
        Set::AtLeastOne { field, bad, zero } => match cx.unsigned(span, &value, 0, u32::MAX) {
            Some(0) => {
                cx.warn(span, "number", bad_text(zero, target));
                *field(target) = Some(1);
            }
            Some(number) => *field(target) = Some(number),
            None => cx.warn(span, "number", bad_text(bad, target)),
        },
        Set::Custom(set) => set(target, statement, cx),
        Set::Block(_) | Set::Refused => {}
    }
}

pub(crate) fn missing_parameter(statement: &Statement, cx: &mut Cx<'_>) {
    let last = statement.words.last().map(Word::lossy).unwrap_or_default();
    let text = format!(
        "*** Configuration line starting `{}` is missing a parameter after keyword `{last}` at word position {}",
        statement.keyword(),
        statement.words.len() + 1
    );
    cx.refuse(statement.span, "missing-parameter", text);
    cx.stopped = true;
}

fn unknown(statement: &Statement, cx: &mut Cx<'_>) {
    let keyword = statement.keyword();
    cx.warn(statement.span, "unknown-keyword", format!("Unknown keyword '{keyword}'"));
    if let Some(block) = &statement.block {
        skipped(block, &keyword, cx);
    }
}

/// Says which lines a block that means nothing takes with it. The reference reads them as statements of the block around.
fn skipped(block: &Block, keyword: &str, cx: &mut Cx<'_>) {
    let end =
        block.close.map_or_else(|| "the end of the file".to_owned(), |close| format!("line {}", close.line));
    let what = if keyword.is_empty() { String::new() } else { format!(" of '{keyword}'") };
    cx.warn(block.open, "skipped-block", format!("Ignoring the block{what} up to {end}"));
}

/// One keyword, for lists and documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeywordInfo {
    /// Blocks and name, such as `vrrp_instance/priority`.
    pub path: String,
    /// False when it is refused with "not implemented yet".
    pub obeyed: bool,
    /// What it does.
    pub doc: &'static str,
}

pub(crate) fn infos<T>(path: &str, keywords: &[&[Keyword<T>]], into: &mut Vec<KeywordInfo>) {
    for keyword in keywords.iter().copied().flatten() {
        let path = if path.is_empty() { keyword.name.to_owned() } else { format!("{path}/{}", keyword.name) };
        into.push(KeywordInfo { path, obeyed: !matches!(keyword.set, Set::Refused), doc: keyword.doc });
    }
}

/// Rows of keywords that are not obeyed yet.
macro_rules! refused {
    ($($name:literal),+ $(,)?) => {
        [$($crate::registry::Keyword {
            name: $name, parameters: 0, set: $crate::registry::Set::Refused, doc: "Not implemented yet.",
        }),+]
    };
}
pub(crate) use refused;
