//! The master CLI's list of commands: `help`, and what is suggested for a word that is none.

use config_text::spelling;
use std::fmt::Write as _;

/// Usage and description, in the order of `help`.
const COMMANDS: &[(&str, &str)] = &[
    ("@!<pid>", "send a command to the <pid> process"),
    ("@<relative pid>", "send a command to the <relative pid> process"),
    ("@master", "send a command to the master process"),
    ("hard-reload", "achieve a hard-reload (-st) of haproxy"),
    ("operator", "lower the level of the current CLI session to operator"),
    ("reload", "achieve a soft-reload (-sf) of haproxy"),
    ("show cli level", "display the level of the current CLI session"),
    ("show cli sockets", "dump list of cli sockets"),
    ("show proc", "show processes status"),
    ("show startup-logs", "report logs emitted during HAProxy startup"),
    ("show version", "show version of the current process"),
    ("user", "lower the level of the current CLI session to user"),
];

/// Commands that every CLI has; always listed.
const BUILT_IN: [(&str, &str); 3] = [
    ("help [<command>]", "list matching or all commands"),
    ("prompt [timed]", "toggle interactive mode with prompt"),
    ("quit", "disconnect"),
];

/// The names of all commands, without their arguments.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|(usage, _)| *usage).chain(MODES)
}

/// Commands that set something for the connection; the list does not show them.
const MODES: [&str; 3] = ["expert-mode", "experimental-mode", "mcli-debug-mode"];

/// Most commands that are suggested for one word.
const SUGGESTIONS: usize = 5;

/// `help`, with or without words.
pub(crate) fn help(words: &[&str]) -> String {
    let commands = if words.is_empty() { COMMANDS.to_vec() } else { nearest(words) };
    list("The following commands are valid at this level:", &commands)
}

/// The answer to words that are no command.
pub(crate) fn unknown(words: &[&str]) -> String {
    let first = words.first().copied().unwrap_or_default();
    let heading =
        format!("Unknown command: '{first}', but maybe one of the following ones is a better match:");
    list(&heading, &nearest(words))
}

/// Commands that share the most leading words with what was typed, the likest first words after them.
fn nearest(words: &[&str]) -> Vec<(&'static str, &'static str)> {
    let mut longest = 0;
    let mut ranked: Vec<(usize, (&str, &str))> = Vec::new();
    for &(usage, what) in COMMANDS {
        let own: Vec<&str> = if usage.starts_with('@') { vec![usage] } else { usage.split(' ').collect() };
        let common = own.iter().zip(words).take_while(|(own, typed)| own == typed).count();
        if common < longest {
            continue;
        }
        if common > longest {
            longest = common;
            ranked.clear();
        }
        let typed = words.get(common..).unwrap_or_default().concat();
        let rest = own.get(common..).unwrap_or_default().concat();
        if typed.is_empty() {
            ranked.push((0, (usage, what)));
            continue;
        }
        let distance = spelling::distance(&typed, &rest);
        if distance < 5 * (typed.len() + rest.len()) / 2 {
            ranked.push((distance, (usage, what)));
        }
    }
    if words.len() > longest {
        ranked.sort_by_key(|(distance, _)| *distance);
        let best = ranked.first().map_or(0, |(distance, _)| *distance);
        ranked.retain(|(distance, _)| 2 * distance <= 5 * best);
        ranked.truncate(SUGGESTIONS);
    }
    COMMANDS.iter().copied().filter(|command| ranked.iter().any(|(_, chosen)| chosen == command)).collect()
}

fn list(heading: &str, commands: &[(&'static str, &'static str)]) -> String {
    let mut text = format!("{heading}\n");
    for (usage, what) in commands.iter().chain(&BUILT_IN) {
        let _ = writeln!(text, "  {usage:<40}: {what}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(words: &[&str]) -> Vec<&'static str> {
        nearest(words).into_iter().map(|(usage, _)| usage).collect()
    }

    #[test]
    fn suggestions_are_the_reference_s() {
        assert_eq!(suggested(&["relo"]), ["hard-reload", "reload", "user"]);
        assert_eq!(
            suggested(&["showx"]),
            ["show cli level", "show cli sockets", "show proc", "show version", "user"]
        );
        assert_eq!(suggested(&["show", "prc"]), ["show proc"]);
        assert_eq!(suggested(&["show"]).len(), 5);
        assert_eq!(suggested(&["show", "foo"]).len(), 5);
    }
}
