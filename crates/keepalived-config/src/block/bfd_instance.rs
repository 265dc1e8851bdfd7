//! `bfd_instance` and `track_bfd`. keepalived.conf(5), "BFD CONFIGURATION".

use std::net::IpAddr;
use std::time::Duration;

use config_text::Severity;

use crate::declared::Declared;
use crate::message::Scope;
use crate::registry::{Cx, Keyword, Named, Set, apply, list_of};
use crate::tree::{Block, Statement};

use super::track;

/// The longest name and its terminator fit the records that the processes exchange.
const NAME_MAX: usize = 31;
/// Milliseconds, as the words about ranges have them.
const INTERVAL_MAX: u64 = 4_294_967;
const IDLE_MIN: u64 = 1000;

/// A block that is being read, and one that is kept.
#[derive(Clone, Debug)]
pub(crate) struct BfdDecl {
    pub(crate) name: String,
    pub(crate) neighbor: Option<IpAddr>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) min_rx: Duration,
    pub(crate) min_tx: Duration,
    pub(crate) idle_tx: Duration,
    pub(crate) multiplier: u8,
    pub(crate) passive: bool,
    pub(crate) multihop: Option<bool>,
    pub(crate) ttl: Option<u8>,
    pub(crate) max_hops: u8,
    pub(crate) weight: i32,
    pub(crate) reverse: bool,
    /// `vrrp` and `checker`: only those processes are told.
    pub(crate) only_vrrp: bool,
    pub(crate) only_checker: bool,
    /// Something is wrong with it: it is not kept.
    pub(crate) unusable: bool,
}

impl BfdDecl {
    fn new(name: String) -> Self {
        Self {
            name,
            neighbor: None,
            source: None,
            min_rx: Duration::from_millis(10),
            min_tx: Duration::from_millis(10),
            idle_tx: Duration::from_secs(1),
            multiplier: 5,
            passive: false,
            multihop: None,
            ttl: None,
            max_hops: 0,
            weight: 0,
            reverse: false,
            only_vrrp: false,
            only_checker: false,
            unusable: false,
        }
    }

    /// Whether the VRRP process may track it.
    pub(crate) fn is_for_vrrp(&self) -> bool {
        self.only_vrrp || !self.only_checker
    }
}

impl Named for BfdDecl {
    fn name(&self) -> &str {
        &self.name
    }
}

/// A line of `track_bfd`, already looked up.
#[derive(Clone, Debug)]
pub(crate) struct TrackedBfdDecl {
    pub(crate) name: String,
    pub(crate) weight: i32,
    pub(crate) reverse: bool,
}

/// The block at top level.
pub(crate) fn instance(declared: &mut Declared, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    let Some(name) = line.text(1) else {
        // The reference crashes.
        cx.warn(line.span, "name", "bfd_instance must have a name - ignoring");
        return;
    };
    if name.len() > NAME_MAX {
        let text = format!("BFD name {name} too long");
        cx.messages.push(Scope::Vrrp, Severity::Warning, "name", Some(line.span), text);
        let text = format!(
            "Configuration error: BFD instance {name} name too long (maximum length is {NAME_MAX} characters) - ignoring"
        );
        cx.warn(line.span, "name", text);
        return;
    }
    if declared.bfds.iter().any(|b| b.name == name) {
        // The processes that track it say so, too.
        let text = format!("BFD {name} already specified");
        cx.messages.push(Scope::Tracking, Severity::Warning, "duplicate", Some(line.span), text);
        let text = format!("Configuration error: BFD instance {name} already configured - ignoring");
        cx.warn(line.span, "duplicate", text);
        return;
    }
    let mut bfd = BfdDecl::new(name);
    apply(&TABLES, &block.nodes, &mut bfd, cx);
    if cx.stopped || bfd.unusable {
        return;
    }
    let end = block.close.unwrap_or(line.span);
    let Some(neighbor) = bfd.neighbor else {
        return bad(cx, end, &bfd, "has no neighbor address set, disabling instance");
    };
    if declared.bfds.iter().any(|b| b.neighbor == bfd.neighbor) {
        return bad(cx, end, &bfd, &format!("has duplicate neighbor address {neighbor}, ignoring instance"));
    }
    if let Some(source) = bfd.source
        && source.is_ipv4() != neighbor.is_ipv4()
    {
        let text = format!(
            "source address {source} and neighbor address {neighbor} are not of the same family, disabling instance"
        );
        return bad(cx, end, &bfd, &text);
    }
    let ttl = bfd.ttl.unwrap_or(if neighbor.is_ipv4() { 255 } else { 64 });
    bfd.ttl = Some(ttl);
    if bfd.max_hops > ttl {
        let text =
            format!("BFD instance {}: max_hops exceeds ttl/hoplimit - setting to ttl/hoplimit", bfd.name);
        cx.warn(end, "max-hops", text);
        bfd.max_hops = ttl;
    }
    if bfd.is_for_vrrp() {
        cx.bfds.push(TrackedBfdDecl { name: bfd.name.clone(), weight: bfd.weight, reverse: bfd.reverse });
    }
    declared.bfds.push(bfd);
}

fn bad(cx: &mut Cx<'_>, span: config_text::Span, bfd: &BfdDecl, what: &str) {
    cx.warn(span, "bfd-instance", format!("Configuration error: BFD instance {} {what}", bfd.name));
}

fn neighbor_ip(bfd: &mut BfdDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match text.parse() {
        Ok(address) => bfd.neighbor = Some(address),
        Err(_) => {
            bad(cx, line.span, bfd, &format!("has malformed neighbor address {text}, ignoring instance"));
            bfd.unusable = true;
        }
    }
}

fn source_ip(bfd: &mut BfdDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match text.parse() {
        Ok(address) => bfd.source = Some(address),
        Err(_) => bad(cx, line.span, bfd, &format!("has malformed source address {text}, ignoring")),
    }
}

/// Milliseconds, with up to three decimals.
fn interval(bfd: &BfdDecl, line: &Statement, min: u64, cx: &mut Cx<'_>) -> Option<Duration> {
    let text = line.text(1).unwrap_or_default();
    // Milliseconds with three places are microseconds.
    match cx.strict_thousandths(line.span, &text, min * 1000, INTERVAL_MAX * 1000) {
        Some(value) => Some(value / 1000),
        None => {
            let what = format!(
                "{} value {text} is not valid (must be in range [{min}-{INTERVAL_MAX}]), ignoring",
                line.keyword()
            );
            bad(cx, line.span, bfd, &what);
            None
        }
    }
}

fn min_rx(bfd: &mut BfdDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd.min_rx = interval(bfd, line, 1, cx).unwrap_or(bfd.min_rx);
}

fn min_tx(bfd: &mut BfdDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd.min_tx = interval(bfd, line, 1, cx).unwrap_or(bfd.min_tx);
}

fn idle_tx(bfd: &mut BfdDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd.idle_tx = interval(bfd, line, IDLE_MIN, cx).unwrap_or(bfd.idle_tx);
}

fn number(bfd: &BfdDecl, line: &Statement, what: &str, min: i32, max: i32, cx: &mut Cx<'_>) -> Option<i32> {
    let text = line.text(1).unwrap_or_default();
    let value = match what {
        "weight" => cx.signed(line.span, &text, min, max),
        "max_hops" => cx.strict_signed(line.span, &text, min, max),
        _ => {
            let [least, most] = [min, max].map(i32::unsigned_abs);
            cx.strict_unsigned(line.span, &text, least, most).and_then(|value| i32::try_from(value).ok())
        }
    };
    if value.is_none() {
        let text = format!("{what} value {text} not valid (must be in range [{min}-{max}]), ignoring");
        bad(cx, line.span, bfd, &text);
    }
    value
}

fn byte(bfd: &BfdDecl, line: &Statement, what: &str, cx: &mut Cx<'_>) -> Option<u8> {
    let text = line.text(1).unwrap_or_default();
    let value = cx.strict_unsigned(line.span, &text, 1, 255).and_then(|value| u8::try_from(value).ok());
    if value.is_none() {
        let text = format!("{what} value {text} not valid (must be in range [1-255]), ignoring");
        bad(cx, line.span, bfd, &text);
    }
    value
}

fn multiplier(bfd: &mut BfdDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd.multiplier = byte(bfd, line, "multiplier", cx).unwrap_or(bfd.multiplier);
}

fn ttl(bfd: &mut BfdDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd.ttl = byte(bfd, line, "ttl/hoplimit", cx).or(bfd.ttl);
}

fn max_hops(bfd: &mut BfdDecl, line: &Statement, cx: &mut Cx<'_>) {
    if let Some(hops) = number(bfd, line, "max_hops", -1, 255, cx) {
        // -1: any number of routers.
        bfd.max_hops = u8::try_from(hops).unwrap_or(u8::MAX);
    }
}

fn weight(bfd: &mut BfdDecl, line: &Statement, cx: &mut Cx<'_>) {
    // It is the VRRP process that has a use for it.
    let around = std::mem::replace(&mut cx.scope, Scope::Vrrp);
    weight_of(bfd, line, cx);
    cx.scope = around;
}

fn weight_of(bfd: &mut BfdDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd.weight = number(bfd, line, "weight", -253, 253, cx).unwrap_or(bfd.weight);
    match line.text(2) {
        None => {}
        Some(word) if word == "reverse" => bfd.reverse = true,
        Some(word) => bad(cx, line.span, bfd, &format!("unknown weight option {word}")),
    }
}

const TRACKED: track::Kind = track::Kind {
    unknown: "({g}) unknown track bfd {n} option {v} - ignoring",
    missing: "({g}) weight without value specified for track bfd {n} - ignoring",
    range: "({g}) weight for track bfd {n} must be in [-253..253] inclusive. Ignoring...",
    option: "({g}) unknown track bfd {n} weight option {v} - ignoring",
    most: 253,
    clamps: false,
    noreverse: true,
    forgives: false,
};

/// Lines of `track_bfd`. The session must be defined above.
pub(crate) fn tracked(name: &str, list: &mut Vec<TrackedBfdDecl>, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        let bfd = line.keyword();
        let span = line.span;
        let Some(known) = cx.bfds.iter().find(|b| b.name == bfd).cloned() else {
            cx.warn(span, "track-bfd", format!("({name}) track bfd {bfd} not found, ignoring..."));
            continue;
        };
        if track::is_duplicate(name, "track_bfd", &bfd, list.iter().any(|t| t.name == bfd), span, cx) {
            continue;
        }
        let Some(options) = track::options(name, &TRACKED, line, cx) else { continue };
        list.push(TrackedBfdDecl {
            weight: options.weight.unwrap_or(known.weight),
            reverse: options.reverse.unwrap_or(known.reverse),
            ..known
        });
    }
}

const fn row(
    name: &'static str,
    set: fn(&mut BfdDecl, &Statement, &mut Cx<'_>),
    doc: &'static str,
) -> Keyword<BfdDecl> {
    Keyword { name, parameters: 1, set: Set::Custom(set), doc }
}

const fn flag(
    name: &'static str,
    field: fn(&mut BfdDecl) -> &mut bool,
    doc: &'static str,
) -> Keyword<BfdDecl> {
    Keyword { name, parameters: 0, set: Set::Flag(field), doc }
}

const OBEYED: [Keyword<BfdDecl>; 15] = [
    row("neighbor_ip", neighbor_ip, "The neighbor's address."),
    row("source_ip", source_ip, "The address to send from."),
    row("min_rx", min_rx, "Milliseconds between two packets that can be received; 10."),
    row("min_tx", min_tx, "Milliseconds between two packets that are sent while Up; 10."),
    row("idle_tx", idle_tx, "Milliseconds between two packets while not Up; 1000."),
    row("multiplier", multiplier, "How many packets may be missed; 5."),
    flag("passive", |b| &mut b.passive, "Say nothing before the neighbor has."),
    Keyword {
        name: "multihop",
        parameters: 0,
        set: Set::Bool {
            field: |b| &mut b.multihop,
            bad: "Configuration error: BFD instance {n} multihop setting not valid - {v}",
        },
        doc: "RFC 5883: by port 4784.",
    },
    row("ttl", ttl, "TTL of what is sent; 255."),
    row("hoplimit", ttl, "Hop limit of what is sent; 64."),
    row("max_hops", max_hops, "How many routers may be in between; 0. -1: any number."),
    row("weight", weight, "Weight of the session where it is tracked; 0: not being Up is a fault."),
    flag("vrrp", |b| &mut b.only_vrrp, "Only the VRRP process is told."),
    flag("checker", |b| &mut b.only_checker, "Only the healthcheckers are told."),
    row("neighbour_ip", neighbor_ip, "The same as neighbor_ip."),
];

pub(crate) const TABLES: [&[Keyword<BfdDecl>]; 1] = [&OBEYED];
