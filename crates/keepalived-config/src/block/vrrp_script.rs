//! `vrrp_script`, the users that scripts run as, and script command lines. keepalived.conf(5), "VRRP script".

use bstr::BString;
use config_text::Span;

use crate::declared::{CommandDecl, DefaultUser, ScriptDecl};
use crate::number::Rest;
use crate::registry::{Cx, Keyword, Set};
use crate::resolved::User;
use crate::tree::Statement;
use crate::words::{Unterminated, command_words};

/// The longest interval, 2^32 microseconds, in whole seconds: milliseconds.
const INTERVAL_MAX: u64 = 4_294_000;

fn script(script: &mut ScriptDecl, line: &Statement, cx: &mut Cx<'_>) {
    script.words = command(line, cx).or(script.words.take());
}

fn interval(script: &mut ScriptDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    let name = script.name.clone();
    match cx.milliseconds(line.span, &text, 0, INTERVAL_MAX, Rest::Said) {
        Some(value) if !value.is_zero() => script.interval = Some(value),
        None => {
            let text =
                format!("({name}): vrrp script interval '{text}' must be between 0.001 and 4294 - ignoring");
            cx.warn(line.span, "interval", text);
        }
        Some(_) => {
            let text = format!("({name}): vrrp script interval must be greater than 0, setting to 1");
            cx.warn(line.span, "interval", text);
            script.interval = Some(std::time::Duration::from_secs(1));
        }
    }
}

fn timeout(script: &mut ScriptDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    let name = script.name.clone();
    match cx.milliseconds(line.span, &text, 0, INTERVAL_MAX, Rest::Said) {
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
                format!("({name}): vrrp script timeout '{text}' invalid - ignoring"),
            );
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
    user_of(&line.text(at)?, line.text(at + 1).as_deref(), cx)
}

fn user_of(name: &str, group: Option<&str>, cx: &mut Cx<'_>) -> Option<User> {
    let Some(mut user) = cx.system.user(name) else {
        cx.remark(format!("Script user '{name}' does not exist"));
        return None;
    };
    if let Some(group) = group {
        match cx.system.group(group) {
            Some(gid) => user.gid = gid,
            None => {
                cx.remark(format!("Script group '{group}' does not exist"));
                return None;
            }
        }
    }
    Some(user)
}

/// Who scripts run as that do not say so themselves. Says once, at the first of them, that the usual user is missing.
pub(crate) fn default_user(span: Span, cx: &mut Cx<'_>) -> Option<User> {
    match cx.default_user {
        DefaultUser::Known(user) => Some(user),
        DefaultUser::Nobody => None,
        DefaultUser::Unknown => {
            let found = cx.system.user("keepalived_script");
            if found.is_none() {
                cx.remark("Script user 'keepalived_script' does not exist");
            }
            let user = found.or_else(|| (!cx.script_security).then(|| cx.system.own_user()));
            if user.is_none() {
                cx.warn(span, "script-user", "Unable to set default user keepalived_script for script");
            }
            cx.default_user = user.map_or(DefaultUser::Nobody, DefaultUser::Known);
            user
        }
    }
}

/// What a line runs, and the words behind it.
struct CommandLine {
    /// The command as written.
    raw: BString,
    /// Its words.
    words: Vec<BString>,
    /// User and group.
    more: Vec<String>,
}

/// `KEYWORD COMMAND …`. `what` it is, for messages.
fn command_line(line: &Statement, what: &str, cx: &mut Cx<'_>) -> Option<CommandLine> {
    let split = |line: &Statement| -> Result<Option<CommandLine>, Unterminated> {
        let mut quoted = line.quoted_words()?.into_iter().skip(1);
        let Some(command) = quoted.next() else { return Ok(None) };
        let words = command_words(&command.raw)?;
        let more = quoted.map(|word| word.text.to_string()).collect();
        Ok(Some(CommandLine { raw: command.raw, words, more }))
    };
    match split(line) {
        Ok(Some(found)) if !found.words.is_empty() => Some(found),
        Ok(found) => {
            let raw = found.map(|found| found.raw.to_string()).unwrap_or_default();
            cx.remark(format!("Unable to parse {what} '{raw}' - ignoring"));
            None
        }
        Err(_) => {
            let source = String::from_utf8_lossy(&line.source);
            cx.refuse(line.span, "unterminated-quote", format!("Unterminated quote in {what} '{source}'"));
            None
        }
    }
}

/// The first word of a command, for messages about a line that does not count.
pub(crate) fn first_word(line: &Statement) -> String {
    let quoted = line.quoted_words().ok().and_then(|words| words.into_iter().nth(1));
    let words = quoted.and_then(|word| command_words(&word.raw).ok()).unwrap_or_default();
    words.first().map(ToString::to_string).unwrap_or_default()
}

/// The words of a command that is a line's first parameter.
pub(crate) fn command(line: &Statement, cx: &mut Cx<'_>) -> Option<Vec<BString>> {
    command_line(line, "script", cx).map(|found| found.words)
}

/// `KEYWORD COMMAND [USER [GROUP]]`.
pub(crate) fn notify_command(line: &Statement, cx: &mut Cx<'_>) -> Option<CommandDecl> {
    let CommandLine { words, more, .. } = command_line(line, "notify script", cx)?;
    let named = more.first().map(|name| user_of(name, more.get(1).map(String::as_str), cx));
    let is_named = named.is_some();
    match named.unwrap_or_else(|| default_user(line.span, cx)) {
        Some(user) => Some(CommandDecl { words, user }),
        None => {
            let what = words.first().map(ToString::to_string).unwrap_or_default();
            cx.remark(if is_named {
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
