//! `set anon` and `show anon`: whether what this connection is shown has hashes in place of names and addresses.

use super::command::{Command, Cx, Run};
use super::reply::Reply;
use haproxy_config::AnonKey;
use haproxy_config::runtime::Level;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

fn set_on(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    let key = match args.first() {
        Some(text) => match key(text).filter(|key| key.is_set()) {
            Some(key) => key,
            None => return Reply::error("Value out of range (1 to 4294967295 expected)."),
        },
        None => cx.scope.anon_key.get(),
    };
    cx.session.anon = if key.is_set() { key } else { random() };
    Reply::Done
}

fn set_off(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    if !args.is_empty() {
        return Reply::error("Key can't be added while disabling anonymized mode");
    }
    cx.session.anon = AnonKey::default();
    Reply::Done
}

fn set_global_key(cx: &mut Cx<'_>, args: &[String]) -> Reply {
    // HAPROXY: any text is taken, and the key is 0 afterwards.
    match args.first().and_then(|text| key(text)) {
        Some(key) => {
            cx.scope.anon_key.set(key);
            Reply::Done
        }
        None => Reply::error("Value out of range (0 to 4294967295 expected)."),
    }
}

fn show(cx: &mut Cx<'_>, _: &[String]) -> Reply {
    let key = cx.session.anon;
    if !key.is_set() {
        return Reply::info("Anonymized mode disabled");
    }
    // Who may not see everything may not undo the hashes of others.
    let shown =
        if cx.session.level >= Level::Operator { format!("\nKey : {}", key.0) } else { String::new() };
    Reply::info(format!("Anonymized mode enabled{shown}"))
}

/// A key as it is written: 32 bits.
fn key(text: &str) -> Option<AnonKey> {
    u32::try_from(units::lenient_int(text)).ok().map(AnonKey)
}

fn random() -> AnonKey {
    let number = RandomState::new().build_hasher().finish();
    AnonKey((number as u32).max(1))
}

/// This file's commands.
pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        &["set", "anon", "global-key"],
        "set anon global-key <value>",
        "change the global anonymizing key",
        Level::Admin,
        Run::Now(set_global_key),
    ),
    Command::new(
        &["set", "anon", "off"],
        "set anon off",
        "deactivate the anonymized mode",
        Level::User,
        Run::Now(set_off),
    ),
    Command::new(
        &["set", "anon", "on"],
        "set anon on [value]",
        "activate the anonymized mode",
        Level::User,
        Run::Now(set_on),
    ),
    Command::new(
        &["show", "anon"],
        "show anon",
        "display the current state of anonymized mode",
        Level::User,
        Run::Now(show),
    ),
];
