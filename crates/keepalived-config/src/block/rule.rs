//! Rule lines: `virtual_rules` and `static_rules`. keepalived.conf(5), "Static rules", which has the words of ip-rule(8).

use std::net::IpAddr;

use config_text::Span;

use crate::registry::Cx;
use crate::resolved::{RuleAction, VirtualRule};
use crate::tree::Statement;

use super::iproute::{Names, unsigned};
use super::route::{PROTOCOL, Place, Words, target};

/// What there may be one of.
const ONE_ACTION: &str = "table/nop/goto/blackhole/prohibit/unreachable";
/// The same for other words than `table`.
const OR_L3MDEV: &str = "table/nop/goto/blackhole/prohibit/unreachable/l3mdev";
/// Types of routes that no rule has.
const OTHER_KINDS: [&str; 8] =
    ["unicast", "local", "broadcast", "anycast", "multicast", "throw", "nat", "xresolve"];

/// Parses one line. `None`: the line is dropped, with a message.
pub(crate) fn parse(statement: &Statement, place: Place, cx: &mut Cx<'_>) -> Option<VirtualRule> {
    let span = statement.span;
    let mut words = Words::new(statement);
    let mut line = Line::default();
    while let Some(word) = words.next() {
        line.word(&word, place, &mut words, cx)?;
    }
    line.judge(span, cx)
}

#[derive(Default)]
struct Line {
    action: Option<RuleAction>,
    ipv6: Option<bool>,
    invert: bool,
    source: Option<(IpAddr, u8)>,
    destination: Option<(IpAddr, u8)>,
    tos: u8,
    input: Option<String>,
    output: Option<String>,
    priority: Option<u32>,
    mark: Option<(u32, Option<u32>)>,
    realms: Option<u32>,
    table: Option<u32>,
    target: Option<u32>,
    suppress_prefix: Option<u32>,
    suppress_group: Option<u32>,
    tunnel: Option<u64>,
    users: Option<(u32, u32)>,
    l3mdev: bool,
    protocol: Option<u8>,
    ip_protocol: Option<u8>,
    source_ports: Option<(u16, u16)>,
    destination_ports: Option<(u16, u16)>,
    no_track: bool,
    track_group: Option<String>,
    /// It is dropped in the end.
    unusable: bool,
}

impl Line {
    fn word(&mut self, word: &str, place: Place, words: &mut Words<'_>, cx: &mut Cx<'_>) -> Option<()> {
        let span = words.span();
        match word {
            "not" => self.invert = true,
            "inet" => self.ipv6 = Some(false),
            "inet6" => self.ipv6 = Some(true),
            "no_track" => self.no_track = true,
            "l3mdev" => {
                if self.action.is_some() {
                    return says("Cannot specify l3mdev with other action", span, cx);
                }
                (self.action, self.l3mdev) = (Some(RuleAction::Table), true);
            }
            "nop" => self.acts(RuleAction::Nop, OR_L3MDEV, span, cx)?,
            "type" => {
                let kind = words.value(cx)?;
                self.kind(&kind, span, cx)?;
            }
            kind if self.is_kind(kind) => self.kind(kind, span, cx)?,
            "track_group" if place == Place::Static => {
                let group = words.value(cx)?;
                self.track_group = cx.track_group(span, group);
            }
            "from"
            | "to"
            | "iif"
            | "dev"
            | "oif"
            | "tos"
            | "dsfield"
            | "priority"
            | "order"
            | "preference"
            | "fwmark"
            | "realms"
            | "table"
            | "lookup"
            | "goto"
            | "suppress_prefixlength"
            | "sup_pl"
            | "suppress_ifgroup"
            | "sup_group"
            | "tunnel-id"
            | "uidrange"
            | "protocol"
            | "ipproto"
            | "sport"
            | "dport" => {
                let value = words.value(cx)?;
                self.value(word, &value, span, cx)?;
            }
            other => {
                cx.warn(span, "rule", format!("Unknown rule option {other}"));
                return None;
            }
        }
        Some(())
    }

    /// A second action is refused in these words.
    fn acts(&mut self, action: RuleAction, words: &str, span: Span, cx: &mut Cx<'_>) -> Option<()> {
        if self.action.is_some() {
            cx.warn(span, "rule", format!("Cannot specify more than one of {words} for rule"));
            return None;
        }
        self.action = Some(action);
        Some(())
    }

    /// Whether a word is a type of route, which some rules are.
    fn is_kind(&self, word: &str) -> bool {
        drop_action(word).is_some() || OTHER_KINDS.contains(&word)
    }

    fn kind(&mut self, word: &str, span: Span, cx: &mut Cx<'_>) -> Option<()> {
        if word == "nop" {
            return self.acts(RuleAction::Nop, OR_L3MDEV, span, cx);
        }
        match drop_action(word) {
            Some(action) => self.acts(action, OR_L3MDEV, span, cx),
            None if OTHER_KINDS.contains(&word) => {
                cx.warn(span, "rule", format!("Invalid rule action {word}"));
                None
            }
            None => {
                cx.warn(span, "rule", format!("Unknown rule option {word}"));
                None
            }
        }
    }

    fn value(&mut self, word: &str, value: &str, span: Span, cx: &mut Cx<'_>) -> Option<()> {
        match word {
            "from" | "to" => {
                let Some(address) = target(value, span, cx) else {
                    cx.warn(span, "rule", format!("Invalid rule {word} address {value}"));
                    return None;
                };
                *if word == "from" { &mut self.source } else { &mut self.destination } = address;
                let families = [self.source, self.destination].map(|part| part.map(|(ip, _)| ip.is_ipv6()));
                if let [Some(source), Some(destination)] = families
                    && source != destination
                {
                    cx.warn(span, "rule", "rule specification has mixed IPv4 and IPv6");
                    return None;
                }
            }
            "iif" | "dev" | "oif" => {
                if !cx.interface_exists(value) {
                    let text = format!("WARNING - interface {value} for rule doesn't exist");
                    cx.warn(span, "missing-interface", text);
                    return None;
                }
                *if word == "oif" { &mut self.output } else { &mut self.input } = Some(value.to_owned());
            }
            "table" | "lookup" => match Names::Tables.number(value, u32::MAX, cx) {
                Some(0) => {
                    cx.warn(span, "rule", "Table 0 is not valid");
                    return None;
                }
                Some(table) => {
                    self.acts(RuleAction::Table, ONE_ACTION, span, cx)?;
                    self.table = Some(table);
                }
                None => {
                    cx.warn(span, "rule", format!("Routing table {value} not found for rule"));
                    return None;
                }
            },
            "tos" | "dsfield" => {
                match Names::Services.number(value, 255, cx).and_then(|n| u8::try_from(n).ok()) {
                    Some(tos) => self.tos = tos,
                    None => return says(&format!("TOS value {value} is invalid"), span, cx),
                }
            }
            // Unlike a route's it has no names.
            "protocol" => match cx.unsigned(span, value, 0, 255).and_then(|n| u8::try_from(n).ok()) {
                Some(protocol) => self.protocol = Some(protocol),
                None => cx.warn(span, "rule", format!("Invalid protocol {value}")),
            },
            "realms" if [self.source, self.destination].iter().flatten().any(|(ip, _)| ip.is_ipv6()) => {
                return says("realms is only valid for IPv4", span, cx);
            }
            "realms" => match realms(value, cx) {
                Some(realms) => self.realms = Some(realms),
                None => return says(&format!("invalid realms {value} for rule"), span, cx),
            },
            "fwmark" => match mark(value) {
                Some(mark) => self.mark = Some(mark),
                None => {
                    cx.warn(span, "rule", format!("Invalid rule fwmark {value} specified"));
                    return None;
                }
            },
            "tunnel-id" => match cx.unsigned_long(span, value) {
                Some(tunnel) => self.tunnel = Some(tunnel),
                None => return says(&format!("Invalid tunnel-id {word} specified"), span, cx),
            },
            "uidrange" => match value.split_once('-').and_then(|(a, b)| Some((unsigned(a)?, unsigned(b)?))) {
                Some((first, last)) if first <= last => self.users = Some((first, last)),
                Some(_) | None => return says(&format!("Invalid uidrange {word} specified"), span, cx),
            },
            "suppress_ifgroup" | "sup_group" => match Names::Groups.number(value, u32::MAX, cx) {
                Some(group) => self.suppress_group = Some(group),
                None => return says(&format!("suppress_group {value} is invalid"), span, cx),
            },
            "ipproto" => match ip_protocol(value) {
                Some(protocol) => self.ip_protocol = Some(protocol),
                None => {
                    cx.warn(span, "rule", format!("Invalid ipproto {value}"));
                    self.unusable = true;
                }
            },
            "sport" | "dport" => match ports(value) {
                Some(ports) => {
                    *if word == "sport" { &mut self.source_ports } else { &mut self.destination_ports } =
                        Some(ports);
                }
                None => {
                    cx.warn(span, "rule", format!("invalid {word} range {value}"));
                    self.unusable = true;
                }
            },
            _ => {
                let number = cx.unsigned(span, value, 0, u32::MAX);
                match (word, number) {
                    ("goto", Some(number)) => {
                        self.acts(RuleAction::Goto, OR_L3MDEV, span, cx)?;
                        self.target = Some(number);
                    }
                    ("goto", None) => return says("Invalid target goto specified", span, cx),
                    ("suppress_prefixlength" | "sup_pl", Some(number)) => self.suppress_prefix = Some(number),
                    ("suppress_prefixlength" | "sup_pl", None) => {
                        return says(&format!("Invalid suppress_prefixlength {word} specified"), span, cx);
                    }
                    (_, Some(number)) => self.priority = Some(number),
                    (_, None) => return says(&format!("Invalid rule preference {word} specified"), span, cx),
                }
            }
        }
        Some(())
    }

    /// What can only be said about a whole line.
    fn judge(self, span: Span, cx: &mut Cx<'_>) -> Option<VirtualRule> {
        let Some(action) = self.action else {
            cx.warn(span, "rule", "No action specified for rule - ignoring");
            return None;
        };
        let addresses = [self.source, self.destination];
        let mut families: Vec<bool> = addresses.iter().flatten().map(|(ip, _)| ip.is_ipv6()).collect();
        families.extend(self.ipv6);
        let ipv6 = families.first().copied().unwrap_or(false);
        if families.iter().any(|family| *family != ipv6) {
            cx.warn(span, "rule", "rule specification has mixed IPv4 and IPv6");
            return None;
        }
        match (self.priority, self.target) {
            (Some(priority), Some(target)) if priority >= target => {
                let text = format!("Invalid rule - preference {priority} >= goto target {target}");
                cx.warn(span, "rule", text);
                return None;
            }
            (None, Some(target)) => {
                let text = format!("Invalid rule - goto target {target} specified without preference");
                cx.warn(span, "rule", text);
                return None;
            }
            _ => {}
        }
        let tables_only = [self.suppress_prefix, self.suppress_group, self.realms];
        if action != RuleAction::Table && tables_only.iter().any(Option::is_some) {
            cx.warn(span, "rule", "suppressor/realm specified for non table action - skipping");
            return None;
        }
        let mut protocol = self.protocol;
        if !self.no_track && protocol.is_some_and(|protocol| protocol != PROTOCOL) {
            let text = format!(
                "Rule cannot be tracked if protocol is not RTPROT_KEEPALIVED({PROTOCOL}), resetting protocol"
            );
            cx.warn(span, "rule", text);
            protocol = None;
        }
        let priority = self.priority.unwrap_or_else(|| {
            let priority = cx.next_rule_priority();
            let text = format!(
                "Rule has no preference specified - setting to {priority}. This is probably not what you want."
            );
            cx.warn(span, "rule", text);
            priority
        });
        if self.unusable {
            return None;
        }
        Some(VirtualRule {
            ipv6,
            action,
            invert: self.invert,
            source: self.source,
            destination: self.destination,
            tos: self.tos,
            input: self.input,
            output: self.output,
            priority,
            mark: self.mark,
            realms: self.realms,
            table: self.table,
            target: self.target,
            suppress_prefix: self.suppress_prefix,
            suppress_group: self.suppress_group,
            tunnel: self.tunnel,
            users: self.users,
            l3mdev: self.l3mdev,
            protocol: protocol.unwrap_or(if self.no_track { 0 } else { PROTOCOL }),
            ip_protocol: self.ip_protocol,
            source_ports: self.source_ports,
            destination_ports: self.destination_ports,
            no_track: self.no_track,
            track_group: self.track_group,
        })
    }
}

fn drop_action(word: &str) -> Option<RuleAction> {
    match word {
        "blackhole" => Some(RuleAction::Blackhole),
        "unreachable" => Some(RuleAction::Unreachable),
        "prohibit" => Some(RuleAction::Prohibit),
        _ => None,
    }
}

fn says(text: &str, span: Span, cx: &mut Cx<'_>) -> Option<()> {
    cx.warn(span, "rule", text);
    None
}

/// `MARK` or `MARK/MASK`; what is missing is 0.
fn mark(text: &str) -> Option<(u32, Option<u32>)> {
    let number = |text: &str| if text.is_empty() { Some(0) } else { unsigned(text) };
    match text.split_once('/') {
        Some((mark, mask)) => Some((number(mark)?, Some(number(mask)?))),
        None => Some((number(text)?, None)),
    }
}

/// `to`, or `from/to`, each a name or a number of a byte.
fn realms(text: &str, cx: &Cx<'_>) -> Option<u32> {
    let number = |text: &str| Names::Realms.number(text, 0xff, cx);
    match text.split_once('/') {
        Some((from, to)) => Some(number(from)? << 16 | number(to)?),
        None => number(text),
    }
}

/// `FIRST-LAST`; ip-rule(8) has a single port, too, which the reference refuses.
fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && first > 0).then_some((first, last))
}

/// Names of getprotobyname(3) that have ports or are common, and numbers.
fn ip_protocol(text: &str) -> Option<u8> {
    Some(match text {
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "dccp" => 33,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "ipv6-icmp" | "icmpv6" => 58,
        "vrrp" => 112,
        "sctp" => 132,
        "udplite" => 136,
        number => {
            let number = unsigned(number).and_then(|number| u8::try_from(number).ok());
            return number.filter(|number| *number < 255);
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::fake::FakeSystem;
    use crate::{FileKind, Outcome, ReadOptions, Reader, load};

    fn load_rule(line: &str) -> Outcome {
        let text = format!(
            "vrrp_instance VI_1 {{\n interface enp0s5\n virtual_router_id 51\n virtual_ipaddress {{\n 10.0.0.1/24\n }}\n \
             virtual_rules {{\n {line}\n }}\n}}\n"
        );
        let mut system = FakeSystem::default();
        system.add("/etc/keepalived/k.conf", FileKind::File, 0o644, text.as_bytes());
        load(Path::new("/etc/keepalived/k.conf"), &ReadOptions::default(), &system)
    }

    fn rule(line: &str) -> VirtualRule {
        load_rule(line).config.unwrap().instances[0].virtual_rules[0].clone()
    }

    #[test]
    fn words_of_a_rule_in_any_order() {
        let parsed = rule(
            "not from 10.1.0.0/16 to 10.2.0.0/16 iif enp0s5 tos 0x04 fwmark 24/12 table 100 priority 51",
        );
        assert_eq!(parsed.source, Some(("10.1.0.0".parse().unwrap(), 16)));
        assert_eq!((parsed.invert, parsed.tos, parsed.priority), (true, 4, 51));
        assert_eq!((parsed.mark, parsed.table), (Some((24, Some(12))), Some(100)));
        assert_eq!((parsed.action, parsed.protocol), (RuleAction::Table, 18));
        assert_eq!(rule("from all goto 60 priority 52").target, Some(60));
        assert_eq!(rule("type unreachable priority 5").action, RuleAction::Unreachable);
        assert!(rule("from 2001:db8::/32 table 5 priority 66").ipv6);
        assert!(rule("inet6 table 5 priority 66").ipv6);
        assert_eq!(rule("ipproto tcp sport 10-20 table main priority 6").source_ports, Some((10, 20)));
        assert_eq!(rule("table main priority 6 no_track").protocol, 0);
    }

    #[test]
    fn rules_without_a_preference_get_one_each_downwards() {
        let outcome = load_rule("table 5\n table 6");
        let config = outcome.config.as_ref().unwrap();
        let priorities: Vec<_> = config.instances[0].virtual_rules.iter().map(|rule| rule.priority).collect();
        assert_eq!(priorities, [16384, 16383]);
        let lines: Vec<_> = outcome.lines(Reader::Vrrp, false).collect();
        assert!(lines[0].contains("no preference specified - setting to 16384"), "{lines:?}");
    }

    #[test]
    fn a_bad_rule_is_dropped_with_the_references_words() {
        let rows = [
            ("from 10.1.0.0/16", "No action specified for rule - ignoring"),
            ("from 10.1.0.0/16 lookup 100 priority 50 zork", "Unknown rule option zork"),
            ("to 2001:db8::/32 from 10.0.0.0/8 table 100", "rule specification has mixed IPv4 and IPv6"),
            ("from 10.1.0.0/16 goto 40 priority 50", "Invalid rule - preference 50 >= goto target 40"),
            ("from 10.1.0.300/16 table 5 priority 50", "Invalid rule from address 10.1.0.300/16"),
            ("dport 30 table 5 priority 50", "invalid dport range 30"),
            ("fwmark 0xzz table 5 priority 50", "Invalid rule fwmark 0xzz specified"),
            ("table 0 priority 50", "Table 0 is not valid"),
            ("table zork priority 50", "Routing table zork not found for rule"),
            ("track_group G table 5 priority 50", "Unknown rule option track_group"),
        ];
        for (line, words) in rows {
            let outcome = load_rule(line);
            let lines: Vec<_> = outcome.lines(Reader::Vrrp, false).collect();
            assert!(lines.iter().any(|l| l.ends_with(words)), "{line}: {lines:?}");
            assert!(outcome.config.unwrap().instances[0].virtual_rules.is_empty(), "{line}");
        }
    }
}
