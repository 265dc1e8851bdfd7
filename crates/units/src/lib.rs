//! Delays, sizes, weights and addresses as the manuals write them: parse and `Display`.
//!
//! Knows no keyword and resolves no host name.

mod address;

pub use address::Address;
