//! Settings that each child process has: name, priorities, memory, processors. keepalived.conf(5), "Global definitions".
//!
//! `what` is the process in messages: vrrp, bfd.

use crate::declared::{GlobalDecl, ProcessDecl};
use crate::number::leading;
use crate::registry::{Cx, Keyword, Set};
use crate::tree::Statement;

/// Length of a process name.
const NAME_MAX: usize = 15;

fn parameter(line: &Statement, cx: &mut Cx<'_>, missing: String) -> Option<String> {
    let text = line.text(1);
    if text.is_none() {
        cx.warn(line.span, "missing-parameter", missing);
    }
    text
}

/// A nice value.
pub(crate) fn nice(line: &Statement, what: &str, cx: &mut Cx<'_>) -> Option<i32> {
    let text = parameter(line, cx, format!("No {what} process priority specified"))?;
    let value = cx.signed(line.span, &text, -20, 19);
    if value.is_none() {
        cx.warn(line.span, "priority", format!("Invalid {what} process priority specified"));
    }
    value
}

/// A real-time priority, brought into its range.
pub(crate) fn rt_priority(line: &Statement, what: &str, cx: &mut Cx<'_>) -> Option<i32> {
    let text = parameter(line, cx, format!("No {what} process real-time priority specified"))?;
    let Some(priority) = cx.signed(line.span, &text, i32::MIN, i32::MAX) else {
        cx.warn(line.span, "priority", format!("{what} process real-time priority '{text}' invalid"));
        return None;
    };
    let kept = priority.clamp(1, 99);
    if kept != priority {
        let (bound, to) = if priority > 99 {
            ("greater than maximum", "maximum")
        } else {
            ("less than minimum", "minimum")
        };
        let text = format!("{what} process real-time priority {priority} {bound} {kept} - setting to {to}");
        cx.warn(line.span, "priority", text);
    }
    Some(kept)
}

/// Microseconds without a system call.
pub(crate) fn rlimit_rttime(line: &Statement, what: &str, cx: &mut Cx<'_>) -> Option<u32> {
    let text = line.text(1).unwrap_or_default();
    let value = cx.unsigned(line.span, &text, 1, u32::MAX);
    if value.is_none() {
        cx.warn(line.span, "limit", format!("Invalid {what} real-time limit - {text}"));
    }
    value
}

/// Numbers of processors.
pub(crate) fn processors(line: &Statement, what: &str, list: &mut Vec<usize>, cx: &mut Cx<'_>) {
    if parameter(line, cx, format!("No {what} cpu_id set specified")).is_none() {
        return;
    }
    for word in line.words.iter().skip(1) {
        let text = word.lossy();
        let last = i32::try_from(cx.system.processors().saturating_sub(1)).unwrap_or(i32::MAX);
        let Some(number) = cx.signed(line.span, &text, 0, last) else {
            let text = format!("Invalid cpu_id:{} specified for {what} process", leading(&text));
            cx.warn(line.span, "processor", text);
            return;
        };
        list.extend(usize::try_from(number));
    }
}

/// A name that fits.
pub(crate) fn name(line: &Statement, cx: &mut Cx<'_>) -> String {
    let name = line.text(1).unwrap_or_default();
    if name.len() <= NAME_MAX {
        return name;
    }
    let text = format!("Process name {name} more than {NAME_MAX} characters, truncating");
    cx.warn(line.span, "process-name", text);
    name.chars().take(NAME_MAX).collect()
}

fn bfd(global: &mut GlobalDecl, line: &Statement, set: impl FnOnce(&mut ProcessDecl, &Statement)) {
    set(&mut global.bfd, line);
}

fn bfd_process_name(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd(global, line, |bfd, line| bfd.name = Some(name(line, cx)));
}

fn bfd_priority(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd(global, line, |bfd, line| bfd.nice = nice(line, "bfd", cx).or(bfd.nice));
}

fn bfd_rt_priority(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd(global, line, |bfd, line| bfd.rt_priority = rt_priority(line, "bfd", cx).or(bfd.rt_priority));
}

fn bfd_rlimit_rttime(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd(global, line, |bfd, line| bfd.rlimit_rttime = rlimit_rttime(line, "bfd", cx).or(bfd.rlimit_rttime));
}

fn bfd_cpu_affinity(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    bfd(global, line, |bfd, line| processors(line, "bfd", &mut bfd.processors, cx));
}

const fn row(
    name: &'static str,
    parameters: usize,
    set: fn(&mut GlobalDecl, &Statement, &mut Cx<'_>),
    doc: &'static str,
) -> Keyword<GlobalDecl> {
    Keyword { name, parameters, set: Set::Custom(set), doc }
}

/// The BFD process's.
pub(crate) const BFD: &[Keyword<GlobalDecl>] = &[
    row("bfd_process_name", 1, bfd_process_name, "Name of the BFD process."),
    row("bfd_priority", 0, bfd_priority, "Nice value of the BFD process, -20 to 19."),
    Keyword {
        name: "bfd_no_swap",
        parameters: 0,
        set: Set::Flag(|g| &mut g.bfd.no_swap),
        doc: "Lock the BFD process's memory.",
    },
    row("bfd_rt_priority", 0, bfd_rt_priority, "Real-time priority of the BFD process, 1 to 99."),
    row("bfd_cpu_affinity", 0, bfd_cpu_affinity, "Processors of the BFD process."),
    row(
        "bfd_rlimit_rttime",
        1,
        bfd_rlimit_rttime,
        "Microseconds that the BFD process may run without a system call.",
    ),
    row("bfd_rlimit_rtime", 1, bfd_rlimit_rttime, "Former name of bfd_rlimit_rttime."),
];
