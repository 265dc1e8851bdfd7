//! Deadlines of a thread's connections: one alarm a connection, armed lazily.
//!
//! Moving a deadline further away, which every request does several times, only writes a number: the entry in the heap stays where
//! it is and is moved when its old time comes. Only an earlier deadline than the armed one touches the heap. One tokio timer a
//! thread sleeps until the earliest entry. An alarm also carries the order to end a connection ([`Ring::Kill`]), so that a
//! connection waits for one thing less.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A deadline that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

/// The deadline a timeout after `now_ms`.
pub(crate) fn after(now_ms: u64, timeout: Option<Duration>) -> u64 {
    match timeout {
        Some(timeout) if !timeout.is_zero() => {
            now_ms.saturating_add(u64::try_from(timeout.as_millis()).unwrap_or(NEVER))
        }
        _ => NEVER,
    }
}

/// Why a connection must end although nothing happened on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// `shutdown session(s)`, `hard-stop-after`: log state `K`.
    Admin,
    /// `on-marked-down shutdown-sessions`: log state `D`.
    ServerDown,
    /// `on-marked-up shutdown-backup-sessions`: log state `U`.
    ServerUp,
    /// A soft stop: idle connections close, the others look at the stopping flag themselves.
    SoftStop,
}

/// What an alarm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ring {
    /// The deadline has come.
    Deadline,
    /// The connection must end.
    Kill(Kill),
}

#[derive(Debug)]
struct Slot {
    deadline: u64,
    /// The earliest heap entry of this slot; [`NEVER`] when it has none.
    armed: u64,
    waker: Option<Waker>,
    kill: Option<Kill>,
    generation: u32,
    used: bool,
}

#[derive(Debug, Default)]
struct Inner {
    slots: Vec<Slot>,
    free: Vec<u32>,
    heap: BinaryHeap<Reverse<(u64, u32, u32)>>,
    driver: Option<Waker>,
}

/// All alarms of a thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    inner: Rc<RefCell<Inner>>,
}

/// Identifies an alarm for [`Timers::kill`]; stays harmless after the alarm is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AlarmId {
    slot: u32,
    generation: u32,
}

/// One connection's alarm.
#[derive(Debug)]
pub(crate) struct Alarm {
    inner: Rc<RefCell<Inner>>,
    id: AlarmId,
}

impl Inner {
    fn slot(&mut self, id: AlarmId) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot as usize).filter(|slot| slot.used && slot.generation == id.generation)
    }

    fn arm(&mut self, id: AlarmId, at: u64) {
        if self.heap.len() > 4 * self.slots.len() + 64 {
            let slots = &self.slots;
            self.heap.retain(|Reverse((when, slot, generation))| {
                slots
                    .get(*slot as usize)
                    .is_some_and(|s| s.used && s.generation == *generation && s.armed == *when)
            });
        }
        let first = self.heap.peek().map_or(NEVER, |Reverse((when, ..))| *when);
        self.heap.push(Reverse((at, id.slot, id.generation)));
        if at < first
            && let Some(driver) = &self.driver
        {
            driver.wake_by_ref();
        }
    }
}

impl Timers {
    /// A new alarm without deadline.
    pub(crate) fn alarm(&self) -> Alarm {
        let mut inner = self.inner.borrow_mut();
        let fresh = |generation| Slot {
            deadline: NEVER,
            armed: NEVER,
            waker: None,
            kill: None,
            generation,
            used: true,
        };
        let id = match inner.free.pop() {
            Some(slot) => {
                let generation = inner.slots.get(slot as usize).map_or(0, |s| s.generation.wrapping_add(1));
                if let Some(entry) = inner.slots.get_mut(slot as usize) {
                    *entry = fresh(generation);
                }
                AlarmId { slot, generation }
            }
            None => {
                inner.slots.push(fresh(0));
                AlarmId { slot: (inner.slots.len() - 1) as u32, generation: 0 }
            }
        };
        drop(inner);
        Alarm { inner: Rc::clone(&self.inner), id }
    }

    /// Orders the end of a connection.
    pub(crate) fn kill(&self, id: AlarmId, kill: Kill) {
        let mut inner = self.inner.borrow_mut();
        let waker = inner.slot(id).and_then(|slot| {
            slot.kill = Some(kill);
            slot.waker.take()
        });
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Orders the end of every connection.
    pub(crate) fn kill_all(&self, kill: Kill) {
        let mut inner = self.inner.borrow_mut();
        let mut wakers = Vec::new();
        for slot in inner.slots.iter_mut().filter(|slot| slot.used) {
            slot.kill = Some(kill);
            wakers.extend(slot.waker.take());
        }
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Wakes the alarms whose deadline has come; the time of the next entry.
    fn fire(&self, now_ms: u64) -> Option<u64> {
        let mut inner = self.inner.borrow_mut();
        let mut wakers = Vec::new();
        let next = loop {
            let Some(&Reverse((when, slot, generation))) = inner.heap.peek() else { break None };
            if when > now_ms {
                break Some(when);
            }
            inner.heap.pop();
            let id = AlarmId { slot, generation };
            let Some(entry) = inner.slot(id) else { continue };
            if entry.armed != when {
                continue;
            }
            let deadline = entry.deadline;
            if deadline <= now_ms {
                entry.armed = NEVER;
                wakers.extend(entry.waker.take());
            } else {
                entry.armed = deadline;
                if deadline != NEVER {
                    inner.heap.push(Reverse((deadline, slot, generation)));
                }
            }
        };
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
        next
    }

    /// Serves the alarms for as long as the thread lives.
    pub(crate) async fn drive(self) {
        let sleep = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(sleep);
        poll_fn(move |cx| {
            loop {
                {
                    let mut inner = self.inner.borrow_mut();
                    if !inner.driver.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                        inner.driver = Some(cx.waker().clone());
                    }
                }
                crate::clock::refresh();
                let now = crate::clock::now_ms();
                let Some(next) = self.fire(now) else { return Poll::<()>::Pending };
                let at = tokio::time::Instant::now()
                    + Duration::from_millis(next.saturating_sub(now).min(86_400_000));
                sleep.as_mut().reset(at);
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }
}

impl Alarm {
    /// Its id.
    pub(crate) fn id(&self) -> AlarmId {
        self.id
    }

    /// Sets the deadline: monotonic ms, or [`NEVER`].
    pub(crate) fn set(&self, at: u64) {
        let mut inner = self.inner.borrow_mut();
        let Some(slot) = inner.slot(self.id) else { return };
        if slot.deadline == at {
            return;
        }
        slot.deadline = at;
        if at < slot.armed {
            slot.armed = at;
            inner.arm(self.id, at);
        }
    }

    /// Whether it rings. A deadline that has come keeps ringing until it is moved; an order to end is told once.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Ring> {
        let mut inner = self.inner.borrow_mut();
        let Some(slot) = inner.slot(self.id) else { return Poll::Pending };
        if let Some(kill) = slot.kill.take() {
            return Poll::Ready(Ring::Kill(kill));
        }
        // An armed entry that has not fired yet cannot be due: the clock is only asked when the driver took it.
        if slot.deadline != NEVER && slot.armed == NEVER {
            if slot.deadline <= crate::clock::now_ms() {
                return Poll::Ready(Ring::Deadline);
            }
            let at = slot.deadline;
            slot.armed = at;
            inner.arm(self.id, at);
        }
        let Some(slot) = inner.slot(self.id) else { return Poll::Pending };
        match &mut slot.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Waits until it rings.
    pub(crate) async fn ring(&self) -> Ring {
        poll_fn(|cx| self.poll(cx)).await
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Ok(mut inner) = self.inner.try_borrow_mut()
            && let Some(slot) = inner.slot(self.id)
        {
            slot.used = false;
            slot.waker = None;
            inner.free.push(self.id.slot);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    fn waiter() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    #[test]
    fn a_later_deadline_costs_no_heap_entry() {
        let timers = Timers::default();
        let alarm = timers.alarm();
        let far = crate::clock::now_ms() + 1_000_000;
        alarm.set(far);
        for n in 0..100 {
            alarm.set(far + n);
        }
        assert_eq!(timers.inner.borrow().heap.len(), 1);
        // When the old time comes the entry moves to the new one and nobody is woken.
        let (count, waker) = waiter();
        assert!(alarm.poll(&Context::from_waker(&waker)).is_pending());
        assert_eq!(timers.fire(far), Some(far + 99));
        assert_eq!(count.0.load(Relaxed), 0);
        timers.fire(far + 99);
        assert_eq!(count.0.load(Relaxed), 1);
    }

    #[test]
    fn an_earlier_deadline_wakes_in_time() {
        let timers = Timers::default();
        let alarm = timers.alarm();
        let now = crate::clock::now_ms();
        alarm.set(now + 1_000_000);
        alarm.set(now);
        let (count, waker) = waiter();
        assert!(alarm.poll(&Context::from_waker(&waker)).is_pending());
        timers.fire(now);
        assert_eq!(count.0.load(Relaxed), 1);
        assert_eq!(alarm.poll(&Context::from_waker(&waker)), Poll::Ready(Ring::Deadline));
    }

    #[test]
    fn orders_reach_only_their_connection() {
        let timers = Timers::default();
        let (one, two) = (timers.alarm(), timers.alarm());
        let (count, waker) = waiter();
        let cx = Context::from_waker(&waker);
        assert!(one.poll(&cx).is_pending());
        let id = one.id();
        timers.kill(id, Kill::Admin);
        assert_eq!(count.0.load(Relaxed), 1);
        assert_eq!(one.poll(&cx), Poll::Ready(Ring::Kill(Kill::Admin)));
        assert!(two.poll(&cx).is_pending());
        drop(one);
        let three = timers.alarm();
        timers.kill(id, Kill::Admin);
        assert!(three.poll(&cx).is_pending(), "an old id must not reach the slot's next owner");
    }

    #[test]
    fn stale_entries_are_bounded() {
        let timers = Timers::default();
        let alarm = timers.alarm();
        let base = crate::clock::now_ms() + 1_000_000;
        for n in 0..10_000 {
            alarm.set(base - n);
        }
        assert!(timers.inner.borrow().heap.len() < 200);
    }
}
