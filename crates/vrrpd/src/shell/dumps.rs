//! The dumps that signals ask for.

use std::time::{Instant, SystemTime};

use super::Shell;
use crate::Control;
use crate::dump::{self, Clock, Sources};
use crate::log::normal;

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
        let path = dump::path(options.dump_dir.as_deref(), &options.dump_suffix, extension);
        let sources = Sources {
            config: &self.config,
            router: &self.router,
            addresses: &self.addresses,
            routes: &self.routes,
            interfaces: &self.interfaces,
            sockets: &self.sockets,
            changed: &self.changed,
            clock: Clock { now: Instant::now(), wall: SystemTime::now() },
        };
        if let Err(error) = dump::write(&path, &text(&sources)) {
            normal!("Can't open {}: {error}", path.display());
        }
    }
}
