//! The commands as rows: how one is found by its words, listed by `help`, and suggested for a word that is none.

use super::reply::Reply;
use super::session::Session;
use crate::Scope;
use config_text::spelling;
use haproxy_config::runtime::Level;
use std::future::Future;
use std::pin::Pin;

/// What a command works on.
pub struct Cx<'a> {
    /// The worker's state and the process around it.
    pub scope: &'a Scope,
    /// The connection's own settings.
    pub session: &'a mut Session,
    /// What followed `<<`.
    pub payload: Option<&'a str>,
}

/// A reply that needs other threads' answers.
pub type Later<'a> = Pin<Box<dyn Future<Output = Reply> + 'a>>;

/// How a command runs. Its arguments are the words after its own.
#[derive(Clone, Copy)]
pub enum Run {
    /// At once.
    Now(fn(&mut Cx<'_>, &[String]) -> Reply),
    /// After asking the worker threads.
    Later(for<'a> fn(&'a Scope, &'a Session, &'a [String]) -> Later<'a>),
}

/// One command.
#[derive(Clone, Copy)]
pub struct Command {
    /// Its words.
    pub words: &'static [&'static str],
    /// Words and arguments, as `help` shows them.
    pub usage: &'static str,
    /// What it does, as `help` shows it.
    pub description: &'static str,
    /// The lowest level that may run it.
    pub level: Level,
    /// How it runs.
    pub run: Run,
}

impl Command {
    /// A row.
    #[must_use]
    pub const fn new(
        words: &'static [&'static str],
        usage: &'static str,
        description: &'static str,
        level: Level,
        run: Run,
    ) -> Self {
        Self { words, usage, description, level, run }
    }
}

/// Lines that `help` always ends with.
const BUILT_IN: [(&str, &str); 3] = [
    ("help [<command>]", "list matching or all commands"),
    ("prompt [timed]", "toggle interactive mode with prompt"),
    ("quit", "disconnect"),
];

/// How many suggestions are shown at most.
const SUGGESTIONS: usize = 5;

/// The command that the words begin with: the one with most words when several do.
#[must_use]
pub fn find(words: &[String]) -> Option<&'static Command> {
    super::commands()
        .filter(|c| {
            c.words.len() <= words.len() && c.words.iter().zip(words).all(|(own, typed)| own == typed)
        })
        .max_by_key(|c| c.words.len())
}

/// The commands nearest to what was typed: those that begin with all of its words, else those that are spelled alike.
fn nearest(words: &[String]) -> Vec<&'static Command> {
    let mut ranked: Vec<(usize, &'static Command)> = Vec::new();
    let mut longest = 0;
    for command in super::commands() {
        let common = command.words.iter().zip(words).take_while(|(own, typed)| own == typed).count();
        if common < longest {
            continue;
        }
        if common > longest {
            longest = common;
            ranked.clear();
        }
        let typed: String = words.iter().skip(common).map(String::as_str).collect();
        let own: String = command.words.iter().skip(common).copied().collect();
        if typed.is_empty() {
            ranked.push((0, command));
            continue;
        }
        let distance = spelling::distance(&typed, &own);
        if distance < 5 * (typed.len() + own.len()) / 2 {
            ranked.push((distance, command));
        }
    }
    if words.len() > longest {
        ranked.sort_by_key(|(distance, _)| *distance);
        let best = ranked.first().map_or(0, |(distance, _)| *distance);
        ranked.retain(|(distance, _)| 2 * distance <= 5 * best);
        ranked.truncate(SUGGESTIONS);
    }
    let chosen: Vec<&'static str> = ranked.iter().map(|(_, command)| command.usage).collect();
    super::commands().filter(|command| chosen.contains(&command.usage)).collect()
}

fn list(commands: impl Iterator<Item = &'static Command>) -> String {
    let mut out = String::new();
    for (usage, description) in commands.map(|c| (c.usage, c.description)).chain(BUILT_IN) {
        out.push_str(&format!("  {usage:<40}: {description}\n"));
    }
    out
}

/// `help`, with or without words.
#[must_use]
pub fn help(words: &[String]) -> Reply {
    let list = if words.is_empty() { list(super::commands()) } else { list(nearest(words).into_iter()) };
    Reply::info(format!("The following commands are valid at this level:\n{list}"))
}

/// The answer to words that are no command.
#[must_use]
pub fn unknown(words: &[String]) -> Reply {
    let first = words.first().map_or("", String::as_str);
    Reply::info(format!(
        "Unknown command: '{first}', but maybe one of the following ones is a better match:\n{}",
        list(nearest(words).into_iter())
    ))
}
