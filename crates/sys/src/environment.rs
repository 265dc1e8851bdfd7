//! The environment of this process, which its children inherit.
#![allow(unsafe_code)]

use std::collections::BTreeMap;

/// Takes a variable out of the environment.
///
/// Call it while this process has one thread; with more it does nothing.
pub fn forget(name: &str) {
    if is_alone() {
        // SAFETY: nothing else can read the environment meanwhile: there is no other thread.
        unsafe { std::env::remove_var(name) };
    }
}

/// Makes the environment exactly these variables. A value that was there and has the same text keeps its bytes.
///
/// Call it while this process has one thread; with more it does nothing.
pub fn replace(wanted: &BTreeMap<String, String>) {
    if !is_alone() {
        return;
    }
    let usable = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_none_or(|name| !wanted.contains_key(name)) && usable(&name.to_string_lossy()) {
            // SAFETY: as above: there is no other thread.
            unsafe { std::env::remove_var(&name) };
        }
    }
    for (name, value) in wanted {
        let same = std::env::var_os(name).is_some_and(|old| old.to_string_lossy() == *value);
        if !same && usable(name) && !value.contains('\0') {
            // SAFETY: as above: there is no other thread.
            unsafe { std::env::set_var(name, value) };
        }
    }
}

fn is_alone() -> bool {
    std::fs::read_dir("/proc/self/task").map(Iterator::count).unwrap_or(usize::MAX) == 1
}
