//! keepalived.conf: grammar, keyword registry, resolution.
//!
//! A configuration goes one way: files ([`System`]) to lines without includes, conditions and variables (`lines`), to words
//! (`words`), to blocks (`tree`), to declarations (`registry`, `block`), to what runs ([`resolved::Config`], `resolve`). Each
//! step reports what it finds as [`Message`]s and goes on, so that one reading shows every mistake.
//!
//! Nothing here touches the machine by itself and nothing prints.

mod block;
mod declared;
#[cfg(test)]
mod fake;
mod lines;
mod message;
mod number;
mod registry;
mod resolve;
pub mod resolved;
mod system;
mod tree;
mod words;

use std::path::Path;
use std::rc::Rc;

use config_text::{Severity, SourceMap};

pub use block::keywords;
pub use lines::{ReadOptions, braces};
pub use message::{Message, Reader, Scope};
pub use registry::KeywordInfo;
pub use resolved::Config;
pub use system::{FileKind, FileStatus, InterfaceStatus, ReadError, System};

use message::Messages;
use registry::Cx;

/// Code of the message that scripts run without `enable_script_security`.
pub const SCRIPT_SECURITY: &str = "script-security";

/// Code of messages about interfaces that are not there and stop nothing.
pub(crate) const UNKNOWN_INTERFACE: &str = "unknown-interface";

/// What reading a configuration came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What can run; absent when something makes it impossible. Shared, because it may hold thousands of addresses.
    pub config: Option<Rc<Config>>,
    /// Whether there is anything for the VRRP child, even if it would refuse to run it.
    pub has_vrrp: bool,
    /// `net_namespace`, `instance`, `use_pid_dir`, whatever else is wrong.
    pub identity: resolved::Identity,
    /// What there is to say, in order.
    pub messages: Vec<Message>,
    /// The files that were read.
    pub sources: SourceMap,
    /// Their text without comments, included files in their places: what `config_save_dir` keeps.
    pub saved: Vec<u8>,
    /// A parameter was missing and nothing after it was read.
    pub stopped: bool,
}

impl Outcome {
    /// The exit status of `--config-test`.
    pub fn test_status(&self) -> u8 {
        let is_security = |m: &Message| m.diagnostic.code == SCRIPT_SECURITY;
        if self.stopped {
            return 2;
        }
        if self.messages.iter().any(is_security) {
            return 6;
        }
        if self.lacks_file() {
            return 6;
        }
        let mut wrong =
            self.messages.iter().filter(|m| m.diagnostic.severity >= Severity::Warning).peekable();
        if wrong.peek().is_none() {
            return 0;
        }
        if wrong.all(|m| m.diagnostic.code == UNKNOWN_INTERFACE) { 4 } else { 5 }
    }

    /// A file is missing that must be there.
    pub fn lacks_file(&self) -> bool {
        self.messages
            .iter()
            .any(|m| m.diagnostic.code == "file-missing" && m.diagnostic.severity == Severity::Alert)
    }

    /// Whether a daemon can run this: the first message that says no, if not.
    pub fn refusal(&self) -> Option<&Message> {
        self.messages.iter().find(|m| m.diagnostic.severity == Severity::Alert)
    }

    /// The log lines of one process. `detail`: those that `--config-test` leaves out, too.
    pub fn lines(&self, reader: Reader, detail: bool) -> impl Iterator<Item = String> + '_ {
        self.messages
            .iter()
            .filter(move |m| m.is_for(reader) && (detail || m.diagnostic.severity != Severity::Diag))
            .map(move |m| m.text(&self.sources, reader))
    }

    /// The log lines that are the BFD child's alone: about `bfd_instance` blocks.
    pub fn bfd_lines(&self) -> impl Iterator<Item = String> + '_ {
        self.messages.iter().filter(|m| m.scope == Scope::Bfd).map(|m| m.text(&self.sources, Reader::Bfd))
    }
}

/// Reads, checks and resolves a configuration.
pub fn load(path: &Path, options: &ReadOptions, system: &dyn System) -> Outcome {
    let mut messages = Messages::default();
    let lines::Lines { sources, lines, saved, notes } = lines::read(path, options, system);
    let tree = tree::parse(&lines, notes);
    let mut declared = declared::Declared::default();
    let mut cx = Cx {
        system,
        messages: &mut messages,
        scope: Scope::Every,
        stopped: false,
        missing_interface: false,
        default_user: declared::DefaultUser::Unknown,
        script_security: false,
        scripts: Vec::new(),
        trackers: Vec::new(),
        bfds: Vec::new(),
        track_groups: Vec::new(),
        default_interface: None,
        dynamic_interfaces: tree.nodes.iter().any(has_dynamic_interfaces),
        both_families: false,
        iproute: resolved::IprouteDirectories::default(),
        rule_priority: 0x4000,
        lenient: !options.test,
    };
    registry::apply(&block::top::TABLES, &tree.nodes, &mut declared, &mut cx);
    let (stopped, missing_interface) = (cx.stopped, cx.missing_interface);
    let trackers = std::mem::take(&mut cx.trackers);
    if tree.missing_closes > 0 && !stopped {
        let text = format!("There are {} missing '}}'s or extra '{{'s", tree.missing_closes);
        messages.push(Scope::Every, Severity::Warning, "missing-brace", None, text);
    }
    let has_vrrp = tree.nodes.iter().any(starts_vrrp);
    let identity = resolve::daemon::identity(&declared.global);
    let config = if stopped {
        None
    } else {
        resolve::resolve(declared, trackers, missing_interface, system, &mut messages)
    };
    let messages = messages.into_list();
    let refused = messages.iter().any(|m| m.diagnostic.severity == Severity::Alert);
    Outcome {
        config: config.filter(|_| !refused).map(Rc::new),
        has_vrrp,
        identity,
        messages,
        sources,
        saved,
        stopped,
    }
}

/// Whether a statement at top level is work for the VRRP child, however wrong it is.
fn starts_vrrp(node: &tree::Node) -> bool {
    let starts = |keyword: &str| {
        matches!(keyword, "vrrp_instance" | "static_ipaddress" | "static_routes" | "static_rules")
    };
    matches!(node, tree::Node::Statement(s) if starts(&s.keyword()))
}

/// Whether a statement at top level is `global_defs` with `dynamic_interfaces`, which counts wherever it stands.
fn has_dynamic_interfaces(node: &tree::Node) -> bool {
    let tree::Node::Statement(statement) = node else { return false };
    let is_word =
        |node: &tree::Node| matches!(node, tree::Node::Statement(s) if s.keyword() == "dynamic_interfaces");
    statement.keyword() == "global_defs"
        && statement.block.as_ref().is_some_and(|block| block.nodes.iter().any(is_word))
}

#[cfg(test)]
mod tests;
