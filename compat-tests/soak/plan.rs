//! What the origin does with one request: chosen by the client, carried in a field, read by the origin.

use crate::dice::Dice;

/// What goes wrong at the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The connection is reset instead of an answer.
    ResetBefore,
    /// The connection is closed instead of an answer.
    CloseBefore,
    /// No answer.
    Stall,
    /// Bytes that are no HTTP.
    Garbage,
    /// Half a head, then the end.
    HalfHead,
    /// A part of the body, then the end.
    CutBody,
    /// A part of the body, then a reset.
    ResetBody,
    /// A part of the body, then nothing more.
    StallBody,
    /// A chunk size that is no number.
    BadChunk,
    /// The answer comes before the request's body is read.
    Early,
    /// The same, and the connection is closed after it.
    EarlyClose,
    /// A good answer, after which the connection is closed without a word.
    IdleClose,
    /// 100 and 103 before the answer.
    Interim,
    /// The first time one of the faults that `retry-on` knows, the second time a good answer.
    FailOnce,
}

const FAULTS: &[(Fault, &str)] = &[
    (Fault::None, "none"),
    (Fault::ResetBefore, "reset-before"),
    (Fault::CloseBefore, "close-before"),
    (Fault::Stall, "stall"),
    (Fault::Garbage, "garbage"),
    (Fault::HalfHead, "half-head"),
    (Fault::CutBody, "cut-body"),
    (Fault::ResetBody, "reset-body"),
    (Fault::StallBody, "stall-body"),
    (Fault::BadChunk, "bad-chunk"),
    (Fault::Early, "early"),
    (Fault::EarlyClose, "early-close"),
    (Fault::IdleClose, "idle-close"),
    (Fault::Interim, "interim"),
    (Fault::FailOnce, "fail-once"),
];

impl Fault {
    /// As written in the field.
    pub(crate) fn name(self) -> &'static str {
        FAULTS.iter().find(|(fault, _)| *fault == self).map_or("none", |(_, name)| name)
    }

    /// Whether no byte of an answer with the request's id can come.
    pub(crate) fn is_before(self) -> bool {
        matches!(self, Self::ResetBefore | Self::CloseBefore | Self::Stall | Self::Garbage | Self::HalfHead)
    }

    /// Whether the answer's body cannot come to its end.
    pub(crate) fn is_within(self) -> bool {
        matches!(self, Self::CutBody | Self::ResetBody | Self::StallBody | Self::BadChunk)
    }
}

/// The answer asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Bytes of body.
    pub(crate) size: u64,
    /// Chunked instead of a length.
    pub(crate) chunked: bool,
    /// Milliseconds before the answer.
    pub(crate) delay: u64,
    /// The server closes after the answer and says so.
    pub(crate) close: bool,
    /// What goes wrong.
    pub(crate) fault: Fault,
}

impl Plan {
    /// A good answer of some size.
    pub(crate) fn good(dice: &mut Dice, largest: u64) -> Self {
        Self {
            size: dice.size(largest),
            chunked: dice.once_in(3),
            delay: if dice.once_in(6) { dice.between(1, 30) } else { 0 },
            close: dice.once_in(12),
            fault: Fault::None,
        }
    }

    /// The same with a fault.
    pub(crate) fn with(self, fault: Fault) -> Self {
        let mut plan = Self { fault, ..self };
        if fault.is_within() {
            plan.size = plan.size.max(64);
        }
        if fault == Fault::BadChunk {
            plan.chunked = true;
        }
        if matches!(fault, Fault::Early | Fault::EarlyClose) {
            plan.size = plan.size.min(4000);
        }
        plan
    }

    /// The field's value.
    pub(crate) fn text(&self) -> String {
        format!(
            "{} {} {} {} {}",
            self.size,
            u8::from(self.chunked),
            self.delay,
            u8::from(self.close),
            self.fault.name()
        )
    }

    /// Reads the field's value.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let [size, chunked, delay, close, fault] = words.as_slice() else { return None };
        Some(Self {
            size: size.parse().ok()?,
            chunked: *chunked == "1",
            delay: delay.parse().ok()?,
            close: *close == "1",
            fault: FAULTS.iter().find(|(_, name)| name == fault)?.0,
        })
    }
}
