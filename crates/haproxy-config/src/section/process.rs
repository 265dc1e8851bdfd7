//! `global`: processes, threads and how they end (configuration manual, sections 3.1 and 3.2).

use crate::anonymous::AnonKey;
use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::GlobalDecl;
use crate::registry::{Row, Sections, Set, Since, row};
use crate::setting::Setting;
use std::time::Duration;
use units::{DelayError, Unit, lenient_int, parse_delay};

fn bare(line: &Line<'_>, cx: &Cx<'_>, field: &mut Setting<bool>) -> Outcome {
    line.at_most(0)?;
    field.set(!line.negated, line.span, cx.section);
    Ok(())
}

fn daemon(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    bare(line, cx, &mut global.daemon)
}

fn quiet(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    bare(line, cx, &mut global.quiet)
}

fn zero_warning(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    bare(line, cx, &mut global.zero_warning)
}

fn set_dumpable(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    bare(line, cx, &mut global.dumpable)
}

fn insecure_fork_wanted(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    bare(line, cx, &mut global.fork_wanted)
}

fn insecure_setuid_wanted(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    bare(line, cx, &mut global.setuid_wanted)
}

/// HAPROXY: what is no number is 0, and more words are passed over.
fn anonkey(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("a key is expected after 'anonkey'.").tight());
    }
    let Ok(key) = u32::try_from(lenient_int(&text)) else {
        return Err(Refusal::fatal(format!(
            "'anonkey' value must be within range 0-4294967295 (was '{text}')."
        ))
        .tight());
    };
    global.anon_key.set(AnonKey(key), line.span, cx.section);
    Ok(())
}

/// Capabilities that the process may keep when it changes its user, with the kernel's numbers.
const CAPABILITIES: &[(&str, u8)] =
    &[("cap_net_raw", 13), ("cap_net_admin", 12), ("cap_net_bind_service", 10), ("cap_sys_admin", 21)];

fn setcap(global: &mut GlobalDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let supported = "Supported ones are: cap_net_raw, cap_net_admin, cap_net_bind_service and cap_sys_admin.";
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'setcap' : missing capability name(s).  {supported}")));
    }
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let Some((_, number)) = CAPABILITIES.iter().find(|(known, _)| *known == name) else {
            return Err(Refusal::fatal(format!("'setcap' : unsupported capability '{name}'.  {supported}")));
        };
        global.capabilities.push(*number);
    }
    Ok(())
}

fn strict_limits(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    bare(line, cx, &mut global.strict_limits)
}

fn master_worker(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    match line.arg(0).as_str() {
        "" => {}
        "no-exit-on-failure" => global.no_exit_on_failure.set(true, line.span, cx.section),
        _ => return Err(Refusal::fatal("'master-worker' only supports 'no-exit-on-failure' option.")),
    }
    global.master_worker.set(true, line.span, cx.section);
    Ok(())
}

fn mworker_max_reloads(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("'mworker-max-reloads' expects an integer argument."));
    }
    let count = lenient_int(&text);
    if count < 0 {
        return Err(Refusal::fatal("'mworker-max-reloads' expects a positive value or zero."));
    }
    global.mworker_max_reloads.set(Some(count), line.span, cx.section);
    Ok(())
}

/// Most threads that the reference takes.
const MAX_THREADS: i64 = 256;

fn nbthread(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let text = line.arg(0);
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::fatal(format!(
            "'nbthread' passed a missing or unparsable integer value in '{text}'"
        )));
    }
    let count = lenient_int(&text);
    match u32::try_from(count) {
        Ok(n) if (1..=MAX_THREADS).contains(&count) => {
            global.nbthread.set(Some(n), line.span, cx.section);
            Ok(())
        }
        _ => {
            Err(Refusal::fatal(format!("'nbthread' value must be between 1 and {MAX_THREADS} (was {count})")))
        }
    }
}

fn delay(line: &Line<'_>, cx: &Cx<'_>, field: &mut Setting<Option<Duration>>) -> Outcome {
    let (name, text) = (line.name(), line.arg(0));
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'{name}' expects <time> as argument.\n")));
    }
    match parse_delay(&text, Unit::Milliseconds) {
        Ok(delay) => {
            field.set((!delay.is_zero()).then_some(delay), line.span, cx.section);
            Ok(())
        }
        Err(DelayError::Overflow) => Err(Refusal::fatal(format!(
            "timer overflow in argument '{text}' to '{name}' (maximum value is 2147483647 ms or ~24.8 days)"
        ))),
        Err(DelayError::Unexpected(c)) => {
            Err(Refusal::fatal(format!("unexpected character '{c}' in argument to <{name}>.\n")))
        }
    }
}

fn hard_stop_after(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    delay(line, cx, &mut global.hard_stop_after)
}

fn grace(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    delay(line, cx, &mut global.grace)
}

fn spread_checks(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    if global.spread_checks.is_set() {
        return Err(Refusal::fatal("'spread-checks' already specified. Continuing.").tight().harmless());
    }
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("'spread-checks' expects an integer argument (0..50).").tight());
    }
    let percent = lenient_int(&text);
    if !(0..=50).contains(&percent) {
        return Err(Refusal::fatal("'spread-checks' needs a positive value in range 0..50.").tight());
    }
    global.spread_checks.set(Some(percent), line.span, cx.section);
    Ok(())
}

const G: Sections = Sections::GLOBAL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<GlobalDecl>] = &[
    row(
        "anonkey",
        G,
        Since(2, 7),
        "<key>",
        Set::Custom(anonkey),
        "The key that `set anon on` takes for its hashes.",
    ),
    row("busy-polling", G, Since(1, 9), "", Set::Tuning(0), "Polls without sleeping in the reference."),
    row("daemon", G, Since(1, 1), "", Set::Custom(daemon), "Goes into the background."),
    row("grace", G, Since(2, 5), "<time>", Set::Custom(grace), "Time between the stop signal and the stop."),
    row(
        "hard-stop-after",
        G,
        Since(1, 7),
        "<time>",
        Set::Custom(hard_stop_after),
        "Most time of a soft stop.",
    ),
    row(
        "insecure-fork-wanted",
        G,
        Since(2, 2),
        "",
        Set::Custom(insecure_fork_wanted),
        "Lets the worker start processes.",
    ),
    row(
        "insecure-setuid-wanted",
        G,
        Since(2, 2),
        "",
        Set::Custom(insecure_setuid_wanted),
        "Lets what the worker starts gain privileges.",
    ),
    row(
        "master-worker",
        G,
        Since(1, 8),
        "[no-exit-on-failure]",
        Set::Custom(master_worker),
        "Runs workers under a master process.",
    ),
    row(
        "mworker-max-reloads",
        G,
        Since(2, 1),
        "<number>",
        Set::Custom(mworker_max_reloads),
        "Reloads that an old worker survives.",
    ),
    row("nbthread", G, Since(1, 8), "<number>", Set::Custom(nbthread), "Number of worker threads."),
    row("no-memory-trimming", G, Since(2, 6), "", Set::Tuning(0), "Memory trimming of the reference."),
    row("noreuseport", G, Since(1, 6), "", Set::Flag(|g| &mut g.no_reuse_port), "No SO_REUSEPORT."),
    row(
        "nosplice",
        G,
        Since(1, 3),
        "",
        Set::Flag(|g| &mut g.no_splice),
        "No splicing, whatever the options say.",
    ),
    row("numa-cpu-mapping", G, Since(2, 4), "", Set::Tuning(0), "NUMA placement of the reference."),
    row("prealloc-fd", G, Since(2, 7), "", Set::Tuning(0), "Early growth of the descriptor table."),
    row(
        "profiling.tasks",
        G,
        Since(1, 9),
        "{ auto | on | off }",
        Set::Tuning(1),
        "Task profiling of the reference.",
    ),
    row("quiet", G, Since(1, 1), "", Set::Custom(quiet), "No messages at the start."),
    row("set-dumpable", G, Since(1, 9), "", Set::Custom(set_dumpable), "Lets the process leave core files."),
    row(
        "setcap",
        G,
        Since(2, 9),
        "<name>[,<name>...]",
        Set::Custom(setcap),
        "Capabilities that are kept when the user changes.",
    ),
    row(
        "spread-checks",
        G,
        Since(1, 4),
        "<0..50, in percent>",
        Set::Custom(spread_checks),
        "Randomness of check intervals.",
    ),
    row("strict-limits", G, Since(2, 1), "", Set::Custom(strict_limits), "Fails when a limit cannot be set."),
    row("zero-warning", G, Since(2, 4), "", Set::Custom(zero_warning), "Refuses to start with warnings."),
];
