//! The dumps that signals ask for.

use std::time::{Instant, SystemTime};

use super::Shell;
use crate::Control;
use crate::dump::{self, Clock, Sources};
use crate::log::normal;
use crate::status::{self, Kind, Question, StatusServer};

impl Shell {
    pub(super) fn dump(&mut self, control: Control) {
        let pid = std::process::id();
        match control {
            Control::DumpData => {
                normal!("Printing VRRP data for process({pid}) on signal");
                self.write_dump("data", dump::data);
            }
            Control::DumpStats => {
                normal!("Printing VRRP stats for process({pid}) on signal");
                self.write_dump("stats", |sources| dump::stats(sources.router));
            }
            Control::ClearStats => {
                normal!("Printing and clearing VRRP stats for process({pid}) on signal");
                self.write_dump("stats", |sources| dump::stats(sources.router));
                self.router.clear_stats();
            }
            Control::DumpJson => self.write_dump("json", dump::json),
            Control::Reload | Control::Stop => {}
        }
    }

    pub(super) fn write_dump(&self, extension: &str, text: impl FnOnce(&Sources<'_>) -> String) {
        let options = &self.params.options;
        let dumps = &self.config.global.daemon.dumps;
        let template = match extension {
            "data" => &dumps.state,
            "stats" => &dumps.stats,
            _ => &dumps.json,
        };
        let suffix = if dumps.use_instance { options.dump_suffix.as_str() } else { "" };
        let directory = options.dump_dir.as_deref();
        let path = dump::path(directory, template.as_deref(), "keepalived", suffix, extension);
        if let Err(error) = dump::write(&path, &text(&self.sources())) {
            normal!("Can't open {}: {error}", path.display());
        }
    }

    /// `config_save_dir`: keeps what keepalived.data would hold, before and after a reload.
    pub(super) fn save_state(&self, moment: &str) {
        let Some(directory) = &self.config.global.daemon.config_save_dir else { return };
        let (pid, number) = (std::process::id(), self.reloads);
        let path = directory.join(format!("keepalived_vrrp.{pid}.{number}.{moment}"));
        if let Err(error) = dump::write(&path, &dump::data(&self.sources())) {
            normal!("Unable to write {} - {}", path.display(), sys::process::error_text(&error));
        }
    }

    /// `-d`: what keepalived.data would hold, in the log.
    pub(super) fn log_config(&self) {
        for line in dump::data(&self.sources()).lines() {
            normal!("{line}");
        }
    }

    /// Listens on the status socket that the configuration names.
    pub(crate) fn serve_status(&mut self) {
        let Some(wanted) = &self.config.global.daemon.status_socket else {
            self.status = None;
            return;
        };
        if self.status.as_ref().is_some_and(|server| server.is(wanted)) {
            return;
        }
        self.status = None;
        match StatusServer::listen(wanted) {
            Ok(server) => self.status = Some(server),
            Err(error) => {
                let path = wanted.path.display();
                normal!("Unable to open status socket {path} - {}", sys::process::error_text(&error));
            }
        }
    }

    pub(super) fn answer(&self, question: Question) {
        let text = match question.kind {
            Kind::Status => status::status(&self.sources()),
            Kind::Metrics => status::metrics(&self.sources()),
        };
        // Who asked may be gone.
        let _ = question.answer.send(text);
    }

    pub(super) fn sources(&self) -> Sources<'_> {
        Sources {
            config: &self.config,
            router: &self.router,
            addresses: &self.addresses,
            routes: &self.routes,
            interfaces: &self.interfaces,
            sockets: &self.sockets,
            changed: &self.changed,
            snmp: self.snmp_settings(),
            clock: Clock { now: Instant::now(), wall: SystemTime::now() },
        }
    }
}
