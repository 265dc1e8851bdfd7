//! The machine that configurations are checked on: a few files, users and interfaces, all of them made up.

use config_text::Files;
use keepalived_config::resolved::User;
use keepalived_config::{FileKind, FileStatus, InterfaceStatus, ReadError, System};
use sample::{Environment, Outside};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// The machine. `main` is the text of the file that a target hands over.
#[derive(Debug, Default)]
pub struct Machine {
    /// The configuration under test.
    pub main: Vec<u8>,
}

/// Where keepalived's configuration under test stands.
pub const KEEPALIVED_CONF: &str = "/etc/keepalived/keepalived.conf";

const TEXTS: &[(&str, &str)] = &[
    ("/etc/list", "a\nb\n# c\n10.0.0.0/8\n"),
    ("/etc/map", "a 1\nb 2\n/x y\n"),
    ("/etc/errors/400.http", "HTTP/1.0 400 Bad\r\nContent-Length: 3\r\n\r\nbad"),
    ("/etc/keepalived/more.conf", "vrrp_instance MORE {\n interface eth0\n virtual_router_id 7\n}\n"),
    ("/usr/bin/check", "#!/bin/sh\n"),
];

impl Machine {
    fn text(&self, path: &str) -> Option<Vec<u8>> {
        if path == KEEPALIVED_CONF {
            return Some(self.main.clone());
        }
        TEXTS.iter().find(|(name, _)| *name == path).map(|(_, text)| text.as_bytes().to_vec())
    }

    fn is_directory(path: &str) -> bool {
        path == "/"
            || TEXTS.iter().any(|(name, _)| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }
}

impl Files for Machine {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        self.text(path).ok_or_else(|| std::io::Error::from_raw_os_error(2))
    }
}

impl haproxy_config::Host for Machine {
    fn resolve(&self, name: &str) -> Option<IpAddr> {
        (name == "localhost").then_some(Ipv4Addr::LOCALHOST.into())
    }
    fn user_id(&self, name: &str) -> Option<u32> {
        (name == "haproxy").then_some(100)
    }
    fn group_id(&self, name: &str) -> Option<u32> {
        (name == "haproxy").then_some(100)
    }
    fn host_name(&self) -> String {
        "machine".to_owned()
    }
    fn usable_cpus(&self) -> u32 {
        2
    }
}

impl Outside for Machine {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.text(path).ok_or_else(|| "No such file or directory".to_owned())
    }
    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }
}

impl Environment for Machine {
    fn wall_us(&self) -> u64 {
        1_795_388_847_123_456
    }
    fn random(&self) -> u32 {
        4
    }
    fn usable_servers(&self, backend: &str) -> Option<u32> {
        (backend == "b").then_some(2)
    }
    fn server_is_up(&self, _backend: &str, _server: &str) -> Option<bool> {
        Some(true)
    }
    fn connections(&self, _proxy: &str, _frontend: bool) -> Option<u64> {
        Some(1)
    }
    fn queued(&self, _backend: &str) -> Option<u64> {
        Some(0)
    }
}

impl System for Machine {
    fn read_file(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let path = path.to_str().unwrap_or_default();
        if Self::is_directory(path) {
            return Err(ReadError::Directory);
        }
        self.text(path).ok_or_else(|| ReadError::Other("No such file or directory".to_owned()))
    }
    fn glob(&self, pattern: &Path) -> Vec<PathBuf> {
        let pattern = pattern.to_str().unwrap_or_default();
        match pattern.strip_suffix('*') {
            Some(prefix) => TEXTS
                .iter()
                .filter(|(name, _)| name.starts_with(prefix))
                .map(|(name, _)| PathBuf::from(name))
                .collect(),
            None => self.text(pattern).map(|_| PathBuf::from(pattern)).into_iter().collect(),
        }
    }
    fn interface(&self, name: &str) -> Option<InterfaceStatus> {
        ["lo", "eth0", "eth1"].contains(&name).then_some(InterfaceStatus { loopback: name == "lo" })
    }
    fn status(&self, path: &Path) -> Result<FileStatus, String> {
        let text = path.to_str().unwrap_or_default();
        let kind = if Self::is_directory(text) {
            FileKind::Directory
        } else if self.text(text).is_some() {
            FileKind::File
        } else {
            return Err("No such file or directory".to_owned());
        };
        // What may be executed is no configuration.
        let mode = if kind == FileKind::File && text.ends_with(".conf") { 0o644 } else { 0o755 };
        Ok(FileStatus { kind, mode, uid: 0, gid: 0 })
    }
    fn real_path(&self, path: &Path) -> Result<PathBuf, String> {
        self.status(path).map(|_| path.to_path_buf())
    }
    fn first_bytes(&self, path: &Path) -> Option<[u8; 4]> {
        self.text(path.to_str()?)?.first_chunk().copied()
    }
    fn search_path(&self) -> Vec<PathBuf> {
        vec![PathBuf::from("/usr/bin")]
    }
    fn user(&self, name: &str) -> Option<User> {
        (name == "root").then_some(User { uid: 0, gid: 0 })
    }
    fn group(&self, name: &str) -> Option<u32> {
        (name == "root").then_some(0)
    }
    fn own_user(&self) -> User {
        User { uid: 0, gid: 0 }
    }
    fn own_name(&self) -> String {
        "root".to_owned()
    }
    fn host_name(&self) -> OsString {
        "machine.example".into()
    }
    fn current_directory(&self) -> PathBuf {
        PathBuf::from("/")
    }
    fn processors(&self) -> u32 {
        2
    }
    fn random(&self) -> u64 {
        4
    }
}
