//! `notify…` lines, which instances and sync groups share. keepalived.conf(5), "VRRP instance(s)".

use crate::declared::{CommandDecl, NotifyDecl};
use crate::registry::{Cx, Named};
use crate::tree::Statement;

use super::vrrp_script as script;

/// A declaration that has notify scripts.
pub(crate) trait Notifies: Named {
    /// Its scripts.
    fn notify(&mut self) -> &mut NotifyDecl;
}

fn set<T: Notifies>(
    target: &mut T,
    line: &Statement,
    cx: &mut Cx<'_>,
    field: fn(&mut NotifyDecl) -> &mut Option<CommandDecl>,
) {
    let Some(command) = script::notify_command(line, cx) else { return };
    let name = target.name().to_owned();
    let slot = field(target.notify());
    if slot.is_some() {
        let path = command.words.first().map(ToString::to_string).unwrap_or_default();
        let text = format!("({name}) {} script already specified - ignoring {path}", line.keyword());
        cx.warn(line.span, "notify", text);
        return;
    }
    *slot = Some(command);
}

pub(crate) fn master<T: Notifies>(target: &mut T, line: &Statement, cx: &mut Cx<'_>) {
    set(target, line, cx, |n| &mut n.master);
}

pub(crate) fn backup<T: Notifies>(target: &mut T, line: &Statement, cx: &mut Cx<'_>) {
    set(target, line, cx, |n| &mut n.backup);
}

pub(crate) fn fault<T: Notifies>(target: &mut T, line: &Statement, cx: &mut Cx<'_>) {
    set(target, line, cx, |n| &mut n.fault);
}

pub(crate) fn stop<T: Notifies>(target: &mut T, line: &Statement, cx: &mut Cx<'_>) {
    set(target, line, cx, |n| &mut n.stop);
}

pub(crate) fn any<T: Notifies>(target: &mut T, line: &Statement, cx: &mut Cx<'_>) {
    set(target, line, cx, |n| &mut n.any);
}

pub(crate) fn rx_lower<T: Notifies>(target: &mut T, line: &Statement, cx: &mut Cx<'_>) {
    set(target, line, cx, |n| &mut n.master_rx_lower_pri);
}

pub(crate) fn deleted<T: Notifies>(target: &mut T, line: &Statement, cx: &mut Cx<'_>) {
    target.notify().notify_deleted = true;
    if line.words.len() > 1 {
        set(target, line, cx, |n| &mut n.deleted);
    }
}
