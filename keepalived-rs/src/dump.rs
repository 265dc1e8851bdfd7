//! What the parent writes: the global definitions it runs with (SIGUSR1), and the configuration (`config_save_dir`).

use std::os::unix::fs::DirBuilderExt;

use keepalived_config::{Config, Outcome};

use crate::cli::Options;
use crate::log::line;

/// Name of the file without what tells daemons apart.
pub(crate) const PARENT_FILE: &str = "keepalived_parent";

/// Writes the file, readable by root only.
pub(crate) fn parent(config: Option<&Config>, options: &Options, suffix: &str) -> std::io::Result<()> {
    let directory = std::env::var_os("TMPDIR").map(std::path::PathBuf::from);
    let template = config.and_then(|c| c.global.daemon.dumps.state.as_deref());
    let path = vrrpd::dump_path(directory.as_deref(), template, PARENT_FILE, suffix, "data");
    let text = config.map(|config| {
        let snmp = config.global.daemon.snmp.with_options(options.snmp, options.snmp_socket.as_deref());
        vrrpd::global_definitions(config, vrrpd::Reader::Parent, &snmp)
    });
    vrrpd::write_dump(&path, &text.unwrap_or_default())
}

/// `config_save_dir`: keeps a configuration that was read, the `number`th of this process.
pub(crate) fn save(outcome: &Outcome, number: u32) {
    let directory = outcome.config.as_ref().and_then(|c| c.global.daemon.config_save_dir.as_deref());
    let Some(directory) = directory else { return };
    match std::fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            let number = error.raw_os_error().unwrap_or(0);
            let text = sys::process::error_text(&error);
            line!("Unable to create config_save_dir {} (error {number} - {text})", directory.display());
            return;
        }
        _ => {}
    }
    let path = directory.join(format!("keepalived.conf.{}.{number}", std::process::id()));
    if let Err(error) = vrrpd::write_dump(&path, &String::from_utf8_lossy(&outcome.saved)) {
        line!("Unable to write {} - {}", path.display(), sys::process::error_text(&error));
    }
}
