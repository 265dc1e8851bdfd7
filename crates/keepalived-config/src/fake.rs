//! A machine made of tables, for tests.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::resolved::User;
use crate::system::{FileKind, FileStatus, InterfaceStatus, ReadError, System};

/// Files, users and interfaces that exist.
pub(crate) struct FakeSystem {
    pub(crate) files: BTreeMap<PathBuf, (FileStatus, Vec<u8>)>,
    pub(crate) links: BTreeMap<PathBuf, PathBuf>,
    pub(crate) users: BTreeMap<&'static str, User>,
    pub(crate) groups: BTreeMap<&'static str, u32>,
    pub(crate) interfaces: Vec<&'static str>,
    /// macvlans with the interface below.
    pub(crate) macvlans: Vec<(&'static str, &'static str)>,
}

impl Default for FakeSystem {
    fn default() -> Self {
        let mut system = Self {
            files: BTreeMap::new(),
            links: BTreeMap::new(),
            users: BTreeMap::from([
                ("root", User { uid: 0, gid: 0 }),
                ("nobody", User { uid: 65534, gid: 65534 }),
            ]),
            groups: BTreeMap::from([("root", 0), ("nogroup", 65534)]),
            interfaces: vec!["lo", "enp0s5", "peer0"],
            macvlans: Vec::new(),
        };
        for directory in ["/", "/etc", "/etc/keepalived", "/usr", "/usr/bin", "/tmp", "/home"] {
            system.add(directory, FileKind::Directory, 0o755, b"");
        }
        system.set_mode("/tmp", 0o1777);
        system.add("/usr/bin/test", FileKind::File, 0o755, b"\x7fELF");
        system.add("/etc/keepalived/check_haproxy.sh", FileKind::File, 0o755, b"#!/bin/bash\n");
        system
    }
}

impl FakeSystem {
    pub(crate) fn add(&mut self, path: &str, kind: FileKind, mode: u32, text: &[u8]) {
        self.files.insert(PathBuf::from(path), (FileStatus { kind, mode, uid: 0, gid: 0 }, text.to_vec()));
    }

    pub(crate) fn set_mode(&mut self, path: &str, mode: u32) {
        if let Some((status, _)) = self.files.get_mut(Path::new(path)) {
            status.mode = mode;
        }
    }

    pub(crate) fn link(&mut self, path: &str, to: &str) {
        self.add(path, FileKind::Symlink, 0o777, b"");
        self.links.insert(PathBuf::from(path), PathBuf::from(to));
    }
}

impl System for FakeSystem {
    fn read_file(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        match self.files.get(path) {
            Some((status, _)) if status.kind == FileKind::Directory => Err(ReadError::Directory),
            Some((_, text)) => Ok(text.clone()),
            None => Err(ReadError::Other("No such file or directory".to_owned())),
        }
    }

    fn glob(&self, pattern: &Path) -> Vec<PathBuf> {
        match pattern.to_str().and_then(|p| p.strip_suffix('*')) {
            Some(prefix) => self
                .files
                .keys()
                .filter(|p| {
                    p.to_str().and_then(|p| p.strip_prefix(prefix)).is_some_and(|rest| !rest.contains('/'))
                })
                .cloned()
                .collect(),
            None => self.files.contains_key(pattern).then(|| pattern.to_path_buf()).into_iter().collect(),
        }
    }

    fn interface(&self, name: &str) -> Option<InterfaceStatus> {
        self.interfaces.contains(&name).then_some(InterfaceStatus { loopback: name == "lo" })
    }

    fn virtual_interfaces(&self) -> HashMap<String, Option<String>> {
        self.macvlans.iter().map(|(name, below)| ((*name).to_owned(), Some((*below).to_owned()))).collect()
    }

    fn status(&self, path: &Path) -> Result<FileStatus, String> {
        self.files.get(path).map(|f| f.0).ok_or_else(|| "No such file or directory".to_owned())
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, String> {
        let mut real = path.to_path_buf();
        for _ in 0..8 {
            let Some((link, to)) = self.links.iter().find(|(link, _)| real.starts_with(link)) else { break };
            let rest = real.strip_prefix(link).map(Path::to_path_buf).unwrap_or_default();
            real = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
        }
        self.status(&real).map(|_| real)
    }

    fn first_bytes(&self, path: &Path) -> Option<[u8; 4]> {
        self.files.get(path)?.1.first_chunk().copied()
    }

    fn search_path(&self) -> Vec<PathBuf> {
        vec![PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")]
    }

    fn user(&self, name: &str) -> Option<User> {
        self.users.get(name).copied()
    }

    fn group(&self, name: &str) -> Option<u32> {
        self.groups.get(name).copied()
    }

    fn own_user(&self) -> User {
        User { uid: 0, gid: 0 }
    }

    fn own_name(&self) -> String {
        "root".to_owned()
    }

    fn host_name(&self) -> OsString {
        OsString::from("lb1.example.org")
    }

    fn current_directory(&self) -> PathBuf {
        PathBuf::from("/etc/keepalived")
    }

    fn processors(&self) -> u32 {
        2
    }

    fn random(&self) -> u64 {
        4
    }
}
