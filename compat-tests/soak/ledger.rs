//! What the clients did and saw, to be compared with what the proxy counted; and every failure with the request's id.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

/// Failures that are kept word for word; of more only the number.
const KEPT: usize = 40;

/// The counts of one phase.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Requests on the counted frontend that the proxy must have counted.
    pub(crate) requests: u64,
    /// Requests that it may have counted: the client left before an answer.
    pub(crate) maybe_requests: u64,
    /// Final answers that arrived, by their class.
    pub(crate) answers: [u64; 6],
    /// Connections that ended without a word after at least one answer on them, in time for a client to try again.
    pub(crate) closed: u64,
    /// How often each scenario ran.
    pub(crate) scenarios: BTreeMap<&'static str, u64>,
    /// Bytes of body that arrived and were compared.
    pub(crate) bytes: u64,
    /// Status of the answers that were read to their end, by the request's id.
    pub(crate) statuses: HashMap<u64, u16>,
}

/// Shared by all clients.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    counts: Mutex<Counts>,
    failures: Mutex<(usize, Vec<String>)>,
}

impl Ledger {
    /// Changes the counts.
    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().expect("no client panicked"));
    }

    /// Takes the counts of the phase.
    pub(crate) fn take(&self) -> Counts {
        std::mem::take(&mut *self.counts.lock().expect("no client panicked"))
    }

    /// Writes down what went wrong.
    pub(crate) fn fail(&self, text: String) {
        let mut failures = self.failures.lock().expect("no client panicked");
        failures.0 += 1;
        if failures.1.len() < KEPT {
            failures.1.push(text);
        }
    }

    /// Takes the failures: their number and the first ones.
    pub(crate) fn take_failures(&self) -> (usize, Vec<String>) {
        std::mem::take(&mut *self.failures.lock().expect("no client panicked"))
    }
}
