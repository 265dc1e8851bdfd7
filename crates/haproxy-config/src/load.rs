//! The way in: files in, diagnostics and the runtime configuration out.

use crate::runtime::RuntimeConfig;
use config_text::{Diagnostics, Files, SourceMap};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What the configuration may ask of the machine. The binary implements it; tests hand in a table.
pub trait Host: Files {
    /// The first address of a host name, an IPv4 one before an IPv6 one, as the reference's default.
    fn resolve(&self, name: &str) -> Option<IpAddr>;
    /// Id of a user name.
    fn user_id(&self, name: &str) -> Option<u32>;
    /// Id of a group name.
    fn group_id(&self, name: &str) -> Option<u32>;
    /// The machine's name (`gethostname`).
    fn host_name(&self) -> String;
    /// Why an inherited descriptor (`fd@N`, `sockpair@N`) is no usable socket, in the system's words; none when it is one.
    fn descriptor_problem(&self, _descriptor: i32) -> Option<String> {
        None
    }
    /// Whether a network namespace of this name exists.
    fn has_namespace(&self, _name: &str) -> bool {
        false
    }
    /// CPUs that this process may use.
    fn usable_cpus(&self) -> u32;
}

/// What to load.
pub struct Inputs<'a> {
    /// The files in order: the name as the user gave it, and the bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// The process's environment.
    pub environment: BTreeMap<String, String>,
    /// Base name of the program, the default `log-tag`.
    pub program: String,
    /// `-dr`: a server whose host name is unknown is disabled instead of refused.
    pub ignore_unresolved: bool,
    /// Options that `enabled()` in a condition reports on.
    pub features: Features,
    /// The machine.
    pub host: &'a dyn Host,
}

/// What `feature()` and `enabled()` answer in conditions.
#[derive(Clone, Debug)]
pub struct Features {
    /// The names that `-vv` shows with a plus sign.
    pub list: Vec<String>,
    /// The full version, such as `3.0.11-rs0.1.0`.
    pub version: String,
    /// `-de`: no epoll.
    pub epoll: bool,
    /// `-dS`: no splice.
    pub splice: bool,
    /// `-dR`: no SO_REUSEPORT.
    pub reuseport: bool,
    /// `-dG`: no getaddrinfo.
    pub getaddrinfo: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            version: "3.0.11".to_owned(),
            epoll: true,
            splice: true,
            reuseport: true,
            getaddrinfo: true,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Loaded {
    /// The files, for rendering the diagnostics.
    pub sources: SourceMap,
    /// Everything to say, in the order to print it, each with `config : ` before it. The closing lines
    /// (`Error(s) found in configuration file`, `Fatal errors found in configuration.`) are among them.
    pub diagnostics: Diagnostics,
    /// The configuration; none when it is refused.
    pub config: Option<RuntimeConfig>,
    /// `zero-warning` was written.
    pub zero_warning: bool,
    /// `quiet` was written.
    pub quiet: bool,
}

impl Loaded {
    /// Whether anything listens, the master of `master-worker` included: without it `-c` ends with status 2 and a start with status 1.
    #[must_use]
    pub fn has_listener(&self) -> bool {
        self.config.as_ref().is_some_and(|c| {
            c.global.master_worker
                || !c.global.stats_sockets.is_empty()
                || c.proxies.iter().any(|p| !p.disabled && !p.binds.is_empty())
        })
    }
}

/// Reads, checks and resolves a configuration. Opens no socket; reads files and host names through `inputs.host`.
#[must_use]
pub fn load(inputs: Inputs<'_>) -> Loaded {
    crate::reader::read(inputs)
}

/// What `-dC` shows: every line as its words, quotes resolved and variables expanded, nothing obeyed. The diagnostics are about lines
/// that cannot be cut; `Loaded::config` is always none.
#[must_use]
pub fn show_lines(inputs: Inputs<'_>, how: crate::shown::Show) -> (Loaded, String) {
    crate::reader::show(inputs, how)
}

/// Evaluates the expression of `-cc` (`.if`'s language, configuration manual, section 2.4).
///
/// # Errors
/// The reference's text, such as `unparsable conditional expression 'foo('`.
pub fn eval_condition(
    expression: &str,
    features: &Features,
    environment: &BTreeMap<String, String>,
) -> Result<bool, String> {
    crate::condition::evaluate(expression, features, environment).map_err(|e| e.text)
}
