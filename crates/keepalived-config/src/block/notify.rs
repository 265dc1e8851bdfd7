//! `notify…` lines, which instances and sync groups share. keepalived.conf(5), "VRRP instance(s)".

use crate::declared::{CommandDecl, NotifyDecl};
use crate::registry::{Cx, Named};
use crate::tree::Statement;

use super::vrrp_script as script;

/// A declaration that has notify scripts.
pub(crate) trait Notifies: Named {
    /// Its scripts.
    fn notify(&mut self) -> &mut NotifyDecl;

    /// What messages about its scripts begin with.
    fn shown(&self) -> String {
        format!("({})", self.name())
    }
}

fn set<T: Notifies>(
    target: &mut T,
    line: &Statement,
    cx: &mut Cx<'_>,
    field: fn(&mut NotifyDecl) -> &mut Option<CommandDecl>,
) {
    let name = target.shown();
    let slot = field(target.notify());
    if slot.is_some() {
        let text = format!(
            "{name} {} script already specified - ignoring {}",
            line.keyword(),
            script::first_word(line)
        );
        cx.warn(line.span, "notify", text);
        return;
    }
    *slot = script::notify_command(line, cx);
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
    if std::mem::replace(&mut target.notify().notify_deleted, true) {
        let text = format!(
            "{} notify_deleted already specified - ignoring {}",
            target.shown(),
            script::first_word(line)
        );
        cx.warn(line.span, "notify", text);
        return;
    }
    if line.words.len() > 1 {
        set(target, line, cx, |n| &mut n.deleted);
    }
}
