//! Reloads: when they come, what they read, and what becomes of a configuration that cannot run.

use keepalived_config::resolved::ReloadCheck;
use keepalived_config::{Outcome, Reader};
use sd_notify::NotifyState;
use sys::process;

use super::{Child, Parent, read};
use crate::child;
use crate::log::{alert, line};
use crate::reload_time::ReloadTime;

impl Parent<'_> {
    /// Watches the file that the running configuration names.
    pub(super) fn watch_reload_time(&mut self) {
        let Some(daemon) = self.running.config.as_ref().map(|c| &c.global.daemon) else { return };
        match &daemon.reload_time_file {
            None => self.reload_time = None,
            Some(path) => {
                let repeat = daemon.reload_repeat;
                if !self.reload_time.as_ref().is_some_and(|known| known.is(path, repeat)) {
                    self.reload_time = Some(ReloadTime::new(path.clone(), repeat));
                }
            }
        }
    }

    /// Reads the configuration anew. One that cannot run changes nothing: the reference dies of it.
    pub(super) fn reload(&mut self) {
        if self.reloading.is_some() {
            line!("Reload already in progress, request queued");
            self.reload_again = true;
            return;
        }
        if self.is_stopping {
            return;
        }
        line!("Reloading ...");
        let _ = sd_notify::notify(&[NotifyState::Reloading]);
        let marker = self.mark_reading();
        let outcome = read(self.options, self.machine);
        drop(marker);
        let check = self.running.config.as_ref().and_then(|c| c.global.daemon.reload_check.clone());
        if let Some(check) = check
            && outcome.test_status() != 0
        {
            self.refuse_by_check(&outcome, &check);
            return;
        }
        for text in outcome.lines(Reader::Parent, true) {
            line!("{text}");
        }
        let refused = outcome.config.is_none() || outcome.sources.iter().next().is_none();
        if refused {
            // The child is not asked: it would say these lines, but must not change anything.
            for message in outcome.messages.iter().filter(|m| !m.is_for(Reader::Parent)) {
                line!("{}", message.text(&outcome.sources, Reader::Vrrp));
            }
            let why = child::refusal(&outcome);
            alert!("New configuration refused - {why}; the running configuration stays in force");
            self.ready();
            return;
        }
        self.readings = self.readings.saturating_add(1);
        crate::dump::save(&outcome, self.readings);
        super::exit_in_child(self.bfd.reload(&outcome));
        match self.child {
            Child::Running { pid, .. } => {
                self.reloading = Some(outcome);
                let _ = process::signal(pid, libc::SIGHUP);
            }
            Child::None if outcome.has_vrrp => {
                self.running = outcome.clone();
                self.is_started = true;
                self.start_child(outcome);
                self.reload_done();
            }
            Child::None | Child::Delayed { .. } => {
                self.running = outcome;
                self.reload_done();
            }
            Child::Stopping { .. } => {}
        }
    }

    /// `reload_file`: there while the configuration is being read.
    fn mark_reading(&self) -> Option<Marker> {
        let file = self.running.config.as_ref()?.global.daemon.reload_file.clone()?;
        let path = file.path.unwrap_or_else(|| self.files.directory().join("keepalived.reload"));
        let mut options = std::fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true);
        match std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW).open(&path) {
            Ok(_) => Some(Marker(path)),
            Err(error) => {
                line!("Unable to create reload file {} - {}", path.display(), process::error_text(&error));
                None
            }
        }
    }

    /// `reload_check_config`: what `--config-test` finds fault with is not loaded.
    fn refuse_by_check(&self, outcome: &Outcome, check: &ReloadCheck) {
        let log = check.log.clone().unwrap_or_else(|| "/dev/null".into());
        let text: String = Reader::ALL
            .iter()
            .flat_map(|reader| outcome.lines(*reader, false))
            .map(|line| line + "\n")
            .collect();
        let mut options = std::fs::OpenOptions::new();
        let options = options.append(true).create(true);
        let options = std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW);
        let written =
            options.open(&log).and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
        if let Err(error) = written {
            line!("Unable to write {} - {}", log.display(), process::error_text(&error));
        }
        line!("New config failed validation, see {} for details", log.display());
        self.ready();
    }

    pub(super) fn reload_done(&mut self) {
        self.watch_reload_time();
        line!("Reload complete");
        self.ready();
    }
}

/// A file that is removed when it has served.
struct Marker(std::path::PathBuf);

impl Drop for Marker {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
