//! The averages and maxima of queue, connect, response and total time that the statistics show (`qtime`, `ctime`, `rtime`, `ttime`).

use std::sync::{Mutex, PoisonError};

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

/// Running averages and maxima. One short lock at the end of a stream.
#[derive(Debug, Default)]
pub struct Times(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    samples: u64,
    sums: [u64; 4],
    max: [u32; 4],
}

impl Times {
    /// Counts a stream that reached its server. Streams without connect or response time are not counted.
    pub fn record(&self, times: Durations) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.samples += 1;
        let window = state.samples > WINDOW;
        let Sums { sums, max, .. } = &mut *state;
        let times = [times.queue, times.connect, times.response, times.total];
        for ((sum, max), time) in sums.iter_mut().zip(max).zip(times) {
            if window {
                *sum -= sum.div_ceil(WINDOW);
            }
            *sum += u64::from(time);
            *max = time.max(*max);
        }
    }

    /// The averages over the last 512 streams. `count` is how many the statistics count there (HTTP: responses, TCP: `lbtot`).
    #[must_use]
    pub fn averages(&self, count: u64) -> Durations {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let n = count.min(WINDOW);
        let average = |sum: u64| if n == 0 { 0 } else { u32::try_from(sum.div_ceil(n)).unwrap_or(u32::MAX) };
        let [queue, connect, response, total] = state.sums.map(average);
        Durations { queue, connect, response, total }
    }

    /// The highest times since start or the last clear.
    #[must_use]
    pub fn max(&self) -> Durations {
        let [queue, connect, response, total] = self.0.lock().unwrap_or_else(PoisonError::into_inner).max;
        Durations { queue, connect, response, total }
    }

    /// The maxima start again.
    pub fn clear_max(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).max = [0; 4];
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
