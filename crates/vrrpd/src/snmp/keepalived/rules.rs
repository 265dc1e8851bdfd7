//! vrrpRuleTable. What a rule does not have has no object; the last six columns have none in the reference either.

use keepalived_config::resolved::{RuleAction, VirtualRule};
use vrrp::InstanceId;

use super::super::mib::Mib;
use super::super::objects::{Objects, Row, index, inet_type};
use super::routes::realms;

pub(super) fn write(mib: &Mib<'_>, objects: &mut Objects) {
    for (position, ..) in mib.instances() {
        for (place, slot) in mib.sources.routes.rules_of(InstanceId(position)).iter().enumerate() {
            let mut row = objects.row(&[2, 8, 1], &[index(position), index(place)]);
            rule(&mut row, &slot.what);
            row.yes(7, slot.set);
        }
    }
}

fn rule(row: &mut Row<'_>, rule: &VirtualRule) {
    let direction = match (rule.source, rule.destination) {
        (Some(_), Some(_)) => "both",
        (Some(_), None) => "from",
        (None, Some(_)) => "to",
        (None, None) => "",
    };
    row.text(2, direction);
    let sides = [(3, rule.destination.or(rule.source)), (9, rule.destination), (12, rule.source)];
    for (column, side) in sides {
        if let Some((address, prefix)) = side {
            row.int(column, inet_type(address));
            row.inet(column + 1, address);
            row.gauge(column + 2, prefix.into());
        }
    }
    if rule.action == RuleAction::Table {
        let table = if rule.l3mdev { 0 } else { rule.table.unwrap_or(0) };
        row.gauge(6, table);
        row.gauge(24, table);
    }
    row.yes(8, rule.invert);
    row.gauge(15, rule.tos.into());
    if let Some((mark, mask)) = rule.mark {
        row.gauge(16, mark);
        if let Some(mask) = mask {
            row.gauge(17, mask);
        }
    }
    realms(row, 18, rule.realms);
    for (column, interface) in [(20, &rule.input), (21, &rule.output)] {
        if let Some(interface) = interface {
            row.text(column, interface);
        }
    }
    if let Some(target) = rule.target {
        row.gauge(22, target);
    }
    row.int(23, rule.action as i32);
    row.gauge(25, rule.priority);
    if let Some(length) = rule.suppress_prefix {
        row.gauge(26, length);
    }
    if let Some(group) = rule.suppress_group {
        row.text(27, &group.to_string());
    }
    if let Some(tunnel) = rule.tunnel {
        for (column, half) in [(28, tunnel >> 32), (29, tunnel & u64::from(u32::MAX))] {
            row.gauge(column, u32::try_from(half).unwrap_or(u32::MAX));
        }
    }
    if let Some((first, last)) = rule.users {
        row.gauge(30, first);
        row.gauge(31, last);
    }
    if rule.l3mdev {
        row.yes(32, true);
    }
}
