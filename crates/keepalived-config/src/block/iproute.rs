//! Names that ip(8) has for numbers: tables, scopes, protocols, realms, type of service, groups. They are in files of
//! iproute2: its own below `iproute_usr_dir`, the administrator's below `iproute_etc_dir`, which come first.

use std::path::{Path, PathBuf};

use crate::registry::Cx;
use crate::system::System;

/// Where some distributions have iproute2's own names instead.
const USR_LIB: &str = "/usr/lib/iproute2";

/// Which list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Tables,
    Scopes,
    Protocols,
    Realms,
    Services,
    Groups,
}

impl Names {
    fn file(self) -> &'static str {
        match self {
            Self::Tables => "rt_tables",
            Self::Scopes => "rt_scopes",
            Self::Protocols => "rt_protos",
            Self::Realms => "rt_realms",
            Self::Services => "rt_dsfield",
            Self::Groups => "group",
        }
    }

    /// Names that are known without any file.
    fn builtin(self) -> &'static [(&'static str, u32)] {
        match self {
            Self::Tables => &[("default", 253), ("main", 254), ("local", 255)],
            Self::Scopes => &[
                ("global", 0),
                ("universe", 0),
                ("site", 200),
                ("link", 253),
                ("host", 254),
                ("nowhere", 255),
            ],
            Self::Protocols => &[
                ("unspec", 0),
                ("redirect", 1),
                ("kernel", 2),
                ("boot", 3),
                ("static", 4),
                ("keepalived", 18),
            ],
            Self::Realms => &[("cosmos", 0)],
            Self::Services => &[],
            Self::Groups => &[("default", 0)],
        }
    }

    /// The number of a name, or a number as such.
    pub(crate) fn number(self, text: &str, most: u32, cx: &Cx<'_>) -> Option<u32> {
        if let Some(number) = unsigned(text) {
            return (number <= most).then_some(number);
        }
        if let Some((_, number)) = self.builtin().iter().find(|(name, _)| *name == text) {
            return Some(*number);
        }
        [cx.iproute.etc.as_str(), cx.iproute.usr.as_str(), USR_LIB]
            .iter()
            .flat_map(|directory| files(&Path::new(directory).join(self.file()), cx.system))
            .find_map(|file| search(&file, text, cx.system))
            .filter(|number| *number <= most)
    }
}

/// A file and what is in its directory of additions.
fn files(file: &Path, system: &dyn System) -> Vec<PathBuf> {
    let mut more = file.to_path_buf().into_os_string();
    more.push(".d/*.conf");
    let mut files = vec![file.to_path_buf()];
    files.extend(system.glob(Path::new(&more)));
    files
}

fn search(file: &Path, name: &str, system: &dyn System) -> Option<u32> {
    let bytes = system.read_file(file).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let number = unsigned(words.next()?)?;
        (words.next() == Some(name)).then_some(number)
    })
}

/// A number as C writes it: `0x` and `0` prefixes work.
pub(crate) fn unsigned(text: &str) -> Option<u32> {
    if let Some(hexadecimal) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        u32::from_str_radix(hexadecimal, 16).ok()
    } else if text.len() > 1 && text.starts_with('0') {
        u32::from_str_radix(text, 8).ok()
    } else {
        text.parse().ok().filter(|_| !text.starts_with('+'))
    }
}
