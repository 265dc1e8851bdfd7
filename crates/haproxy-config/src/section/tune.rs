//! `global`: `tune.*` (configuration manual, section 3.2). What changes behaviour is obeyed; what only tunes the reference's engine
//! is accepted with a NOTICE; the rest has no row and is refused.

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::GlobalDecl;
use crate::registry::{Row, Sections, Set, Since, row};
use crate::runtime::MultiQueue;
use crate::setting::Setting;
use crate::threads::Shards;
use units::{lenient_int, parse_size};

fn value(line: &Line<'_>) -> Result<String, Refusal> {
    line.at_most(1)?;
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'{}' expects an integer argument.", line.name())));
    }
    Ok(text)
}

fn positive(line: &Line<'_>, cx: &Cx<'_>, field: &mut Setting<Option<i64>>, least: i64) -> Outcome {
    let text = value(line)?;
    let number =
        parse_size(&text).map_or_else(|_| lenient_int(&text), |n| i64::try_from(n).unwrap_or(i64::MAX));
    if number < least {
        return Err(Refusal::fatal(format!("'{}' expects a positive integer argument.", line.name())));
    }
    field.set(Some(number), line.span, cx.section);
    Ok(())
}

fn bufsize(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    positive(line, cx, &mut global.bufsize, 1)
}

fn maxrewrite(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    positive(line, cx, &mut global.maxrewrite, 0)
}

fn maxaccept(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = value(line)?;
    global.maxaccept.set(Some(lenient_int(&text)), line.span, cx.section);
    Ok(())
}

fn maxhdr(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = value(line)?;
    let number = lenient_int(&text);
    if !(1..=32767).contains(&number) {
        return Err(Refusal::fatal("'tune.http.maxhdr' expects a numeric value between 1 and 32767"));
    }
    global.max_headers.set(Some(number), line.span, cx.section);
    Ok(())
}

fn default_shards(global: &mut GlobalDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    global.default_shards = match line.arg(0).as_str() {
        "by-process" => Shards::ByProcess,
        "by-group" => Shards::ByGroup,
        "by-thread" => Shards::ByThread,
        other => {
            return Err(Refusal::fatal(format!(
                "'tune.listener.default-shards' expects either 'by-process', 'by-group', or 'by-thread' but got '{other}'."
            )));
        }
    };
    Ok(())
}

fn multi_queue(global: &mut GlobalDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    global.multi_queue = match line.arg(0).as_str() {
        "on" => MultiQueue::On,
        "fair" => MultiQueue::Fair,
        "off" => MultiQueue::Off,
        other => {
            return Err(Refusal::fatal(format!(
                "'tune.listener.multi-queue' expects either 'on', 'fair', or 'off' but got '{other}'."
            )));
        }
    };
    Ok(())
}

fn pipe_size(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = value(line)?;
    // HAPROXY: a suffix is not read.
    global.pipe_size.set(Some(lenient_int(&text)), line.span, cx.section);
    Ok(())
}

fn zero_copy_tcp(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    switched_off(line, cx, &mut global.no_zero_copy_tcp)
}

fn zero_copy_h1_receive(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    switched_off(line, cx, &mut global.no_zero_copy_h1_receive)
}

fn zero_copy_h1_send(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    switched_off(line, cx, &mut global.no_zero_copy_h1_send)
}

/// `on` or `off`, of which the second is remembered.
fn switched_off(line: &Line<'_>, cx: &Cx<'_>, off: &mut Setting<bool>) -> Outcome {
    line.at_most(1)?;
    let value = match line.arg(0).as_str() {
        "on" => false,
        "off" => true,
        _ => return Err(Refusal::fatal(format!("'{}' expects 'on' or 'off'.", line.name()))),
    };
    off.set(value, line.span, cx.section);
    Ok(())
}

fn logurilen(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = value(line)?;
    // HAPROXY: one more for the terminator.
    global.log_uri_len.set(Some(lenient_int(&text).saturating_add(1)), line.span, cx.section);
    Ok(())
}

fn cookielen(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = value(line)?;
    // HAPROXY: one more for the terminator.
    global.cookie_len.set(Some(lenient_int(&text).saturating_add(1)), line.span, cx.section);
    Ok(())
}

const G: Sections = Sections::GLOBAL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<GlobalDecl>] = &[
    row(
        "tune.applet.zero-copy-forwarding",
        G,
        Since(3, 0),
        "{ on | off }",
        Set::Tuning(1),
        "Copies inside of the reference.",
    ),
    row("tune.buffers.limit", G, Since(1, 4), "<number>", Set::Tuning(1), "Buffer pool of the reference."),
    row("tune.buffers.reserve", G, Since(1, 5), "<number>", Set::Tuning(1), "Buffer pool of the reference."),
    row(
        "tune.bufsize",
        G,
        Since(1, 3),
        "<size>",
        Set::Custom(bufsize),
        "Size of a buffer, which bounds heads.",
    ),
    row(
        "tune.comp.maxlevel",
        G,
        Since(1, 5),
        "<number>",
        Set::Tuning(1),
        "Compression level; there is no compression yet.",
    ),
    row(
        "tune.disable-zero-copy-forwarding",
        G,
        Since(3, 0),
        "",
        Set::Flag(|g| &mut g.no_zero_copy),
        "No splicing, whatever the options say.",
    ),
    row(
        "tune.h1.zero-copy-fwd-recv",
        G,
        Since(2, 9),
        "{ on | off }",
        Set::Custom(zero_copy_h1_receive),
        "Off: HTTP proxies do not splice.",
    ),
    row(
        "tune.h1.zero-copy-fwd-send",
        G,
        Since(2, 9),
        "{ on | off }",
        Set::Custom(zero_copy_h1_send),
        "Off: HTTP proxies do not splice.",
    ),
    row(
        "tune.http.cookielen",
        G,
        Since(1, 4),
        "<number>",
        Set::Custom(cookielen),
        "Longest captured cookie.",
    ),
    row(
        "tune.http.logurilen",
        G,
        Since(1, 9),
        "<number>",
        Set::Custom(logurilen),
        "Longest request line in logs.",
    ),
    row("tune.http.maxhdr", G, Since(1, 4), "<number>", Set::Custom(maxhdr), "Most headers of a message."),
    row(
        "tune.idletimer",
        G,
        Since(1, 5),
        "<timeout>",
        Set::Tuning(1),
        "Stream idleness detection of the reference.",
    ),
    row(
        "tune.listener.default-shards",
        G,
        Since(2, 8),
        "{ by-process | by-thread | by-group }",
        Set::Custom(default_shards),
        "Sockets of a bind line's address.",
    ),
    row(
        "tune.listener.multi-queue",
        G,
        Since(2, 0),
        "{ on | fair | off }",
        Set::Custom(multi_queue),
        "Which thread gets an accepted connection.",
    ),
    row(
        "tune.maxaccept",
        G,
        Since(1, 3),
        "<number>",
        Set::Custom(maxaccept),
        "Most connections accepted in a row.",
    ),
    row(
        "tune.maxpollevents",
        G,
        Since(1, 3),
        "<number>",
        Set::Tuning(1),
        "Events taken from the poller at once.",
    ),
    row(
        "tune.maxrewrite",
        G,
        Since(1, 3),
        "<size>",
        Set::Custom(maxrewrite),
        "Buffer space kept for rewriting.",
    ),
    row("tune.memory.hot-size", G, Since(2, 6), "<number>", Set::Tuning(1), "Memory pools of the reference."),
    row("tune.pattern.cache-size", G, Since(1, 5), "<number>", Set::Tuning(1), "Cache of pattern look-ups."),
    row(
        "tune.peers.max-updates-at-once",
        G,
        Since(2, 7),
        "<number>",
        Set::Tuning(1),
        "Peers; there are none yet.",
    ),
    row("tune.pipesize", G, Since(1, 3), "<size>", Set::Custom(pipe_size), "Size of pipes for splicing."),
    row(
        "tune.pool-high-fd-ratio",
        G,
        Since(2, 0),
        "<number>",
        Set::Tuning(1),
        "Idle connections against descriptors.",
    ),
    row(
        "tune.pool-low-fd-ratio",
        G,
        Since(2, 0),
        "<number>",
        Set::Tuning(1),
        "Idle connections against descriptors.",
    ),
    row(
        "tune.pt.zero-copy-forwarding",
        G,
        Since(2, 9),
        "{ on | off }",
        Set::Custom(zero_copy_tcp),
        "Off: TCP proxies do not splice.",
    ),
    row(
        "tune.recv_enough",
        G,
        Since(1, 5),
        "<number>",
        Set::Tuning(1),
        "Bytes after which a receive is enough.",
    ),
    row("tune.ring.queues", G, Since(3, 0), "<number>", Set::Tuning(1), "Rings; there are none yet."),
    row("tune.runqueue-depth", G, Since(1, 9), "<number>", Set::Tuning(1), "Scheduler of the reference."),
    row(
        "tune.sched.low-latency",
        G,
        Since(2, 4),
        "{ on | off }",
        Set::Tuning(1),
        "Scheduler of the reference.",
    ),
];
