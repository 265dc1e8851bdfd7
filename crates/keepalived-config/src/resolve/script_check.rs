//! Whether a script can be run, and whether others than root could change what it does. keepalived.conf(5), "SCRIPTS".
//!
//! A function of the command, the user and the file system as [`System`] shows it; it changes nothing and runs nothing.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::resolved::{Command, User};
use crate::system::{FileKind, FileStatus, System};

/// What came out for a script, with the lines a daemon logs about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// How to run it, or why not.
    pub(crate) verdict: Result<Command, Refusal>,
    /// It can be changed by others than root.
    pub(crate) insecure: bool,
    /// Log lines of a daemon.
    pub(crate) remarks: Vec<String>,
}

/// Why a script is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not found, not accessible.
    Missing,
    /// Not executable for its user.
    NotExecutable,
    /// Others than root can change it, and `enable_script_security` is set.
    Insecure,
}

/// Settings of `global_defs` that matter here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policy {
    /// `enable_script_security`.
    pub(crate) security: bool,
    /// `use_symlink_paths`.
    pub(crate) keep_symlinks: bool,
}

const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const STICKY: u32 = 0o1000;

/// Checks a command.
pub(crate) fn check(words: &[BString], user: User, policy: Policy, system: &dyn System) -> Checked {
    let mut remarks = Vec::new();
    let mut insecure = false;
    let verdict = verdict(words, user, policy, system, &mut remarks, &mut insecure);
    Checked { verdict, insecure, remarks }
}

fn verdict(
    words: &[BString],
    user: User,
    policy: Policy,
    system: &dyn System,
    remarks: &mut Vec<String>,
    insecure: &mut bool,
) -> Result<Command, Refusal> {
    let text = words.iter().map(|w| w.to_str_lossy()).collect::<Vec<_>>().join(" ");
    let Some(first) = words.first() else { return Err(Refusal::Missing) };
    // `</path`: the shell reads the file.
    if first.starts_with(b"</")
        || (first.as_slice() == b"<" && words.get(1).is_some_and(|w| w.starts_with(b"/")))
    {
        let argv = [OsStr::new("/bin/sh"), OsStr::new("-c")].map(OsStr::to_owned).into_iter();
        let argv = argv.chain([OsString::from(&text)]).collect();
        return Ok(Command { path: OsString::from("/bin/sh"), argv, text, user, shell: true });
    }
    let named = PathBuf::from(first.to_os_str_lossy().into_owned());
    let named = if first.contains(&b'/') {
        named
    } else {
        let found = search(&named, user, system).map_err(|why| {
            remarks.push(match why {
                SearchError::NotFound => format!("Cannot find script {first} in path - disabling"),
                SearchError::Permission => {
                    format!("Permissions failure for script {first} in path - disabling")
                }
            });
            Refusal::Missing
        })?;
        remarks.push(format!(
            "WARNING - script `{first}` resolved by path search to `{}`. Please specify full path.",
            found.display()
        ));
        found
    };
    let real = system.real_path(&named).map_err(|why| {
        remarks.push(format!("Script {} cannot be accessed - {why}", named.display()));
        Refusal::Missing
    })?;
    let status = system.status(&real).map_err(|why| {
        remarks.push(format!("Script {} cannot be accessed - {why}", named.display()));
        Refusal::Missing
    })?;
    let named = lexically_clean(&named);
    if status.kind != FileKind::File || !executable(status, user) {
        remarks.push(format!(
            "WARNING - script '{}' is not executable for uid:gid {}:{} - disabling.",
            named.display(),
            user.uid,
            user.gid
        ));
        return Err(Refusal::NotExecutable);
    }
    let set_root =
        (status.mode & SET_UID != 0 && status.uid == 0) || (status.mode & SET_GID != 0 && status.gid == 0);
    if user.uid == 0 || user.gid == 0 || set_root {
        for path in std::iter::once(&named).chain((named != real).then_some(&real)) {
            match protected(path, system) {
                Protection::Safe => {}
                Protection::WrongType => {
                    remarks.push(format!("Wrong file type found in script path '{}'.", path.display()));
                    *insecure = true;
                    return Err(Refusal::Insecure);
                }
                Protection::Unsafe => {
                    *insecure = true;
                    let end = if policy.security { " - disabling." } else { "." };
                    remarks.push(format!("Unsafe permissions found for script '{}'{end}", path.display()));
                    if policy.security {
                        return Err(Refusal::Insecure);
                    }
                    break;
                }
            }
        }
    }
    let path = if policy.keep_symlinks { named } else { real };
    let arguments = words.iter().skip(1).map(|w| w.to_os_str_lossy().into_owned());
    let path = path.into_os_string();
    let argv: Vec<OsString> = std::iter::once(path.clone()).chain(arguments).collect();
    // A text without `#!` that execve refuses is the shell's, as the reference decides by its magic.
    if is_program(system.first_bytes(Path::new(&path))) {
        return Ok(Command { path, argv, text, user, shell: false });
    }
    remarks.push(format!("Please add a #! shebang to script {}", Path::new(&path).display()));
    let line = argv.iter().map(|a| quoted(a)).collect::<Vec<_>>().join(OsStr::new(" "));
    let argv = vec![OsString::from("/bin/sh"), OsString::from("-c"), line];
    Ok(Command { path: OsString::from("/bin/sh"), argv, text, user, shell: true })
}

enum SearchError {
    NotFound,
    Permission,
}

fn search(name: &Path, user: User, system: &dyn System) -> Result<PathBuf, SearchError> {
    let mut error = SearchError::NotFound;
    for directory in system.search_path() {
        let path = directory.join(name);
        let Ok(real) = system.real_path(&path) else { continue };
        let Ok(status) = system.status(&real) else { continue };
        if status.kind == FileKind::File {
            if executable(status, user) {
                return Ok(path);
            }
            error = SearchError::Permission;
        }
    }
    Err(error)
}

/// By the primary group only: supplementary groups are dropped before a script runs.
fn executable(status: FileStatus, user: User) -> bool {
    let bits = if user.uid == 0 {
        0o111
    } else if user.uid == status.uid {
        0o100
    } else if user.gid == status.gid {
        0o010
    } else {
        0o001
    };
    status.mode & bits != 0
}

enum Protection {
    Safe,
    Unsafe,
    WrongType,
}

/// Every component from `/` on must be root's alone to change.
fn protected(path: &Path, system: &dyn System) -> Protection {
    let components: Vec<Component<'_>> = path.components().collect();
    let mut at = PathBuf::new();
    for (index, component) in components.iter().enumerate() {
        at.push(component);
        let last = index + 1 == components.len();
        let Ok(status) = system.status(&at) else { return Protection::WrongType };
        let fits = match status.kind {
            FileKind::Directory => !last,
            FileKind::File | FileKind::Symlink => last,
            FileKind::Other => false,
        };
        if !fits {
            return Protection::WrongType;
        }
        if status.uid != 0 {
            return Protection::Unsafe;
        }
        // The permission bits of a symbolic link mean nothing.
        let open = status.kind == FileKind::File
            || (status.kind == FileKind::Directory && status.mode & STICKY == 0);
        if open && ((status.gid != 0 && status.mode & 0o020 != 0) || status.mode & 0o002 != 0) {
            return Protection::Unsafe;
        }
    }
    Protection::Safe
}

/// Without `.`, `..` and doubled slashes.
fn lexically_clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

fn is_program(first: Option<[u8; 4]>) -> bool {
    first.is_some_and(|bytes| bytes.starts_with(b"#!") || bytes == *b"\x7fELF")
}

fn quoted(argument: &OsStr) -> OsString {
    let bytes = argument.as_encoded_bytes().replace(b"'", b"'\\''");
    let mut quoted = OsString::from("'");
    quoted.push(bytes.to_os_str_lossy());
    quoted.push("'");
    quoted
}

#[cfg(test)]
mod tests;
