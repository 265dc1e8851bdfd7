//! `global`: who the process runs as and what it may use (configuration manual, section 3.1).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{GlobalDecl, UnixBind};
use crate::registry::{Missing, Row, Sections, Set, Since, row};
use crate::setting::Setting;
use units::lenient_int;

/// Keywords that are gone, with the reference's farewell.
pub(crate) fn removed(keyword: &str) -> Option<Refusal> {
    match keyword {
        "nbproc" => Some(Refusal::fatal(
            "nbproc is not supported any more since HAProxy 2.5. Threads will automatically be used on multi-processor machines if available.",
        )),
        _ => None,
    }
}

fn account(
    line: &Line<'_>,
    cx: &mut Cx<'_>,
    field: &mut Setting<Option<u32>>,
    both: &str,
    kind: &str,
    lookup: impl Fn(&str, &Cx<'_>) -> Option<u32>,
) -> Outcome {
    line.at_most(1)?;
    let name = line.arg(0);
    match lookup(&name, cx) {
        Some(id) => {
            if field.is_some_and(|id| id != 0) {
                // HAPROXY: an alert that does not refuse the configuration.
                return Err(Refusal::fatal(format!("{both} already specified. Continuing.")).harmless());
            }
            field.set(Some(id), line.span, cx.section);
            Ok(())
        }
        None => Err(Refusal::fatal(format!("cannot find {kind} id for '{name}' (0:Success)"))),
    }
}

fn user(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    account(line, cx, &mut global.uid, "user/uid", "user", |n, cx| cx.host().user_id(n))
}

fn group(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    account(line, cx, &mut global.gid, "group/gid", "group", |n, cx| cx.host().group_id(n))
}

fn expose_experimental(_: &mut GlobalDecl, _: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    cx.parse.experimental = true;
    Ok(())
}

fn number(
    line: &Line<'_>,
    cx: &mut Cx<'_>,
    field: &mut Setting<Option<u32>>,
    name: &str,
    both: &str,
) -> Outcome {
    line.at_most(1)?;
    if field.is_some_and(|id| id != 0) {
        return Err(Refusal::fatal(format!("{both} already specified. Continuing.")).harmless());
    }
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'{name}' expects an integer argument.")));
    }
    match text.parse() {
        Ok(id) => field.set(Some(id), line.span, cx.section),
        Err(_) => {
            let word = if name == "uid" { "user" } else { "group" };
            cx.warn(
                line.span,
                format!(
                    " {name}: string '{text}' is not a number.\n   | You might want to use the '{word}' parameter to use a system {word} name."
                ),
            );
        }
    }
    Ok(())
}

fn uid(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    number(line, cx, &mut global.uid, "uid", "user/uid")
}

fn gid(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    number(line, cx, &mut global.gid, "gid", "group/gid")
}

/// An integer that may be written once; a second one is an alert that refuses nothing.
fn once(line: &Line<'_>, cx: &Cx<'_>, field: &mut Setting<Option<i64>>) -> Outcome {
    let (name, text) = (line.name(), line.arg(0));
    line.at_most(1)?;
    if field.is_set() {
        return Err(Refusal::fatal(format!("'{name}' already specified. Continuing.")).harmless());
    }
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'{name}' expects an integer argument.")));
    }
    field.set(Some(lenient_int(&text)), line.span, cx.section);
    Ok(())
}

fn maxconn(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let strict = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !text.is_empty() && !strict && !global.maxconn.is_set() {
        line.at_most(1)?;
        return Err(Refusal::fatal(format!(
            "cannot parse 'maxconn' value '{text}', an integer is expected."
        )));
    }
    once(line, cx, &mut global.maxconn)
}

fn maxconnrate(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    once(line, cx, &mut global.maxconnrate)
}

fn maxsessrate(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    once(line, cx, &mut global.maxsessrate)
}

fn maxsslrate(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    once(line, cx, &mut global.maxsslrate)
}

fn ulimit_n(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    once(line, cx, &mut global.ulimit_n)
}

fn maxpipes(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    once(line, cx, &mut global.maxpipes)
}

fn fd_hard_limit(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    once(line, cx, &mut global.fd_hard_limit)
}

fn chroot(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    if global.chroot.is_set() {
        return Err(Refusal::fatal("'chroot' already specified. Continuing.").harmless());
    }
    let path = line.arg(0);
    if path.is_empty() {
        return Err(Refusal::fatal("'chroot' expects a directory as an argument."));
    }
    global.chroot.set(Some(path), line.span, cx.section);
    Ok(())
}

fn pidfile(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    if global.pidfile.is_set() {
        return Err(Refusal::fatal("'pidfile' already specified. Continuing.").harmless());
    }
    let path = line.arg(0);
    if path.is_empty() {
        return Err(Refusal::fatal("'pidfile' expects a file name as an argument."));
    }
    global.pidfile.set(Some(path), line.span, cx.section);
    Ok(())
}

fn node(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let name = line.arg(0);
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(good) {
        return Err(Refusal::fatal("'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), dot(.), hyphen(-) or underscode(_).").tight());
    }
    cx.node = Some(name.clone());
    global.node.set(Some(name), line.span, cx.section);
    Ok(())
}

fn description(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    if line.arg(0).is_empty() {
        return Err(Refusal::fatal("'description' expects a string argument.").tight());
    }
    let words: Vec<String> = line.args().iter().map(|w| w.lossy()).collect();
    let text = words.join(" ");
    cx.description = Some(text.clone());
    global.description.set(Some(text), line.span, cx.section);
    Ok(())
}

fn unix_bind(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let mut at = 0;
    while !line.arg(at).is_empty() {
        let (word, value) = (line.arg(at), line.arg(at + 1));
        let into: &mut UnixBind = &mut global.unix_bind;
        match word.as_str() {
            "prefix" if value.is_empty() => {
                return Err(Refusal::fatal("unix_bind 'prefix' expects a path as an argument."));
            }
            "prefix" => into.prefix = Some(value),
            "mode" => into.mode = u32::from_str_radix(&value, 8).ok(),
            "uid" => into.uid = u32::try_from(lenient_int(&value)).ok(),
            "gid" => into.gid = u32::try_from(lenient_int(&value)).ok(),
            "user" => match cx.host().user_id(&value) {
                Some(id) => into.uid = Some(id),
                None => return Err(Refusal::fatal(format!("'unix-bind' : '{value}' unknown user."))),
            },
            "group" => match cx.host().group_id(&value) {
                Some(id) => into.gid = Some(id),
                None => return Err(Refusal::fatal(format!("'unix-bind' : '{value}' unknown group."))),
            },
            _ => {
                return Err(Refusal::fatal(
                    "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options.",
                ));
            }
        }
        at += 2;
    }
    cx.unix_bind = global.unix_bind.clone();
    Ok(())
}

fn log(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    if line.negated {
        if !line.arg(0).is_empty() {
            return Err(Refusal::fatal("log : 'no log' does not expect arguments"));
        }
        global.log.clear();
        return Ok(());
    }
    if let Some(target) = super::logs::parse_target(line, cx, true)? {
        global.log.push(target);
    }
    Ok(())
}

fn log_send_hostname(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    if global.log_hostname.is_set() {
        return Err(Refusal::fatal("'log-send-hostname' already specified. Continuing.").harmless());
    }
    let name = line.arg(0);
    let name = if name.is_empty() { cx.host().host_name() } else { name };
    global.log_hostname.set(Some(name), line.span, cx.section);
    Ok(())
}

fn localpeer(_: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let name = line.arg(0);
    if name.is_empty() {
        return Err(Refusal::fatal("'localpeer' expects a name as an argument."));
    }
    // There are no peers yet; what is left is the variable.
    cx.outside.variables.borrow_mut().insert("HAPROXY_LOCALPEER".to_owned(), name);
    Ok(())
}

const G: Sections = Sections::GLOBAL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<GlobalDecl>] = &[
    row(
        "chroot",
        G,
        Since(1, 1),
        "<dir>",
        Set::Custom(chroot),
        "Root directory of the process after the start.",
    ),
    row(
        "description",
        G,
        Since(1, 4),
        "<text>",
        Set::Custom(description),
        "Text that describes the instance.",
    ),
    row(
        "expose-experimental-directives",
        G,
        Since(2, 4),
        "",
        Set::Custom(expose_experimental),
        "Allows what the reference calls an experiment.",
    ),
    row(
        "fd-hard-limit",
        G,
        Since(2, 5),
        "<number>",
        Set::Custom(fd_hard_limit),
        "Upper bound of the descriptor limit.",
    ),
    row("gid", G, Since(1, 1), "<number>", Set::Custom(gid), "Group id of the process after the start."),
    row("group", G, Since(1, 2), "<name>", Set::Custom(group), "Group of the process after the start."),
    row(
        "localpeer",
        G,
        Since(1, 8),
        "<name>",
        Set::Custom(localpeer),
        "Name of the instance among its peers.",
    ),
    row(
        "log",
        G,
        Since(1, 1),
        "<target> [len <n>] [format <f>] [sample <s>] <facility> [max [min]]",
        Set::Custom(log),
        "Where logs go.",
    ),
    row(
        "log-send-hostname",
        G,
        Since(1, 4),
        "[<name>]",
        Set::Custom(log_send_hostname),
        "Host name in the syslog header.",
    ),
    row(
        "log-tag",
        G,
        Since(1, 4),
        "<text>",
        Set::Text(|g| &mut g.log_tag, Missing("'log-tag' expects a tag for use in syslog.")),
        "Tag in the syslog header.",
    ),
    row("maxconn", G, Since(1, 1), "<number>", Set::Custom(maxconn), "Most connections of the process."),
    row("maxconnrate", G, Since(1, 4), "<number>", Set::Custom(maxconnrate), "Most connections a second."),
    row(
        "maxpipes",
        G,
        Since(1, 3),
        "<number>",
        Set::Custom(maxpipes),
        "Pipes for splicing: descriptors are counted for them.",
    ),
    row("maxsessrate", G, Since(1, 4), "<number>", Set::Custom(maxsessrate), "Most sessions a second."),
    row("maxsslrate", G, Since(1, 5), "<number>", Set::Custom(maxsslrate), "Most TLS sessions a second."),
    row("node", G, Since(1, 4), "<name>", Set::Custom(node), "Name of the node, shown in the statistics."),
    row("pidfile", G, Since(1, 1), "<file>", Set::Custom(pidfile), "Where the process id is written."),
    row("uid", G, Since(1, 1), "<number>", Set::Custom(uid), "User id of the process after the start."),
    row("ulimit-n", G, Since(1, 2), "<number>", Set::Custom(ulimit_n), "Limit of open descriptors."),
    row(
        "unix-bind",
        G,
        Since(1, 5),
        "[prefix <p>] [mode <m>] [user <u>] [uid <n>] [group <g>] [gid <n>]",
        Set::Custom(unix_bind),
        "Common settings of Unix listeners.",
    ),
    row("user", G, Since(1, 2), "<name>", Set::Custom(user), "User of the process after the start."),
];
