//! The machine as a configuration sees it: files, users, interfaces.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use keepalived_config::resolved::{Family, User};
use keepalived_config::{FileKind, FileStatus, InterfaceStatus, ReadError, System};

/// A configuration file larger than this is none.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// This machine, as it was when the program started as far as the working directory goes.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    directory: PathBuf,
}

impl Machine {
    /// With relative names meaning what they mean now.
    pub(crate) fn here() -> Self {
        Self { directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")) }
    }
}

fn words(error: &std::io::Error) -> String {
    sys::process::error_text(error)
}

impl System for Machine {
    fn read_file(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let other = |e: std::io::Error| ReadError::Other(words(&e));
        let file = std::fs::File::open(path).map_err(other)?;
        let metadata = file.metadata().map_err(other)?;
        if metadata.is_dir() {
            return Err(ReadError::Directory);
        }
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(other)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(ReadError::Other("File too large".to_owned()));
        }
        Ok(text)
    }

    fn glob(&self, pattern: &Path) -> Vec<PathBuf> {
        crate::machine::glob::expand(pattern)
    }

    fn interface(&self, name: &str) -> Option<InterfaceStatus> {
        // A name with a slash would leave the directory.
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return None;
        }
        let index = nix::net::if_::if_nametoindex(name).ok()?;
        // The kernel looks up `eth0:1` and other names of an interface, too.
        if nix::net::if_::if_indextoname(index).ok()?.to_bytes() != name.as_bytes() {
            return None;
        }
        // Not sysfs: it shows the network namespace in which it was mounted, which need not be ours.
        let flags = nix::ifaddrs::getifaddrs().ok()?.find(|entry| entry.interface_name == name);
        let is_loopback = |flags: nix::net::if_::InterfaceFlags| {
            flags.contains(nix::net::if_::InterfaceFlags::IFF_LOOPBACK)
        };
        let loopback = flags.map_or(name == "lo", |entry| is_loopback(entry.flags));
        Some(InterfaceStatus { loopback })
    }

    fn is_ipvlan(&self, name: &str) -> bool {
        let links = netlink::Route::open().ok().and_then(|route| route.links().ok()).unwrap_or_default();
        links.iter().any(|link| link.name == name && link.kind == netlink::LinkKind::Ipvlan)
    }

    fn vrf_table(&self, name: &str) -> Option<u32> {
        let links = netlink::Route::open().ok()?.links().ok()?;
        links.into_iter().find(|link| link.name == name)?.vrf_table
    }

    fn virtual_interfaces(&self) -> HashMap<String, Option<String>> {
        let links = netlink::Route::open().ok().and_then(|route| route.links().ok()).unwrap_or_default();
        let names: HashMap<u32, &str> = links.iter().map(|link| (link.index, link.name.as_str())).collect();
        let below = |link: &netlink::Link| {
            let name = names.get(&link.base).filter(|_| link.shares_base());
            name.map(|name| (*name).to_owned())
        };
        links.iter().filter(|link| link.is_virtual).map(|link| (link.name.clone(), below(link))).collect()
    }

    fn hardware_address(&self, name: &str) -> Option<[u8; 6]> {
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return None;
        }
        let text = std::fs::read_to_string(format!("/sys/class/net/{name}/address")).ok()?;
        let octets: Option<Vec<u8>> =
            text.trim().split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect();
        octets?.try_into().ok()
    }

    fn address(&self, interface: &str, family: Family) -> Option<IpAddr> {
        let entries = nix::ifaddrs::getifaddrs().ok()?.filter(|entry| entry.interface_name == interface);
        entries.filter_map(|entry| entry.address).find_map(|address| match family {
            Family::V4 => address.as_sockaddr_in().map(|address| address.ip().into()),
            Family::V6 => {
                let address = address.as_sockaddr_in6()?.ip();
                address.is_unicast_link_local().then_some(address.into())
            }
        })
    }

    fn status(&self, path: &Path) -> Result<FileStatus, String> {
        let metadata = std::fs::symlink_metadata(path).map_err(|e| words(&e))?;
        let kind = match metadata.file_type() {
            t if t.is_dir() => FileKind::Directory,
            t if t.is_symlink() => FileKind::Symlink,
            t if t.is_file() => FileKind::File,
            _ => FileKind::Other,
        };
        Ok(FileStatus { kind, mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid() })
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, String> {
        std::fs::canonicalize(self.directory.join(path)).map_err(|e| words(&e))
    }

    fn first_bytes(&self, path: &Path) -> Option<[u8; 4]> {
        let mut bytes = [0; 4];
        let n = std::fs::File::open(path).ok()?.read(&mut bytes).ok()?;
        (n >= 2).then_some(bytes)
    }

    fn search_path(&self) -> Vec<PathBuf> {
        let default = || OsString::from("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_else(default)).collect()
    }

    fn user(&self, name: &str) -> Option<User> {
        let user = nix::unistd::User::from_name(name).ok()??;
        Some(User { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
    }

    fn group(&self, name: &str) -> Option<u32> {
        Some(nix::unistd::Group::from_name(name).ok()??.gid.as_raw())
    }

    fn own_user(&self) -> User {
        User { uid: nix::unistd::geteuid().as_raw(), gid: nix::unistd::getegid().as_raw() }
    }

    fn own_name(&self) -> String {
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
        user.map_or_else(|| "keepalived".to_owned(), |user| user.name)
    }

    fn host_name(&self) -> OsString {
        nix::unistd::gethostname().unwrap_or_default()
    }

    fn current_directory(&self) -> PathBuf {
        self.directory.clone()
    }

    fn processors(&self) -> u32 {
        std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
    }

    fn random(&self) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        std::collections::hash_map::RandomState::new().build_hasher().finish()
    }
}

/// File name patterns: `*`, `?`, `[…]` and csh's `{a,b}`. glob(7).
mod glob {
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Component, Path, PathBuf};

    /// Existing paths that match, in order of names.
    pub(super) fn expand(pattern: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for alternative in keepalived_config::braces(&pattern.to_string_lossy()) {
            let mut paths = vec![PathBuf::new()];
            for component in Path::new(&alternative).components() {
                paths = step(&paths, component);
            }
            paths.retain(|p| p.symlink_metadata().is_ok());
            paths.sort();
            found.extend(paths);
        }
        found
    }

    fn step(paths: &[PathBuf], component: Component<'_>) -> Vec<PathBuf> {
        let name = component.as_os_str().as_bytes();
        let plain = !matches!(component, Component::Normal(_)) || !name.iter().any(|b| b"*?[".contains(b));
        if plain {
            return paths.iter().map(|p| p.join(component)).collect();
        }
        let mut next = Vec::new();
        for path in paths {
            let Ok(entries) =
                std::fs::read_dir(if path.as_os_str().is_empty() { Path::new(".") } else { path })
            else {
                continue;
            };
            for entry in entries.flatten() {
                let entry = entry.file_name();
                let hidden = entry.as_bytes().starts_with(b".") && !name.starts_with(b".");
                if !hidden && matches(name, entry.as_bytes()) {
                    next.push(path.join(entry));
                }
            }
        }
        next
    }

    /// Iterative, so that many stars cost the product of the lengths at most.
    pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
        let (mut p, mut n) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            let step = match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, n));
                    p += 1;
                    continue;
                }
                Some(b'?') => Some(1),
                Some(b'[') => {
                    class(pattern.get(p..).unwrap_or_default(), name.get(n).copied().unwrap_or_default())
                }
                Some(b'\\') if pattern.get(p + 1) == name.get(n) => Some(2),
                Some(byte) if Some(byte) == name.get(n) => Some(1),
                _ => None,
            };
            match (step, star) {
                (Some(step), _) => {
                    p += step;
                    n += 1;
                }
                (None, Some((at, from))) => {
                    p = at + 1;
                    n = from + 1;
                    star = Some((at, from + 1));
                }
                (None, None) => return false,
            }
        }
        pattern.get(p..).unwrap_or_default().iter().all(|b| *b == b'*')
    }

    /// The length of a `[…]` at the start of the pattern, if the byte is in it.
    fn class(pattern: &[u8], byte: u8) -> Option<usize> {
        let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
        let first = if negated { 2 } else { 1 };
        let mut at = first;
        let mut inside = false;
        loop {
            let low = *pattern.get(at)?;
            if low == b']' && at > first {
                return (inside != negated).then_some(at + 1);
            }
            let (high, width) = match (pattern.get(at + 1), pattern.get(at + 2)) {
                (Some(b'-'), Some(high)) if *high != b']' => (*high, 3),
                _ => (low, 1),
            };
            inside |= (low..=high).contains(&byte);
            at += width;
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn patterns() {
            for (pattern, name, want) in [
                ("*", "a.conf", true),
                ("*.conf", "a.conf", true),
                ("*.conf", "a.con", false),
                ("a?c", "abc", true),
                ("a?c", "ac", false),
                ("[a-c]x", "bx", true),
                ("[!a-c]x", "bx", false),
                ("[]x]", "]", true),
                ("a\\*", "a*", true),
                ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false),
                ("[a", "[a", false),
            ] {
                assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), want, "{pattern} {name}");
            }
        }
    }
}
