//! The packets. RFC 2741, section 6.

use crate::oid::Oid;
use crate::value::VarBind;
use crate::wire::{Reader, Writer};

/// Bytes of a header.
pub const HEADER_LEN: usize = 20;
/// The longest payload that is read; a master's requests are much shorter.
pub const PAYLOAD_MAX: usize = 1 << 18;

const VERSION: u8 = 1;
const INSTANCE_REGISTRATION: u8 = 0x01;
const NON_DEFAULT_CONTEXT: u8 = 0x08;
const NETWORK_BYTE_ORDER: u8 = 0x10;

/// `res.error`: all is well.
pub const NO_ERROR: u16 = 0;
/// `res.error`: something went wrong inside.
pub const GEN_ERR: u16 = 5;
/// `res.error`: another type is expected.
pub const WRONG_TYPE: u16 = 7;
/// `res.error`: the value is out of range.
pub const WRONG_VALUE: u16 = 10;
/// `res.error`: nothing left for it.
pub const RESOURCE_UNAVAILABLE: u16 = 13;
/// `res.error`: CommitSet failed.
pub const COMMIT_FAILED: u16 = 14;
/// `res.error`: UndoSet failed.
pub const UNDO_FAILED: u16 = 15;
/// `res.error`: it cannot be written.
pub const NOT_WRITABLE: u16 = 17;
/// `res.error`: contexts are not supported.
pub const UNSUPPORTED_CONTEXT: u16 = 262;
/// `res.error`: a request that is not understood.
pub const PARSE_ERROR: u16 = 266;

/// Why a session is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Anything else.
    Other,
    /// Packets that are not understood.
    ParseError,
    /// The other side does not keep to the protocol.
    ProtocolError,
    /// Nothing was answered in time.
    Timeouts,
    /// The end of the program.
    Shutdown,
    /// The manager wants it.
    ByManager,
}

impl CloseReason {
    fn number(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::ParseError => 2,
            Self::ProtocolError => 3,
            Self::Timeouts => 4,
            Self::Shutdown => 5,
            Self::ByManager => 6,
        }
    }

    fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Other,
            2 => Self::ParseError,
            3 => Self::ProtocolError,
            4 => Self::Timeouts,
            5 => Self::Shutdown,
            6 => Self::ByManager,
            _ => return None,
        })
    }
}

/// Where to look for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRange {
    /// From here.
    pub start: Oid,
    /// The start itself counts.
    pub include: bool,
    /// Up to here, without it; null: to the end.
    pub end: Oid,
}

/// What a packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A subagent begins.
    Open {
        /// Seconds that the master waits for an answer; 0: its default.
        timeout: u8,
        /// The subagent's name.
        id: Oid,
        /// The same in words.
        description: String,
    },
    /// The session ends.
    Close(CloseReason),
    /// The subagent answers for a subtree.
    Register {
        /// Seconds that the master waits for an answer; 0: the session's.
        timeout: u8,
        /// 127 by default, the least wins.
        priority: u8,
        /// The subtree.
        subtree: Oid,
        /// It is one row in full.
        is_instance: bool,
    },
    /// No longer.
    Unregister {
        /// That of the registration.
        priority: u8,
        /// The subtree.
        subtree: Oid,
    },
    /// The values of these.
    Get(Vec<SearchRange>),
    /// The values of what comes next.
    GetNext(Vec<SearchRange>),
    /// The values of much that comes next.
    GetBulk {
        /// How many of the ranges are as in GetNext.
        non_repeaters: u16,
        /// How often the others are gone on with.
        max_repetitions: u16,
        /// The ranges.
        ranges: Vec<SearchRange>,
    },
    /// Could these be set?
    TestSet(Vec<VarBind>),
    /// Set them.
    CommitSet,
    /// Set them back.
    UndoSet,
    /// The transaction is over. It has no answer.
    CleanupSet,
    /// A trap.
    Notify(Vec<VarBind>),
    /// Still there?
    Ping,
    /// A line of sysORTable.
    AddAgentCaps {
        /// What is supported.
        id: Oid,
        /// The same in words.
        description: String,
    },
    /// The answer to anything else.
    Response {
        /// sysUpTime of the master, in hundredths of a second; of no meaning from a subagent.
        uptime: u32,
        /// 0, or what is wrong.
        error: u16,
        /// With which of the variables, from 1.
        index: u16,
        /// Variables.
        var_binds: Vec<VarBind>,
    },
}

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// h.sessionID: the master gives it.
    pub session: u32,
    /// h.transactionID: the same for all packets of one SNMP request.
    pub transaction: u32,
    /// h.packetID: the answer has the same.
    pub packet: u32,
    /// A context other than the default one.
    pub context: Option<Vec<u8>>,
    /// The rest.
    pub body: Body,
}

/// What is at the beginning of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Not all of a packet yet.
    Incomplete,
    /// No packet: the stream is of no use any more.
    Broken,
    /// A request that is not understood, of this many bytes. It may be answered with this header.
    Unknown(usize, Pdu),
    /// A packet of this many bytes.
    Whole(usize, Pdu),
}

impl Pdu {
    /// Its bytes, in network byte order.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(128));
        let instance = matches!(self.body, Body::Register { is_instance: true, .. });
        let flags = NETWORK_BYTE_ORDER
            | if instance { INSTANCE_REGISTRATION } else { 0 }
            | if self.context.is_some() { NON_DEFAULT_CONTEXT } else { 0 };
        for byte in [VERSION, self.body.kind(), flags, 0] {
            out.u8(byte);
        }
        for number in [self.session, self.transaction, self.packet, 0] {
            out.u32(number);
        }
        if let Some(context) = &self.context {
            out.octets(context);
        }
        self.body.write(&mut out);
        let payload = u32::try_from(out.0.len() - HEADER_LEN).unwrap_or(u32::MAX);
        if let Some(length) = out.0.get_mut(HEADER_LEN - 4..HEADER_LEN) {
            length.copy_from_slice(&payload.to_be_bytes());
        }
        out.0
    }

    /// The packet that some bytes begin with.
    pub fn decode(bytes: &[u8]) -> Frame {
        let Some((header, rest)) = bytes.split_at_checked(HEADER_LEN) else {
            return if bytes.first().is_none_or(|version| *version == VERSION) {
                Frame::Incomplete
            } else {
                Frame::Broken
            };
        };
        let [VERSION, kind, flags, _, numbers @ ..] = header else { return Frame::Broken };
        let big_endian = flags & NETWORK_BYTE_ORDER != 0;
        let mut numbers = Reader { rest: numbers, big_endian };
        let (Some(session), Some(transaction), Some(packet), Some(length)) =
            (numbers.u32(), numbers.u32(), numbers.u32(), numbers.u32())
        else {
            return Frame::Broken;
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > PAYLOAD_MAX || length % 4 != 0 {
            return Frame::Broken;
        }
        let Some(payload) = rest.get(..length) else { return Frame::Incomplete };
        let mut reader = Reader { rest: payload, big_endian };
        let header = |context, body| Self { session, transaction, packet, context, body };
        let unknown = Frame::Unknown(HEADER_LEN + length, header(None, Body::Ping));
        let context = if flags & NON_DEFAULT_CONTEXT == 0 {
            None
        } else {
            match reader.octets() {
                Some(context) => Some(context.to_vec()),
                None => return unknown,
            }
        };
        match Body::read(*kind, flags & INSTANCE_REGISTRATION != 0, &mut reader) {
            Some(body) => Frame::Whole(HEADER_LEN + length, header(context, body)),
            None => unknown,
        }
    }
}

impl Body {
    fn kind(&self) -> u8 {
        match self {
            Self::Open { .. } => 1,
            Self::Close(_) => 2,
            Self::Register { .. } => 3,
            Self::Unregister { .. } => 4,
            Self::Get(_) => 5,
            Self::GetNext(_) => 6,
            Self::GetBulk { .. } => 7,
            Self::TestSet(_) => 8,
            Self::CommitSet => 9,
            Self::UndoSet => 10,
            Self::CleanupSet => 11,
            Self::Notify(_) => 12,
            Self::Ping => 13,
            Self::AddAgentCaps { .. } => 16,
            Self::Response { .. } => 18,
        }
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::Open { timeout, id, description } => {
                [*timeout, 0, 0, 0].into_iter().for_each(|byte| out.u8(byte));
                out.oid(id, false);
                out.octets(description.as_bytes());
            }
            Self::Close(reason) => [reason.number(), 0, 0, 0].into_iter().for_each(|byte| out.u8(byte)),
            Self::Register { timeout, priority, subtree, .. } => {
                [*timeout, *priority, 0, 0].into_iter().for_each(|byte| out.u8(byte));
                out.oid(subtree, false);
            }
            Self::Unregister { priority, subtree } => {
                [0, *priority, 0, 0].into_iter().for_each(|byte| out.u8(byte));
                out.oid(subtree, false);
            }
            Self::Get(ranges) | Self::GetNext(ranges) => write_ranges(out, ranges),
            Self::GetBulk { non_repeaters, max_repetitions, ranges } => {
                out.u16(*non_repeaters);
                out.u16(*max_repetitions);
                write_ranges(out, ranges);
            }
            Self::TestSet(var_binds) | Self::Notify(var_binds) => {
                var_binds.iter().for_each(|var_bind| out.var_bind(var_bind));
            }
            Self::CommitSet | Self::UndoSet | Self::CleanupSet | Self::Ping => {}
            Self::AddAgentCaps { id, description } => {
                out.oid(id, false);
                out.octets(description.as_bytes());
            }
            Self::Response { uptime, error, index, var_binds } => {
                out.u32(*uptime);
                out.u16(*error);
                out.u16(*index);
                var_binds.iter().for_each(|var_bind| out.var_bind(var_bind));
            }
        }
    }

    fn read(kind: u8, is_instance: bool, reader: &mut Reader<'_>) -> Option<Self> {
        let text = |reader: &mut Reader<'_>| String::from_utf8(reader.octets()?.to_vec()).ok();
        let body = match kind {
            1 => {
                let timeout = reader.u8()?;
                reader.bytes(3)?;
                Self::Open { timeout, id: reader.oid()?.0, description: text(reader)? }
            }
            2 => {
                let reason = CloseReason::of(reader.u8()?)?;
                reader.bytes(3)?;
                Self::Close(reason)
            }
            3 => {
                let (timeout, priority, range) = (reader.u8()?, reader.u8()?, reader.u8()?);
                reader.u8()?;
                // Ranges of subtrees are never ours.
                (range == 0).then_some(())?;
                Self::Register { timeout, priority, subtree: reader.oid()?.0, is_instance }
            }
            4 => {
                reader.u8()?;
                let (priority, range) = (reader.u8()?, reader.u8()?);
                reader.u8()?;
                (range == 0).then_some(())?;
                Self::Unregister { priority, subtree: reader.oid()?.0 }
            }
            5 => Self::Get(read_ranges(reader)?),
            6 => Self::GetNext(read_ranges(reader)?),
            7 => Self::GetBulk {
                non_repeaters: reader.u16()?,
                max_repetitions: reader.u16()?,
                ranges: read_ranges(reader)?,
            },
            8 => Self::TestSet(reader.var_binds()?),
            9 => Self::CommitSet,
            10 => Self::UndoSet,
            11 => Self::CleanupSet,
            12 => Self::Notify(reader.var_binds()?),
            13 => Self::Ping,
            16 => Self::AddAgentCaps { id: reader.oid()?.0, description: text(reader)? },
            18 => Self::Response {
                uptime: reader.u32()?,
                error: reader.u16()?,
                index: reader.u16()?,
                var_binds: reader.var_binds()?,
            },
            _ => return None,
        };
        reader.rest.is_empty().then_some(body)
    }
}

fn write_ranges(out: &mut Writer, ranges: &[SearchRange]) {
    for range in ranges {
        out.oid(&range.start, range.include);
        out.oid(&range.end, false);
    }
}

fn read_ranges(reader: &mut Reader<'_>) -> Option<Vec<SearchRange>> {
    let mut found = Vec::new();
    while !reader.rest.is_empty() {
        let (start, include) = reader.oid()?;
        found.push(SearchRange { start, include, end: reader.oid()?.0 });
    }
    Some(found)
}

#[cfg(test)]
mod tests;
