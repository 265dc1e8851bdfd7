//! `-t`, `--config-test`: what every process would say about the configuration, and whether it is clean.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use keepalived_config::{ReadOptions, Reader};

use crate::cli::Options;
use crate::machine::Machine;
use crate::status;

/// Tests and returns the exit status. Messages go to `log`, or to standard error.
pub(crate) fn run(options: &Options, log: Option<&Path>) -> u8 {
    let mut out: Box<dyn Write> = match log {
        None => Box::new(std::io::stderr()),
        Some(path) => match OpenOptions::new().append(true).create(true).mode(0o600).open(path) {
            Ok(file) => Box::new(file),
            Err(error) => {
                let number = error.raw_os_error().unwrap_or_default();
                let words = nix::errno::Errno::from_raw(number).desc();
                let text =
                    format!("Unable to open config-test log file {} {number} - {words}\n", path.display());
                crate::print("", &text);
                return status::FATAL;
            }
        },
    };
    for complaint in &options.complaints {
        let _ = writeln!(out, "{complaint}");
    }
    if let Some(name) = &options.namespace
        && let Err(why) = crate::files::enter(name)
    {
        let _ = writeln!(out, "{why}");
        return status::FATAL;
    }
    let read =
        ReadOptions { config_id: options.config_id.clone(), all_config: options.all_config, test: true };
    let machine = Machine::here();
    let mut outcome = keepalived_config::load(&options.config_file, &read, &machine);
    if let (None, Some(name)) = (&options.namespace, &outcome.identity.net_namespace) {
        // Its interfaces are those of the namespace; without it, the reference tests in this one.
        if crate::files::enter(name).is_ok() {
            outcome = keepalived_config::load(&options.config_file, &read, &machine);
        }
    }
    // A parameter that is missing ends the pass in which it is missed.
    let stopped_by = outcome.refusal().filter(|_| outcome.stopped);
    for reader in Reader::ALL {
        for line in outcome.lines(reader, false) {
            let _ = writeln!(out, "{line}");
        }
        if stopped_by.is_some_and(|message| message.is_for(reader)) {
            break;
        }
    }
    outcome.test_status()
}
