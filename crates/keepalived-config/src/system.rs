//! What reading a configuration needs to know of the machine, as one trait: this crate opens nothing by itself.
//!
//! The binary implements it with system calls, tests with tables.

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::resolved::{Family, User};

/// Kind of a file, symbolic links not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Directory.
    Directory,
    /// Regular file.
    File,
    /// Symbolic link.
    Symlink,
    /// Anything else.
    Other,
}

/// What `lstat` says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// Kind.
    pub kind: FileKind,
    /// Permission bits, set-id and sticky bits included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is a directory.
    Directory,
    /// Anything else, as the operating system words it.
    Other(String),
}

/// What an interface is, as far as checking a configuration goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceStatus {
    /// A loopback interface.
    pub loopback: bool,
}

/// The machine as a configuration sees it.
pub trait System {
    /// The bytes of a file.
    fn read_file(&self, path: &Path) -> Result<Vec<u8>, ReadError>;
    /// Existing paths that match a pattern with `*`, `?`, `[…]` and `{a,b}`, sorted.
    fn glob(&self, pattern: &Path) -> Vec<PathBuf>;
    /// The interface of that name, if there is one.
    fn interface(&self, name: &str) -> Option<InterfaceStatus>;
    /// The routing table of a VRF device.
    fn vrf_table(&self, _name: &str) -> Option<u32> {
        None
    }
    /// The interfaces that somebody made, each with the one that it lies on if it is a macvlan or an ipvlan. The others are
    /// hardware.
    fn virtual_interfaces(&self) -> HashMap<String, Option<String>> {
        HashMap::new()
    }
    /// Whether an interface is an ipvlan.
    fn is_ipvlan(&self, _name: &str) -> bool {
        false
    }
    /// The Ethernet address of an interface.
    fn hardware_address(&self, _name: &str) -> Option<[u8; 6]> {
        None
    }
    /// The address that adverts of this family are sent from on an interface: the first one, for IPv6 the link-local one.
    fn address(&self, _interface: &str, _family: Family) -> Option<IpAddr> {
        None
    }
    /// `lstat`.
    fn status(&self, path: &Path) -> Result<FileStatus, String>;
    /// The path without symbolic links, `.` and `..`.
    fn real_path(&self, path: &Path) -> Result<PathBuf, String>;
    /// The first bytes of a file, to tell a program from a text without `#!`.
    fn first_bytes(&self, path: &Path) -> Option<[u8; 4]>;
    /// The directories of `PATH`.
    fn search_path(&self) -> Vec<PathBuf>;
    /// A user by name.
    fn user(&self, name: &str) -> Option<User>;
    /// A group's id by name.
    fn group(&self, name: &str) -> Option<u32>;
    /// The user that runs the program.
    fn own_user(&self) -> User;
    /// The name of that user.
    fn own_name(&self) -> String;
    /// The host name.
    fn host_name(&self) -> OsString;
    /// The directory that relative names start from, for `${_PWD}`.
    fn current_directory(&self) -> PathBuf;
    /// How many processors there are.
    fn processors(&self) -> u32;
    /// A random number, for `${_RANDOM}`.
    fn random(&self) -> u64;
}
