//! The environment of this process, which its children inherit.
#![allow(unsafe_code)]

/// Takes a variable out of the environment.
///
/// Call it while this process has one thread; with more it does nothing.
pub fn forget(name: &str) {
    let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count).unwrap_or(usize::MAX);
    if threads == 1 {
        // SAFETY: nothing else can read the environment meanwhile: there is no other thread.
        unsafe { std::env::remove_var(name) };
    }
}
