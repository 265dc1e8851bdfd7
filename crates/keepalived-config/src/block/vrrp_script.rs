//! `vrrp_script`, the users that scripts run as, and script command lines. keepalived.conf(5), "VRRP script".

use bstr::BString;

use crate::declared::{CommandDecl, DefaultUser, ScriptDecl};
use crate::registry::{Cx, Keyword, Set};
use crate::resolved::User;
use crate::tree::Statement;
use crate::words::command_words;

/// The longest interval, 2^32 microseconds and a bit, as the reference words it.
const INTERVAL_MAX: u64 = 4_294_000_000;

fn script(script: &mut ScriptDecl, line: &Statement, cx: &mut Cx<'_>) {
    script.words = command(line, cx);
}

fn interval(script: &mut ScriptDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    let name = script.name.clone();
    let is_number = text.parse::<f64>().is_ok();
    match cx.milliseconds(line.span, &text, INTERVAL_MAX) {
        Some(value) if !value.is_zero() => script.interval = Some(value),
        None if is_number => {
            let text =
                format!("({name}): vrrp script interval '{text}' must be between 0.001 and 4294 - ignoring");
            cx.warn(line.span, "interval", text);
        }
        Some(_) | None => {
            let text = format!("({name}): vrrp script interval must be greater than 0, setting to 1");
            cx.warn(line.span, "interval", text);
            script.interval = Some(std::time::Duration::from_secs(1));
        }
    }
}

fn timeout(script: &mut ScriptDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    let name = script.name.clone();
    match cx.milliseconds(line.span, &text, INTERVAL_MAX) {
        Some(value) if value.is_zero() => {
            let text = format!("({name}): vrrp script timeout must be greater than 0, setting to 1");
            cx.warn(line.span, "timeout", text);
            script.timeout = Some(std::time::Duration::from_secs(1));
        }
        Some(value) => script.timeout = Some(value),
        None => {
            cx.warn(
                line.span,
                "timeout",
                format!("({name}): vrrp script timeout must be greater than 0, setting to 1"),
            );
            script.timeout = Some(std::time::Duration::from_secs(1));
        }
    }
}

fn weight(script: &mut ScriptDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.signed(line.span, &text, -253, 253) {
        Some(weight) => script.weight = weight,
        None => {
            let text = format!("vrrp_script {} weight {text} must be in [-253, 253]", script.name);
            cx.warn(line.span, "weight", text);
        }
    }
    if let Some(option) = line.text(2) {
        if option == "reverse" {
            script.reverse = true;
        } else {
            let text = format!("vrrp_script {} unknown weight option {option}", script.name);
            cx.warn(line.span, "weight", text);
        }
    }
}

fn user(script: &mut ScriptDecl, line: &Statement, cx: &mut Cx<'_>) {
    match named_user(line, 1, cx) {
        Some(user) => script.user = Some(user),
        None => {
            let words = script.words.iter().flatten().map(|w| format!("'{w}'")).collect::<Vec<_>>().join(" ");
            cx.warn(line.span, "script-user", format!("Unable to set uid/gid for script {words}"));
            script.failed = true;
        }
    }
}

/// The user of `USER [GROUP]` at a position of a line; `None` if one of them does not exist.
pub(crate) fn named_user(line: &Statement, at: usize, cx: &mut Cx<'_>) -> Option<User> {
    let name = line.text(at)?;
    let Some(mut user) = cx.system.user(&name) else {
        cx.remark(format!("Script user '{name}' does not exist"));
        return None;
    };
    if let Some(group) = line.text(at + 1) {
        match cx.system.group(&group) {
            Some(gid) => user.gid = gid,
            None => {
                cx.remark(format!("Script group '{group}' does not exist"));
                return None;
            }
        }
    }
    Some(user)
}

/// Who scripts run as that do not say so themselves. Says once that the usual user is missing.
pub(crate) fn default_user(cx: &mut Cx<'_>) -> Option<User> {
    match cx.default_user {
        DefaultUser::Known(user) => Some(user),
        DefaultUser::Nobody => None,
        DefaultUser::Unknown => {
            let found = cx.system.user("keepalived_script");
            if found.is_none() {
                cx.remark("Script user 'keepalived_script' does not exist");
            }
            let user = found.or_else(|| (!cx.script_security).then(|| cx.system.own_user()));
            cx.default_user = user.map_or(DefaultUser::Nobody, DefaultUser::Known);
            user
        }
    }
}

/// The words of a command that is a line's first parameter.
pub(crate) fn command(line: &Statement, cx: &mut Cx<'_>) -> Option<Vec<BString>> {
    let raw = line.word(1)?;
    match command_words(&raw.raw) {
        Ok(words) if !words.is_empty() => Some(words),
        Ok(_) => {
            cx.remark(format!("Unable to parse script '{}' - ignoring", raw.word.lossy()));
            None
        }
        Err(_) => {
            let text = format!("Unterminated quote in script '{}'", raw.word.lossy());
            cx.refuse(line.span, "unterminated-quote", text);
            None
        }
    }
}

/// `KEYWORD COMMAND [USER [GROUP]]`.
pub(crate) fn notify_command(line: &Statement, cx: &mut Cx<'_>) -> Option<CommandDecl> {
    let words = command(line, cx)?;
    let user = if line.words.len() > 2 { named_user(line, 2, cx) } else { default_user(cx) };
    match user {
        Some(user) => Some(CommandDecl { words, user }),
        None => {
            let what = words.first().map(ToString::to_string).unwrap_or_default();
            cx.remark(if line.words.len() > 2 {
                format!("Invalid user/group for notify script {what} - ignoring")
            } else {
                format!("Failed to set default user for notify script {what} - ignoring")
            });
            None
        }
    }
}

const OBEYED: [Keyword<ScriptDecl>; 8] = [
    Keyword { name: "script", parameters: 0, set: Set::Custom(script), doc: "The command to run." },
    Keyword {
        name: "interval",
        parameters: 1,
        set: Set::Custom(interval),
        doc: "Seconds between two runs; 1.",
    },
    Keyword {
        name: "timeout",
        parameters: 1,
        set: Set::Custom(timeout),
        doc: "Seconds after which a run has failed; the interval.",
    },
    Keyword {
        name: "weight",
        parameters: 1,
        set: Set::Custom(weight),
        doc: "What the result adds to the priority of instances that track it; 0 makes failing a fault.",
    },
    Keyword {
        name: "rise",
        parameters: 1,
        set: Set::Unsigned {
            field: |s| &mut s.rise,
            min: 1,
            max: 2_147_483_647,
            bad: "({n}): vrrp script rise value '{v}' invalid, defaulting to 1",
        },
        doc: "Successes in a row until it is good; 1.",
    },
    Keyword {
        name: "fall",
        parameters: 1,
        set: Set::Unsigned {
            field: |s| &mut s.fall,
            min: 1,
            max: 2_147_483_647,
            bad: "({n}): vrrp script fall value '{v}' invalid, defaulting to 1",
        },
        doc: "Failures in a row until it is bad; 1.",
    },
    Keyword { name: "user", parameters: 1, set: Set::Custom(user), doc: "User and group to run it as." },
    Keyword {
        name: "init_fail",
        parameters: 0,
        set: Set::Flag(|s| &mut s.init_fail),
        doc: "It counts as failing until it has succeeded once; the reference forgets this of tracked scripts.",
    },
];

pub(crate) const TABLES: [&[Keyword<ScriptDecl>]; 1] = [&OBEYED];
