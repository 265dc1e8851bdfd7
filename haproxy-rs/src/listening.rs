//! Getting the listening sockets: taken over from an older process, or bound, with the older process asked to make room.

use crate::command_line::{Invocation, OldProcesses};
use haproxy_config::runtime::RuntimeConfig;
use proxy::bind::{Attempt, Binder, BoundListener, Inherited, fetch_sockets};
use std::time::Duration;
use sys::messages;
use sys::process;
use sys::signals::{SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1};

/// Attempts to bind while an older process lets go, and the pause between two.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// Fetches the sockets that `-x` points to. None when that failed; the reason has been said.
pub(crate) fn fetch(source: Option<&str>) -> Option<Inherited> {
    let Some(source) = source.filter(|s| *s != "/dev/null") else { return Some(Inherited::default()) };
    match fetch_sockets(source) {
        Ok(sockets) => Some(sockets),
        Err(error) => {
            let text = match error.kind() {
                std::io::ErrorKind::NotFound
                | std::io::ErrorKind::ConnectionRefused
                | std::io::ErrorKind::PermissionDenied => {
                    format!("Failed to connect to the old process socket '{source}'\n")
                }
                _ => "Failed to get the number of sockets to be transferred !\n".to_owned(),
            };
            messages::warning(text);
            None
        }
    }
}

/// Binds everything. None when that failed; the reasons have been said.
pub(crate) fn bind(
    config: &RuntimeConfig,
    maxconn: u32,
    invocation: &Invocation,
    old: &[i32],
    mut inherited: Inherited,
    program: &str,
) -> Option<Vec<BoundListener>> {
    let mut binder = Binder::new(config, maxconn, !invocation.no_reuse_port && !config.global.no_reuse_port);
    let mut left = if old.is_empty() { 0 } else { ATTEMPTS };
    let mut paused = false;
    let troubles = loop {
        let attempt = binder.attempt(&mut inherited);
        for warning in binder.take_warnings() {
            messages::warning(warning);
        }
        match attempt {
            Attempt::Done => return Some(binder.finish()),
            Attempt::Failed(troubles) => break troubles,
            Attempt::Busy(troubles) if left == 0 => break troubles,
            Attempt::Busy(_) => {
                if !paused {
                    paused = true;
                    signal_all(old, SIGTTOU);
                }
                left -= 1;
                std::thread::sleep(PAUSE);
            }
        }
    };
    for trouble in troubles {
        messages::alert(trouble.text);
    }
    messages::alert(format!("[{program}.main()] Some protocols failed to start their listeners! Exiting."));
    if paused {
        signal_all(old, SIGTTIN);
    }
    None
}

/// Tells the older processes that this one has taken over.
pub(crate) fn retire(old: &OldProcesses) {
    signal_all(&old.pids, if old.terminate { SIGTERM } else { SIGUSR1 });
}

fn signal_all(pids: &[i32], signal: i32) {
    for &pid in pids {
        // One that is gone already is what we want.
        let _ = process::signal(pid, signal);
    }
}
