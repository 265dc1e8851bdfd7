//! Delays, sizes, weights and addresses as the manuals write them: parse and `Display`.
//!
//! Knows no keyword and resolves no host name.

mod address;
mod delay;
mod endpoint;
mod size;

pub use address::Address;
pub use delay::{Delay, DelayError, Unit, parse_delay};
pub use endpoint::{Allowed, Endpoint, EndpointError, Family, HostPart, Ports, parse_endpoint};
pub use size::{SizeError, lenient_int, parse_size};
