//! One `log` line: which messages it takes, and what they look like.

use super::{Identity, sender};
use haproxy_config::runtime::{LogDestination, LogHeader, LogTarget};
use log_format::syslog::{Format, Parts, header};
use std::cell::RefCell;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// A target with its state.
#[derive(Debug)]
pub(crate) struct Target {
    /// Position among the targets of its proxy, for messages.
    index: usize,
    config: LogTarget,
    format: Format,
    identity: Identity,
    /// Messages seen, for sampling.
    seen: AtomicU32,
    /// The descriptor of an `fd@` target beyond the standard streams, duplicated.
    descriptor: Option<OwnedFd>,
    /// Identifies the target in the threads' header caches.
    id: u32,
}

/// The header that a thread made last for a target.
struct Cached {
    target: u32,
    level: u8,
    second: i64,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Scratch {
    line: Vec<u8>,
    headers: Vec<Cached>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Target {
    pub(crate) fn new(index: usize, config: LogTarget, identity: Identity) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let descriptor = match config.destination {
            LogDestination::Fd(number) if number > 2 => sys::inherited::duplicate(number).ok(),
            LogDestination::Fd(_) | LogDestination::Udp(_) | LogDestination::Unix(_) => None,
        };
        let format = match config.format {
            LogHeader::Local => Format::Local,
            LogHeader::Rfc3164 => Format::Rfc3164,
            LogHeader::Rfc5424 => Format::Rfc5424,
            LogHeader::Priority => Format::Priority,
            LogHeader::Short => Format::Short,
            LogHeader::Timed => Format::Timed,
            LogHeader::Iso => Format::Iso,
            LogHeader::Raw => Format::Raw,
        };
        Self {
            index,
            config,
            format,
            identity,
            seen: AtomicU32::new(0),
            descriptor,
            id: NEXT.fetch_add(1, Relaxed),
        }
    }

    /// Sends a message when the level and the sample say so. False when it was lost.
    pub(crate) fn send(&self, level: u8, text: &[u8], data: Option<&[u8]>) -> bool {
        if level > self.config.level || !self.sampled() {
            return true;
        }
        let level = level.max(self.config.min_level);
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.line.clear();
            self.header(scratch, level, data);
            let end = text.iter().rposition(|&b| b != b'\n' && b != 0).map_or(0, |last| last + 1);
            scratch.line.extend_from_slice(text.get(..end).unwrap_or_default());
            scratch.line.truncate(self.config.max_len.saturating_sub(1));
            scratch.line.push(b'\n');
            let result = match &self.config.destination {
                LogDestination::Udp(address) => sender::udp(*address, &scratch.line),
                LogDestination::Unix(path) => sender::unix(path, &scratch.line),
                LogDestination::Fd(1) => sender::descriptor(std::io::stdout().as_fd(), &scratch.line),
                LogDestination::Fd(2) => sender::descriptor(std::io::stderr().as_fd(), &scratch.line),
                LogDestination::Fd(_) => match &self.descriptor {
                    Some(descriptor) => sender::descriptor(descriptor.as_fd(), &scratch.line),
                    None => Err(std::io::Error::from_raw_os_error(libc::EBADF)),
                },
            };
            match result {
                Ok(()) => true,
                Err(error) => {
                    self.complain(&error);
                    false
                }
            }
        })
    }

    /// Whether the message is in one of the ranges of `sample`.
    fn sampled(&self) -> bool {
        let Some((ranges, size)) = &self.config.sample else { return true };
        let position = self.seen.fetch_add(1, Relaxed) % (*size).max(1) + 1;
        ranges.iter().any(|&(low, high)| (low..=high).contains(&position))
    }

    fn header(&self, scratch: &mut Scratch, level: u8, data: Option<&[u8]>) {
        let wall = sys::clock::wall();
        let precise = matches!(self.format, Format::Rfc5424 | Format::Timed | Format::Iso);
        let Scratch { line, headers } = scratch;
        let fill = |out: &mut Vec<u8>| {
            let seconds = u64::try_from(wall.seconds).unwrap_or(0);
            let parts = Parts {
                facility: self.config.facility,
                level,
                wall_us: seconds * 1_000_000 + u64::from(wall.micros),
                utc_offset: sys::clock::local_date(wall.seconds).utc_offset,
                hostname: self.identity.hostname.as_deref().map(str::as_bytes),
                tag: self.identity.tag.as_bytes(),
                pid: self.identity.pid,
                structured_data: data,
            };
            header(self.format, &parts, out);
        };
        if precise {
            fill(line);
            return;
        }
        let at = headers.iter().position(|cached| cached.target == self.id && cached.level == level);
        let at = at.unwrap_or_else(|| {
            headers.push(Cached { target: self.id, level, second: i64::MIN, bytes: Vec::new() });
            headers.len() - 1
        });
        let Some(cached) = headers.get_mut(at) else { return };
        if cached.second != wall.seconds {
            cached.second = wall.seconds;
            cached.bytes.clear();
            fill(&mut cached.bytes);
        }
        line.extend_from_slice(&cached.bytes);
    }

    /// The first lost line of the process is told on the standard error; full sockets are not worth a word.
    fn complain(&self, error: &std::io::Error) {
        static TOLD: AtomicBool = AtomicBool::new(false);
        if error.kind() == std::io::ErrorKind::WouldBlock || TOLD.swap(true, Relaxed) {
            return;
        }
        let errno = error.raw_os_error().unwrap_or(0);
        let text = nix::errno::Errno::from_raw(errno).desc();
        sys::messages::alert(format!(
            "sendmsg()/writev() failed in logger #{}: {text} (errno={errno})",
            self.index
        ));
    }
}
