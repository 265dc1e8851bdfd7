//! FIFOs that changes of state are written to, and the scripts that read them. keepalived.conf(5), `notify_fifo`.
//!
//! A line is one write that either fits or is lost: nobody who does not read can hold up VRRP.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, fchown};

use keepalived_config::resolved::{Config, Fifo};
use nix::sys::stat::Mode;
use vrrp::event::StateName;
use vrrp::router::Who;
use vrrp::script::ScriptSignal;

use crate::log::normal;
use crate::scripts::{RunId, Runner};

/// An open FIFO.
#[derive(Debug)]
struct Open {
    config: Fifo,
    file: File,
    /// We made it, so we remove it.
    is_ours: bool,
    script: Option<RunId>,
    /// The last line did not fit.
    is_full: bool,
}

/// The FIFOs of the VRRP process: the global one first.
#[derive(Debug, Default)]
pub(crate) struct Fifos {
    open: Vec<Open>,
}

impl Fifos {
    /// Opens what the configuration names; what is open already and did not change stays.
    pub(crate) fn configure(&mut self, config: &Config, runner: &mut Runner) {
        let daemon = &config.global.daemon;
        let mut before = std::mem::take(&mut self.open);
        for (kind, wanted) in [("", &daemon.fifo), ("vrrp ", &daemon.vrrp_fifo)] {
            let Some(wanted) = wanted else { continue };
            if let Some(at) = before.iter().position(|open| open.config == *wanted) {
                self.open.push(before.swap_remove(at));
                continue;
            }
            match open(wanted) {
                Ok((file, is_ours)) => {
                    let arguments = vec![OsString::from(&wanted.path)];
                    let script = wanted.script.as_ref().map(|script| runner.run(script, arguments));
                    self.open.push(Open { config: wanted.clone(), file, is_ours, script, is_full: false });
                }
                Err(why) => normal!("Unable to open {kind}notify fifo {} - {why}", wanted.path.display()),
            }
        }
        for gone in before {
            gone.close(runner);
        }
    }

    /// Writes a line to every FIFO.
    pub(crate) fn write(&mut self, line: &str) {
        for open in &mut self.open {
            open.write(line);
        }
    }

    /// True when there is somebody to write to.
    pub(crate) fn any(&self) -> bool {
        !self.open.is_empty()
    }

    /// The script that reads a FIFO ended.
    pub(crate) fn script_ended(&mut self, run: RunId) -> bool {
        match self.open.iter_mut().find(|open| open.script == Some(run)) {
            Some(open) => {
                open.script = None;
                normal!("notify fifo script for {} terminated", open.config.path.display());
                true
            }
            None => false,
        }
    }

    /// True for the run of a script that reads a FIFO: it ends when everything is written.
    pub(crate) fn reads(&self, run: RunId) -> bool {
        self.open.iter().any(|open| open.script == Some(run))
    }

    /// Closes everything, which is the end for a script that reads.
    pub(crate) fn close(&mut self) {
        for open in self.open.drain(..) {
            if open.is_ours {
                let _ = std::fs::remove_file(&open.config.path);
            }
        }
    }
}

impl Open {
    fn write(&mut self, line: &str) {
        match self.file.write_all(line.as_bytes()) {
            Ok(()) => self.is_full = false,
            Err(error) => {
                if !self.is_full {
                    let path = self.config.path.display();
                    normal!("notify fifo {path} - losing lines - {}", sys::process::error_text(&error));
                }
                self.is_full = true;
            }
        }
    }

    fn close(self, runner: &Runner) {
        if let Some(run) = self.script {
            runner.signal(run, ScriptSignal::Term);
        }
        if self.is_ours {
            let _ = std::fs::remove_file(&self.config.path);
        }
    }
}

/// Makes a FIFO unless there is one, and opens it for both directions, so that it stays when a reader goes.
fn open(wanted: &Fifo) -> Result<(File, bool), String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let mode = Mode::S_IRUSR | Mode::S_IWUSR | Mode::S_IRGRP | Mode::S_IROTH;
    let is_ours = match nix::unistd::mkfifo(&wanted.path, mode) {
        Ok(()) => true,
        Err(nix::errno::Errno::EEXIST) => false,
        Err(error) => return Err(words(&error.desc())),
    };
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW)
        .open(&wanted.path)
        .map_err(|error: io::Error| words(&sys::process::error_text(&error)))?;
    let status = file.metadata().map_err(|error| words(&error))?;
    if !status.file_type().is_fifo() {
        return Err("it is not a FIFO".to_owned());
    }
    if is_ours && (status.uid(), status.gid()) != (wanted.user.uid, wanted.user.gid) {
        fchown(&file, Some(wanted.user.uid), Some(wanted.user.gid)).map_err(|error| words(&error))?;
    }
    Ok((file, is_ours))
}

/// `INSTANCE "VI_1" MASTER 100`
pub(crate) fn line(config: &Config, who: Who, what: &str, priority: u8) -> Option<String> {
    let (kind, name) = match who {
        Who::Instance(id) => ("INSTANCE", &config.instances.get(id.0)?.name),
        Who::Group(id) => ("GROUP", &config.sync_groups.get(id.0)?.name),
    };
    Some(format!("{kind} \"{name}\" {what} {priority}\n"))
}

/// The word for a change of the effective priority in a state.
pub(crate) fn priority_word(state: StateName) -> &'static str {
    if state == StateName::Master { "MASTER_PRIORITY" } else { "BACKUP_PRIORITY" }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use keepalived_config::resolved::User;
    use std::io::Read;

    fn wanted(name: &str) -> Fifo {
        let path = std::env::temp_dir().join(format!("vrrpd-fifo-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let user = User { uid: nix::unistd::getuid().as_raw(), gid: nix::unistd::getgid().as_raw() };
        Fifo { path, user, script: None }
    }

    #[test]
    fn lines_wait_for_a_reader_and_a_full_fifo_loses_them() {
        let wanted = wanted("lines");
        let (file, is_ours) = open(&wanted).unwrap();
        assert!(is_ours);
        let mut fifo = Open { config: wanted.clone(), file, is_ours, script: None, is_full: false };
        fifo.write("first\n");
        while !fifo.is_full {
            fifo.write(&"x".repeat(4096));
        }
        let mut reader =
            std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&wanted.path).unwrap();
        let mut start = [0; 6];
        reader.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"first\n");
        std::fs::remove_file(wanted.path).unwrap();
    }

    #[test]
    fn nothing_but_a_fifo_is_written_to() {
        let wanted = wanted("plain");
        std::fs::write(&wanted.path, "precious").unwrap();
        assert_eq!(open(&wanted).unwrap_err(), "it is not a FIFO");
        assert_eq!(std::fs::read_to_string(&wanted.path).unwrap(), "precious");
        std::fs::remove_file(&wanted.path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &wanted.path).unwrap();
        assert!(open(&wanted).is_err());
        std::fs::remove_file(wanted.path).unwrap();
    }
}
