//! Settings of interfaces that are changed while we run and put back at the end.

use std::path::PathBuf;

use netlink::Route;
use netlink::links::Ipv4Setting;

use crate::interfaces::Interfaces;
use crate::log::normal;

/// What was changed, in order.
#[derive(Debug, Default)]
pub(crate) struct Sysctls {
    changed: Vec<Changed>,
}

#[derive(Debug)]
struct Changed {
    path: PathBuf,
    before: String,
    now: String,
    /// Somebody else still needs it, this many times.
    users: usize,
}

fn path(family: &str, interface: &str, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/sys/net/{family}/conf/{interface}/{name}"))
}

/// The value of a setting.
pub(crate) fn read(family: &str, interface: &str, name: &str) -> Option<String> {
    std::fs::read_to_string(path(family, interface, name)).ok().map(|text| text.trim().to_owned())
}

impl Sysctls {
    /// Changes a setting until [`Sysctls::release`] or the end.
    pub(crate) fn set(&mut self, family: &str, interface: &str, name: &str, value: &str) {
        self.set_path(path(family, interface, name), value);
    }

    /// The same for a setting that belongs to no interface.
    pub(crate) fn set_path(&mut self, path: PathBuf, value: &str) {
        if let Some(changed) = self.changed.iter_mut().find(|changed| changed.path == path) {
            changed.users += 1;
            return;
        }
        let Ok(before) = std::fs::read_to_string(&path) else { return };
        let before = before.trim().to_owned();
        if before == value {
            return;
        }
        match std::fs::write(&path, value) {
            Ok(()) => self.changed.push(Changed { path, before, now: value.to_owned(), users: 1 }),
            Err(error) => normal!("Cannot set {} to {value}: {error}", path.display()),
        }
    }

    /// One that needed it no longer does.
    pub(crate) fn release(&mut self, family: &str, interface: &str, name: &str) {
        let path = path(family, interface, name);
        let Some(at) = self.changed.iter().position(|changed| changed.path == path) else { return };
        if let Some(changed) = self.changed.get_mut(at) {
            changed.users = changed.users.saturating_sub(1);
            if changed.users == 0 {
                self.changed.remove(at).restore();
            }
        }
    }

    /// Puts everything back that is still as we set it, last change first.
    pub(crate) fn restore(&mut self) {
        while let Some(changed) = self.changed.pop() {
            changed.restore();
        }
    }
}

impl Changed {
    fn restore(self) {
        let is_ours = std::fs::read_to_string(&self.path).is_ok_and(|text| text.trim() == self.now);
        if is_ours && let Err(error) = std::fs::write(&self.path, &self.before) {
            normal!("Cannot set {} to {}: {error}", self.path.display(), self.before);
        }
    }
}

/// Settings of an interface of our own: they go with it.
pub(crate) fn configure(
    name: &str,
    settings: &[(Ipv4Setting, u32)],
    interfaces: &Interfaces,
    kernel: &Route,
) {
    let Some(link) = interfaces.by_name(name) else { return };
    if let Err(error) = kernel.configure_ipv4(link.index, settings) {
        normal!("Cannot configure {name}: {error}");
    }
}
