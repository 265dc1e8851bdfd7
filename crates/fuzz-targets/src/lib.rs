//! The bodies of the fuzz targets: one function a parser of foreign bytes, with the laws it must keep.
//!
//! A target panics when a law is broken: a different answer for a different split of the same bytes, a head that reads back
//! otherwise than it was written, a parser that panics or does not end. Two drivers call them: libFuzzer in `fuzz/` (`make fuzz`,
//! nightly), and this crate's own test, which runs every seed and some thousands of mutated ones on each `cargo test`, so that the
//! targets cannot rot. Seeds, past findings among them, are the files of `fuzz/seeds/NAME/`.

pub mod agentx_pdu;
pub mod bfd_packet;
pub mod command_line;
pub mod configuration;
pub mod expression;
pub mod http;
pub mod machine;
pub mod netlink_message;
pub mod proxy_header;
pub mod vrrp_packet;

/// One fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: the binary in `fuzz/`, the folder in `fuzz/seeds/`.
    pub name: &'static str,
    /// What is called with the bytes.
    pub run: fn(&[u8]),
    /// The longest input that tells something new, bytes.
    pub longest: usize,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "request_head", run: http::request_head, longest: 2048 },
    Target { name: "response_head", run: http::response_head, longest: 2048 },
    Target { name: "chunked_body", run: http::chunked_body, longest: 2048 },
    Target { name: "proxy_header", run: proxy_header::accepted, longest: 1024 },
    Target { name: "haproxy_cfg", run: configuration::haproxy_cfg, longest: 4096 },
    Target { name: "keepalived_conf", run: configuration::keepalived_conf, longest: 4096 },
    Target { name: "cli_dialogue", run: command_line::dialogue, longest: 2048 },
    Target { name: "log_format", run: expression::log_format, longest: 512 },
    Target { name: "sample_expression", run: expression::sample_expression, longest: 512 },
    Target { name: "vrrp_packet", run: vrrp_packet::received, longest: 512 },
    Target { name: "bfd_packet", run: bfd_packet::received, longest: 512 },
    Target { name: "agentx_pdu", run: agentx_pdu::received, longest: 1024 },
    Target { name: "netlink_message", run: netlink_message::received, longest: 1024 },
];

/// The bytes in two parts: a target that needs a number beside its input takes it from the first byte.
#[must_use]
pub fn first_byte(data: &[u8]) -> (usize, &[u8]) {
    match data.split_first() {
        Some((&first, rest)) => (usize::from(first), rest),
        None => (0, data),
    }
}

#[cfg(test)]
mod tests;
