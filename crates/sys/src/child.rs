//! What a child process that runs somebody's script needs set before it executes it.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Prepares `command` to run a script as `uid` and `gid`: stdin, stdout and stderr on /dev/null, supplementary groups
/// dropped, a process group of its own, default scheduling, SIGTERM when the thread that starts it ends.
///
/// Start it from a thread that lives as long as the script may: the kernel ties the signal to the starting thread.
pub fn script(command: &mut Command, uid: u32, gid: u32) {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .gid(gid)
        .uid(uid)
        .process_group(0);
    // SAFETY: between fork and exec, in a copy of a process that may have other threads: the closure only makes
    // system calls on constants, allocates nothing and takes no lock. It runs after the user was changed, which
    // would clear the parent death signal.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            let parameters: libc::sched_param = std::mem::zeroed();
            libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters);
            libc::setpriority(libc::PRIO_PROCESS, 0, 0);
            Ok(())
        });
    }
}
