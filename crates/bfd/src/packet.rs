//! The BFD control packet. RFC 5880, section 4.1.

use std::fmt;
use std::time::Duration;

/// Length of a packet without authentication, which keepalived has none of.
pub const LEN: usize = 24;

const VERSION: u8 = 1;
const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const CONTROL_PLANE_INDEPENDENT: u8 = 0x08;
const AUTHENTICATION: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;

/// A session's state (`Sta`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Held down by its administrator.
    AdminDown,
    /// The neighbor has not been heard.
    Down,
    /// The neighbor has been heard and does not know it yet.
    Init,
    /// Both have heard each other.
    Up,
}

impl State {
    fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::AdminDown,
            1 => Self::Down,
            2 => Self::Init,
            _ => Self::Up,
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::AdminDown => 0,
            Self::Down => 1,
            Self::Init => 2,
            Self::Up => 3,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AdminDown => "AdminDown",
            Self::Down => "Down",
            Self::Init => "Init",
            Self::Up => "Up",
        })
    }
}

/// Why a session left Up (`Diag`). Numbers above 8 are reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Diagnostic(pub u8);

impl Diagnostic {
    /// Nothing to tell.
    pub const NONE: Self = Self(0);
    /// The detection time passed without a packet.
    pub const EXPIRED: Self = Self(1);
    /// The neighbor says that it is down.
    pub const NEIGHBOR_DOWN: Self = Self(3);
    /// The greatest number that RFC 5880 gives a meaning.
    const LAST: u8 = 8;
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "No Diagnostic",
            1 => "Control Detection Time Expired",
            2 => "Echo Function Failed",
            3 => "Neighbor Signaled Session Down",
            4 => "Forwarding Plane Reset",
            5 => "Path Down",
            6 => "Concatenated Path Down",
            7 => "Administratively Down",
            8 => "Reverse Concatenated Path Down",
            _ => "Unknown",
        })
    }
}

/// A control packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The sender's state.
    pub state: State,
    /// Why it left Up the last time.
    pub diagnostic: Diagnostic,
    /// It asks for an answer at once.
    pub poll: bool,
    /// It is that answer.
    pub is_final: bool,
    /// BFD of the sender goes on when its control plane does not.
    pub control_plane_independent: bool,
    /// The sender wants no periodic packets while the session is Up.
    pub demand: bool,
    /// How many of its packets may be lost; not 0.
    pub multiplier: u8,
    /// The sender's discriminator; not 0.
    pub my_discriminator: u32,
    /// The receiver's, as far as the sender knows it; else 0.
    pub your_discriminator: u32,
    /// It would send so often.
    pub min_tx: Duration,
    /// It can receive so often. Zero: it wants no periodic packets.
    pub min_rx: Duration,
    /// It can receive echo packets so often. Zero: none.
    pub min_echo_rx: Duration,
}

/// What is wrong with a packet. RFC 5880, section 6.8.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// Shorter than a packet.
    TooShort,
    /// Another version than 1.
    Version,
    /// A length field that is too small or larger than what came.
    Length,
    /// A detection multiplier of 0.
    Multiplier,
    /// The multipoint bit.
    Multipoint,
    /// `my discriminator` is 0.
    MyDiscriminator,
    /// `your discriminator` is 0 in Init or Up.
    YourDiscriminator,
    /// Poll and Final at once.
    PollAndFinal,
    /// A reserved diagnostic.
    Diagnostic,
    /// The authentication bit: no session here has authentication.
    Authentication,
}

impl Packet {
    /// Reads a UDP payload.
    ///
    /// # Errors
    /// The first rule of RFC 5880, 6.8.6 that it breaks.
    pub fn parse(payload: &[u8]) -> Result<Self, Reject> {
        let Some(head) = payload.first_chunk::<LEN>() else { return Err(Reject::TooShort) };
        let [first, second, multiplier, length, rest @ ..] = *head;
        let word = |at: usize| {
            rest.get(at * 4..at * 4 + 4)
                .and_then(|bytes| bytes.first_chunk::<4>())
                .map_or(0, |b| u32::from_be_bytes(*b))
        };
        let micros = |at: usize| Duration::from_micros(u64::from(word(at)));
        let packet = Self {
            state: State::from_bits(second >> 6),
            diagnostic: Diagnostic(first & 0x1f),
            poll: second & POLL != 0,
            is_final: second & FINAL != 0,
            control_plane_independent: second & CONTROL_PLANE_INDEPENDENT != 0,
            demand: second & DEMAND != 0,
            multiplier,
            my_discriminator: word(0),
            your_discriminator: word(1),
            min_tx: micros(2),
            min_rx: micros(3),
            min_echo_rx: micros(4),
        };
        if first >> 5 != VERSION {
            return Err(Reject::Version);
        }
        if usize::from(length) < LEN || usize::from(length) > payload.len() {
            return Err(Reject::Length);
        }
        if multiplier == 0 {
            return Err(Reject::Multiplier);
        }
        if second & MULTIPOINT != 0 {
            return Err(Reject::Multipoint);
        }
        if packet.my_discriminator == 0 {
            return Err(Reject::MyDiscriminator);
        }
        if packet.your_discriminator == 0 && matches!(packet.state, State::Init | State::Up) {
            return Err(Reject::YourDiscriminator);
        }
        if packet.poll && packet.is_final {
            return Err(Reject::PollAndFinal);
        }
        if packet.diagnostic.0 > Diagnostic::LAST {
            return Err(Reject::Diagnostic);
        }
        if second & AUTHENTICATION != 0 {
            return Err(Reject::Authentication);
        }
        Ok(packet)
    }

    /// The UDP payload.
    pub fn emit(&self) -> [u8; LEN] {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let mut bytes = [0; LEN];
        let words = [
            u32::from_be_bytes([
                VERSION << 5 | (self.diagnostic.0 & 0x1f),
                self.state.bits() << 6
                    | flag(self.poll, POLL)
                    | flag(self.is_final, FINAL)
                    | flag(self.control_plane_independent, CONTROL_PLANE_INDEPENDENT)
                    | flag(self.demand, DEMAND),
                self.multiplier,
                LEN as u8,
            ]),
            self.my_discriminator,
            self.your_discriminator,
            micros(self.min_tx),
            micros(self.min_rx),
            micros(self.min_echo_rx),
        ];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use proptest::prelude::*;

    /// What keepalived 2.3.3 sends when its session is Up and it polls: min_tx 60, min_rx 50, multiplier 3.
    const UP_POLL: [u8; LEN] = [
        0x20, // version 1, no diagnostic
        0xe0, // Up, Poll
        3,    // multiplier
        24,   // length
        0x61, 0x70, 0xa6, 0x9d, // my discriminator
        0x05, 0x4d, 0xac, 0xc4, // your discriminator
        0x00, 0x00, 0xea, 0x60, // desired min tx 60000 us
        0x00, 0x00, 0xc3, 0x50, // required min rx 50000 us
        0x00, 0x00, 0x00, 0x00, // no echo
    ];

    fn up_poll() -> Packet {
        Packet {
            state: State::Up,
            diagnostic: Diagnostic::NONE,
            poll: true,
            is_final: false,
            control_plane_independent: false,
            demand: false,
            multiplier: 3,
            my_discriminator: 0x6170_a69d,
            your_discriminator: 0x054d_acc4,
            min_tx: Duration::from_millis(60),
            min_rx: Duration::from_millis(50),
            min_echo_rx: Duration::ZERO,
        }
    }

    #[test]
    fn a_captured_packet_both_ways() {
        assert_eq!(Packet::parse(&UP_POLL), Ok(up_poll()));
        assert_eq!(up_poll().emit(), UP_POLL);
    }

    #[test]
    fn every_rule_of_section_6_8_6() {
        let cases: [(usize, u8, Reject); 11] = [
            (0, 0x00, Reject::Version),
            (0, 0x40, Reject::Version),
            (3, 23, Reject::Length),
            (3, 25, Reject::Length),
            (2, 0, Reject::Multiplier),
            (1, 0xe1, Reject::Multipoint),
            (1, 0xf0, Reject::PollAndFinal),
            (0, 0x29, Reject::Diagnostic),
            (0, 0x3f, Reject::Diagnostic),
            (1, 0xe4, Reject::Authentication),
            (1, 0xe5, Reject::Multipoint),
        ];
        for (at, value, reject) in cases {
            let mut bytes = UP_POLL;
            bytes[at] = value;
            assert_eq!(Packet::parse(&bytes), Err(reject), "byte {at} = {value:#x}");
        }
        let mut bytes = UP_POLL;
        bytes[4..8].fill(0);
        assert_eq!(Packet::parse(&bytes), Err(Reject::MyDiscriminator));
        let mut bytes = UP_POLL;
        bytes[8..12].fill(0);
        assert_eq!(Packet::parse(&bytes), Err(Reject::YourDiscriminator));
        bytes[1] = 0x40; // Down
        assert!(Packet::parse(&bytes).is_ok());
        for length in 0..LEN {
            assert_eq!(Packet::parse(&UP_POLL[..length]), Err(Reject::TooShort));
        }
        let mut longer = UP_POLL.to_vec();
        longer.push(0);
        assert!(Packet::parse(&longer).is_ok(), "what follows is not ours");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert_eq!(Packet::parse(&packet.emit()), Ok(packet));
            }
        }

        #[test]
        fn what_is_sent_is_what_is_read(mut bytes in any::<[u8; LEN]>()) {
            bytes[0] = 0x20 | (bytes[0] % 9);
            bytes[1] &= 0xda; // neither Final, nor authentication, nor multipoint
            bytes[2] |= 1;
            bytes[3] = LEN as u8;
            bytes[7] |= 1;
            bytes[11] |= 1;
            let packet = Packet::parse(&bytes).unwrap();
            prop_assert_eq!(packet.emit(), bytes);
        }
    }
}
