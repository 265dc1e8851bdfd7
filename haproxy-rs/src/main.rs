//! The `haproxy` binary.
fn main() {}
