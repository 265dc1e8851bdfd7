//! How the kernel runs this process: nice value, real-time priority, memory that stays in RAM, processors.
#![allow(unsafe_code)]

use std::io;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall, munlockall};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::Pid;

/// Sets the nice value of the calling thread, -20 (first) to 19 (last).
///
/// # Errors
/// The kernel's.
pub fn set_nice(nice: i32) -> io::Result<()> {
    // SAFETY: setpriority takes three numbers and touches no memory.
    checked(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) })
}

/// Runs the calling thread under SCHED_RR with a priority of 1 to 99, not inherited by what it forks. `limit` is how many
/// microseconds it may run without blocking: at half of that the kernel warns it with SIGXCPU, at all of it it is killed.
///
/// # Errors
/// The kernel's.
pub fn set_realtime(priority: i32, limit: u64) -> io::Result<()> {
    setrlimit(Resource::RLIMIT_RTTIME, limit / 2, limit)?;
    set_scheduler(libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, priority)
}

/// One step up for a thread that runs late: SCHED_RR at its lowest priority, or one more than now. The new priority, unless it has
/// `most` already.
///
/// # Errors
/// The kernel's.
pub fn raise(most: i32) -> io::Result<Option<i32>> {
    // SAFETY: sched_getscheduler takes a number and touches no memory.
    let policy = unsafe { libc::sched_getscheduler(0) };
    // SAFETY: all-zero bytes are a valid `sched_param`.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live local.
    checked(unsafe { libc::sched_getparam(0, &raw mut parameters) })?;
    let is_realtime = policy & !libc::SCHED_RESET_ON_FORK == libc::SCHED_RR;
    let next = if is_realtime { parameters.sched_priority + 1 } else { 1 };
    if next > most {
        return Ok(None);
    }
    set_scheduler(libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, next)?;
    Ok(Some(next))
}

/// Back to the scheduling that everything has.
///
/// # Errors
/// The kernel's.
pub fn set_normal() -> io::Result<()> {
    set_scheduler(libc::SCHED_OTHER, 0)
}

fn set_scheduler(policy: i32, priority: i32) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid `sched_param`.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = priority;
    // SAFETY: the pointer is to a live local that the kernel only reads.
    checked(unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) })
}

/// Keeps every page that the process touches in RAM, or lets them go again.
///
/// # Errors
/// The kernel's.
pub fn lock_memory(lock: bool) -> io::Result<()> {
    if lock {
        // Pages count from when they are touched: nothing is read in only to be locked.
        let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
        mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault)?;
    } else {
        munlockall()?;
    }
    Ok(())
}

/// Runs the calling thread on these processors only.
///
/// # Errors
/// The kernel's, and EINVAL for a processor number that no machine has.
pub fn set_processors(processors: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for processor in processors {
        set.set(*processor)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set)?;
    Ok(())
}

fn checked(result: i32) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
