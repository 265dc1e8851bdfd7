//! What the BFD process tells of its sessions.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bfd::Record;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use vrrp::Input;

use crate::log::detail;
use crate::shell::Shell;

/// The reading end of the pipe, if there is one.
pub(crate) struct Events {
    pipe: Option<Receiver>,
    /// The part of a record that has come.
    buffer: [u8; Record::LEN],
    filled: usize,
}

impl Events {
    pub(crate) fn open(pipe: Option<PipeReader>) -> io::Result<Self> {
        let pipe = pipe.map(|pipe| Receiver::from_owned_fd(OwnedFd::from(pipe))).transpose()?;
        Ok(Self { pipe, buffer: [0; Record::LEN], filled: 0 })
    }

    /// The next record; never without a pipe. Cancel safe: what was read of a record is kept.
    pub(crate) async fn next(&mut self) -> Record {
        loop {
            let Some(pipe) = &mut self.pipe else { std::future::pending().await };
            match pipe.read(self.buffer.get_mut(self.filled..).unwrap_or_default()).await {
                // No writer is left, or it is no pipe any more.
                Ok(0) | Err(_) => self.pipe = None,
                Ok(count) => {
                    self.filled += count;
                    if self.filled == Record::LEN {
                        self.filled = 0;
                        if let Some(record) = Record::parse(&self.buffer) {
                            return record;
                        }
                    }
                }
            }
        }
    }
}

impl Shell {
    pub(crate) fn bfd_reported(&mut self, record: &Record) {
        let late = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(record.at);
        let state = if record.up { "Up" } else { "Down" };
        detail!(
            "Received BFD event: instance {} is in state {state} (delivered in {} usec)",
            record.name,
            late.as_micros()
        );
        if let Some(id) = self.router.bfd(&record.name) {
            self.router.handle(Instant::now(), Input::Bfd(id, record.up));
        }
    }
}
