//! How long an instance waits: RFC 3768 and RFC 5798, section 6.1.

use std::time::{Duration, Instant};

use super::Instance;
use crate::config::Version;

impl Instance {
    /// Skew time: the later, the lower the priority. RFC 3768 and RFC 5798, section 6.1.
    pub fn skew(&self) -> Duration {
        self.skew_of(self.effective, self.master_interval)
    }

    fn skew_of(&self, priority: u8, interval: Duration) -> Duration {
        let rest = 256 - u64::from(priority);
        let centiseconds = u64::try_from(interval.as_millis() / 10).unwrap_or(u64::MAX / 1_000_000);
        match self.config.version {
            Version::V2 => Duration::from_micros(rest * 1_000_000 / 256),
            Version::V3 => Duration::from_micros(rest * centiseconds * 625 / 16),
        }
    }

    /// How long to wait for the master: `down_timer_adverts` intervals and the skew.
    pub fn down_timer(&self) -> Duration {
        self.master_interval * self.config.down_timer_adverts + self.skew()
    }

    /// `timer_expired_backup`: a router of that priority would have stopped waiting for us.
    pub(super) fn others_took_over(&self, now: Instant) -> bool {
        let (Some(priority), Some(sent)) = (self.config.expired_backup, self.last_sent) else { return false };
        let interval = self.config.advert_interval;
        now.saturating_duration_since(sent) > interval * 3 + self.skew_of(priority, interval)
    }
}
