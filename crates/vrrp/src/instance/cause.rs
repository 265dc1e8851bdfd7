//! Why a transition happened, in words: what the status socket says.

use super::Cause;

impl Cause {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start of the daemon",
            Self::MasterDown => "no advert for the master down time",
            Self::HigherAdvert => "an advert that outranks ours",
            Self::AddressLost => "one of our addresses, routes or rules was removed by somebody else",
            Self::Fault => "a fault of our own",
            Self::Recovered => "the last fault disappeared",
            Self::Group => "the sync group",
            Self::Paused => "our adverts were late by more than the others wait",
        }
    }
}
