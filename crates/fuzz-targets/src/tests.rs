//! Each target on its seeds and on mutations of them: a short, repeatable stand-in for the fuzzer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{TARGETS, Target};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Mutated inputs a target.
const ROUNDS: u64 = 400;

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target.name)
}

/// The seeds, in the order of their names.
fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = folder(target);
    let mut found: Vec<(String, Vec<u8>)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{} is empty", folder.display());
    found
}

/// Runs one input; the failure shows the bytes, so that they can become a seed.
fn run(target: &Target, origin: &str, input: &[u8]) {
    if catch_unwind(|| (target.run)(input)).is_err() {
        panic!("{} fails on {origin}: b\"{}\"", target.name, input.escape_ascii());
    }
}

/// SplitMix64: enough randomness, the same on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Bytes that matter to one grammar or another.
const TELLING: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\0",
    b" ",
    b":",
    b";",
    b",",
    b"\"",
    b"'",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"%",
    b"$",
    b"#",
    b"!",
    b"~",
    b"@",
    b"-1",
    b"0",
    b"4294967296",
    b"18446744073709551616",
    b"\xff\xff\xff\xff",
    b"\x80",
    b"chunked",
    b"<<",
    b"0x",
];

fn mutated(seeds: &[(String, Vec<u8>)], longest: usize, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seeds[dice.below(seeds.len())].1.clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(8)).min(bytes.len());
        match dice.below(7) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.truncate(at),
            2 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            3 if at < bytes.len() => bytes[at] = dice.next() as u8,
            4 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let other = &seeds[dice.below(seeds.len())].1;
                let from = dice.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => drop(bytes.splice(at..at, TELLING[dice.below(TELLING.len())].iter().copied())),
        }
    }
    bytes.truncate(longest);
    bytes
}

fn smoke(names: &[&str]) {
    for target in TARGETS.iter().filter(|target| names.contains(&target.name)) {
        let seeds = seeds(target);
        for (name, input) in &seeds {
            run(target, &format!("the seed {name}"), input);
        }
        let mut dice = Dice(0);
        for round in 0..ROUNDS {
            run(target, &format!("round {round}"), &mutated(&seeds, target.longest, &mut dice));
        }
    }
}

#[test]
fn http_survives() {
    smoke(&["request_head", "response_head", "chunked_body", "proxy_header"]);
}

#[test]
fn configurations_survive() {
    smoke(&["haproxy_cfg", "keepalived_conf"]);
}

#[test]
fn texts_survive() {
    smoke(&["cli_dialogue", "log_format", "sample_expression"]);
}

#[test]
fn packets_survive() {
    smoke(&["vrrp_packet", "bfd_packet", "agentx_pdu", "netlink_message"]);
}

/// Every target has its binary for libFuzzer and its seeds, and is smoked above.
#[test]
fn no_target_is_forgotten() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let own = include_str!("tests.rs");
    for target in TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{}\"", target.name)),
            "fuzz/Cargo.toml lacks {}",
            target.name
        );
        assert!(
            root.join(format!("fuzz_targets/{}.rs", target.name)).exists(),
            "no binary for {}",
            target.name
        );
        assert!(folder(target).is_dir(), "no seeds for {}", target.name);
        assert!(own.contains(&format!("\"{}\"", target.name)), "{} is not smoked", target.name);
    }
}
