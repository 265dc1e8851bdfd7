//! What a configuration asks of the machine: files, host names, users, CPUs; and the configuration files themselves.

use config_text::Files;
use haproxy_config::Host;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// This machine.
#[derive(Debug, Default)]
pub(crate) struct Machine;

impl Files for Machine {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

impl Host for Machine {
    fn resolve(&self, name: &str) -> Option<IpAddr> {
        let found: Vec<IpAddr> = (name, 0).to_socket_addrs().ok()?.map(|a| a.ip()).collect();
        found.iter().find(|ip| ip.is_ipv4()).or(found.first()).copied()
    }

    fn user_id(&self, name: &str) -> Option<u32> {
        nix::unistd::User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
    }

    fn group_id(&self, name: &str) -> Option<u32> {
        nix::unistd::Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
    }

    fn host_name(&self) -> String {
        nix::unistd::gethostname()
            .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    fn descriptor_problem(&self, descriptor: i32) -> Option<String> {
        let socket = sys::inherited::duplicate(descriptor);
        let family = socket.and_then(|socket| sys::socket_options::family(socket.as_fd()));
        family.err().map(|error| sys::process::error_text(&error))
    }

    fn has_namespace(&self, name: &str) -> bool {
        sys::namespace::open(name).is_ok()
    }

    fn usable_cpus(&self) -> u32 {
        usable_cpus()
    }
}

/// CPUs that this process is bound to. A CPU quota of a container does not count, as in the reference.
pub(crate) fn usable_cpus() -> u32 {
    let Ok(set) = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)) else { return 1 };
    let count = (0..nix::sched::CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).count();
    u32::try_from(count).unwrap_or(1).max(1)
}

/// Reads what `-f` and `--` name; a directory stands for its `*.cfg` files in the order of their bytes.
///
/// # Errors
/// The text of the alert.
pub(crate) fn configuration_files(named: &[OsString]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut files = Vec::new();
    for name in named {
        let path = Path::new(name);
        let failed = |what: &str, error: &io::Error| {
            format!("config : {what} {} : {}", name.to_string_lossy(), sys::process::error_text(error))
        };
        let about =
            std::fs::metadata(path).map_err(|e| failed("Cannot open configuration file/directory", &e))?;
        if !about.is_dir() {
            let text =
                std::fs::read(path).map_err(|e| failed("Cannot open configuration file/directory", &e))?;
            files.push((name.to_string_lossy().into_owned(), text));
            continue;
        }
        for path in directory_files(path).map_err(|e| failed("Cannot open configuration directory", &e))? {
            let shown = path.to_string_lossy().into_owned();
            let text = std::fs::read(&path).map_err(|e| {
                format!("config : Cannot open configuration file {shown} : {}", sys::process::error_text(&e))
            })?;
            files.push((shown, text));
        }
    }
    Ok(files)
}

fn directory_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names: Vec<OsString> = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_file = std::fs::metadata(entry.path()).is_ok_and(|about| about.is_file());
        if is_file
            && !name.as_bytes().starts_with(b".")
            && Path::new(&name).extension() == Some(OsStr::new("cfg"))
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names.into_iter().map(|name| directory.join(name)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_directory_stands_for_its_visible_cfg_files_in_byte_order() {
        let directory = std::env::temp_dir().join(format!("haproxy-rs-files-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        for name in ["b.cfg", "a.cfg", ".c.cfg", "d.conf", "B.cfg"] {
            std::fs::write(directory.join(name), name).unwrap();
        }
        let files = configuration_files(&[directory.clone().into()]).unwrap();
        let texts: Vec<String> =
            files.iter().map(|(_, text)| String::from_utf8_lossy(text).into_owned()).collect();
        assert_eq!(texts, ["B.cfg", "a.cfg", "b.cfg"]);
        std::fs::remove_dir_all(&directory).unwrap();
        let text = configuration_files(&["/nonexistent/x.cfg".into()]).unwrap_err();
        assert_eq!(
            text,
            "config : Cannot open configuration file/directory /nonexistent/x.cfg : No such file or directory"
        );
    }
}
