//! Being a process: fork, session, standard streams, replacement by another program, ties between parent and child.
//!
//! [`fork`] is for a process with one thread only; everything else is plain.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

/// Which side of a fork this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forked {
    /// The parent, with the child's process id.
    Parent(i32),
    /// The child.
    Child,
}

/// Forks. The process must have no other thread.
///
/// # Errors
/// The kernel's, and `EBUSY` when the process has other threads: the child would inherit locks that nobody releases.
pub fn fork() -> io::Result<Forked> {
    if threads() > 1 {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    // SAFETY: there is no other thread, so that the child's copy of every lock (allocator, stdio) is free.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(child.as_raw())),
        ForkResult::Child => Ok(Forked::Child),
    }
}

/// Number of threads of this process; zero when /proc is not there, as in a chroot.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// A session of its own, without a controlling terminal. Of no effect for a process that leads its group already.
pub fn detach() {
    let _ = nix::unistd::setsid();
}

/// Opens `/dev/null` for [`redirect_streams`]; to be done before a chroot.
///
/// # Errors
/// The kernel's.
pub fn open_null() -> io::Result<OwnedFd> {
    File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from)
}

/// Puts a file in the place of standard input, output and error.
///
/// # Errors
/// The kernel's.
pub fn redirect_streams(file: &impl AsFd) -> io::Result<()> {
    nix::unistd::dup2_stdin(file)?;
    nix::unistd::dup2_stdout(file)?;
    nix::unistd::dup2_stderr(file)?;
    Ok(())
}

/// The path that the program was executed by: what the shell found in `PATH`, or the first argument's path as it was written.
#[must_use]
pub fn executable() -> OsString {
    // SAFETY: AT_EXECFN is a string that the kernel put on the stack of the first thread at exec; it lives as long as the process.
    let address = unsafe { libc::getauxval(libc::AT_EXECFN) };
    if address == 0 {
        return std::env::args_os().next().unwrap_or_default();
    }
    // SAFETY: see above: a NUL-terminated string that nobody changes.
    let path = unsafe { CStr::from_ptr(address as *const libc::c_char) };
    OsString::from_vec(path.to_bytes().to_vec())
}

/// Asks the kernel for a signal when the parent process ends. Cleared by a change of user.
pub fn signal_when_parent_ends(signal: i32) {
    // SAFETY: a prctl on a constant and an integer; it touches no memory.
    let _ = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) };
}

/// No descendant can gain privileges through a set-user-id program.
pub fn forbid_new_privileges() {
    // SAFETY: a prctl on constants; it touches no memory.
    let _ = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
}

/// Whether the process may leave a core file after it changed its user.
pub fn allow_core_files() {
    // SAFETY: a prctl on constants; it touches no memory.
    let _ = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
}

/// Replaces this program by another. Returns only when that failed.
#[must_use]
pub fn execute(path: &OsString, arguments: &[OsString], environment: &[(OsString, OsString)]) -> io::Error {
    let text = |s: &[u8]| CString::new(s).unwrap_or_default();
    let path = text(path.as_bytes());
    let arguments: Vec<CString> = arguments.iter().map(|a| text(a.as_bytes())).collect();
    let environment: Vec<CString> = environment
        .iter()
        .map(|(name, value)| text(&[name.as_bytes(), b"=", value.as_bytes()].concat()))
        .collect();
    match nix::unistd::execve(&path, &arguments, &environment) {
        Ok(never) => match never {},
        Err(error) => error.into(),
    }
}

/// Lets a descriptor survive [`execute`] (true) or not (false).
///
/// # Errors
/// The kernel's.
pub fn keep_over_exec(fd: &impl AsFd, keep: bool) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    let flags = if keep { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(fd, FcntlArg::F_SETFD(flags))?;
    Ok(())
}

/// Marks every descriptor above the standard streams close-on-exec, except those listed.
pub fn close_on_exec_except(kept: &[&OwnedFd]) {
    // Whatever was inherited and is not listed does not concern the next program. An old kernel without the flag leaks them, harmlessly.
    // SAFETY: close_range with CLOEXEC changes flags only; no descriptor is closed under anybody's feet.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    for fd in kept {
        let _ = keep_over_exec(fd, true);
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// `exit` with a status.
    Status(i32),
    /// Killed by a signal.
    Signal(i32),
}

impl Ended {
    /// The exit code as a shell tells it: 128 + N for a signal.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Status(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// The next child that has ended, without waiting; none when there is none.
#[must_use]
pub fn reap() -> Option<(i32, Ended)> {
    loop {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => return Some((pid.as_raw(), Ended::Status(code))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                return Some((pid.as_raw(), Ended::Signal(signal as i32)));
            }
            Ok(WaitStatus::StillAlive) => return None,
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// Sends a signal to a process. False when it is gone or not ours.
#[must_use]
pub fn signal(pid: i32, signal: i32) -> bool {
    if pid <= 0 {
        return false;
    }
    let Ok(signal) = nix::sys::signal::Signal::try_from(signal) else { return false };
    nix::sys::signal::kill(Pid::from_raw(pid), signal).is_ok()
}

/// The kernel's word for a signal: `Killed`, `Segmentation fault`.
#[must_use]
pub fn signal_name(signal: i32) -> String {
    // SAFETY: strsignal returns a static or thread-local string, or null; it is copied before anything else runs.
    let text = unsafe { libc::strsignal(signal) };
    if text.is_null() {
        return format!("Unknown signal {signal}");
    }
    // SAFETY: not null, NUL-terminated, valid until the next call on this thread.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The C library's text of a system error, without the number that Rust adds: `Address already in use`.
#[must_use]
pub fn error_text(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(code) = error.raw_os_error()
        && let Some(plain) = text.strip_suffix(&format!(" (os error {code})"))
    {
        text.truncate(plain.len());
    }
    text
}

/// A pair of connected Unix stream sockets, close-on-exec.
///
/// # Errors
/// The kernel's.
pub fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (a, b) = std::os::unix::net::UnixStream::pair()?;
    Ok((a.into(), b.into()))
}

/// The number of a descriptor, for handing it on in an argument or a variable.
#[must_use]
pub fn number(fd: &OwnedFd) -> i32 {
    fd.as_raw_fd()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_as_a_shell_tells_them() {
        assert_eq!(Ended::Status(3).code(), 3);
        assert_eq!(Ended::Signal(libc::SIGTERM).code(), 143);
        assert_eq!(signal_name(libc::SIGSEGV), "Segmentation fault");
    }

    #[test]
    fn errors_have_the_c_library_s_words() {
        let text = |code| error_text(&io::Error::from_raw_os_error(code));
        assert_eq!(text(libc::EADDRINUSE), "Address already in use");
        assert_eq!(text(libc::EADDRNOTAVAIL), "Cannot assign requested address");
        assert_eq!(text(libc::ENOENT), "No such file or directory");
        assert_eq!(text(libc::EBADF), "Bad file descriptor");
    }

    #[test]
    fn fork_is_refused_beside_other_threads() {
        // The test harness itself has more than one thread.
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || wait.recv().is_err());
        assert_eq!(fork().err().and_then(|e| e.raw_os_error()), Some(libc::EBUSY));
        drop(stop);
        assert!(other.join().unwrap_or(false));
    }
}
