//! What SIGUSR1 makes the parent write: the global definitions it runs with.

use keepalived_config::Config;

/// Name of the file without what tells daemons apart.
pub(crate) const PARENT_FILE: &str = "keepalived_parent";

/// Writes the file, readable by root only.
pub(crate) fn parent(config: Option<&Config>, suffix: &str) -> std::io::Result<()> {
    let directory = std::env::var_os("TMPDIR").map(std::path::PathBuf::from);
    let template = config.and_then(|c| c.global.daemon.dumps.state.as_deref());
    let path = vrrpd::dump_path(directory.as_deref(), template, PARENT_FILE, suffix, "data");
    let text =
        config.map(|config| vrrpd::global_definitions(config, vrrpd::Reader::Parent)).unwrap_or_default();
    vrrpd::write_dump(&path, &text)
}
