//! The averages and maxima of queue, connect, response and total time that the statistics show (`qtime`, `ctime`, `rtime`, `ttime`).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Window of the averages, in samples.
const WINDOW: u64 = 512;

/// Four times in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Durations {
    /// In queues.
    pub queue: u32,
    /// To connect.
    pub connect: u32,
    /// To the response's headers (TCP: same as connect).
    pub response: u32,
    /// All of the stream.
    pub total: u32,
}

/// Running averages and maxima. Two threads that end streams at the same instant may count one of them: a lock or a locked
/// instruction for each of eight numbers would cost more than an average is worth.
#[derive(Debug, Default)]
pub struct Times {
    samples: AtomicU64,
    sums: [AtomicU64; 4],
    max: [AtomicU32; 4],
}

impl Times {
    /// Counts a stream that reached its server. Streams without connect or response time are not counted.
    pub fn record(&self, times: Durations) {
        let samples = self.samples.load(Relaxed) + 1;
        self.samples.store(samples, Relaxed);
        let times = [times.queue, times.connect, times.response, times.total];
        for ((sum, max), time) in self.sums.iter().zip(&self.max).zip(times) {
            let mut value = sum.load(Relaxed);
            if samples > WINDOW {
                value -= value.div_ceil(WINDOW);
            }
            sum.store(value + u64::from(time), Relaxed);
            if time > max.load(Relaxed) {
                max.store(time, Relaxed);
            }
        }
    }

    /// The averages over the last 512 streams. `count` is how many the statistics count there (HTTP: responses, TCP: `lbtot`).
    #[must_use]
    pub fn averages(&self, count: u64) -> Durations {
        let n = count.min(WINDOW);
        let average = |sum: &AtomicU64| {
            if n == 0 { 0 } else { u32::try_from(sum.load(Relaxed).div_ceil(n)).unwrap_or(u32::MAX) }
        };
        let [queue, connect, response, total] = self.sums.each_ref().map(average);
        Durations { queue, connect, response, total }
    }

    /// The highest times since start or the last clear.
    #[must_use]
    pub fn max(&self) -> Durations {
        let [queue, connect, response, total] = self.max.each_ref().map(|max| max.load(Relaxed));
        Durations { queue, connect, response, total }
    }

    /// The maxima start again.
    pub fn clear_max(&self) {
        self.max.iter().for_each(|max| max.store(0, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_round_up_and_forget() {
        let times = Times::default();
        let all = |n| Durations { queue: n, connect: n, response: n, total: n };
        times.record(all(1));
        times.record(all(2));
        assert_eq!(times.averages(2), all(2));
        assert_eq!(times.averages(0), all(0));
        (0..600).for_each(|_| times.record(all(100)));
        (0..5000).for_each(|_| times.record(all(10)));
        assert_eq!((times.averages(5602), times.max()), (all(10), all(100)));
    }
}
