//! The stats socket's commands: one table a file, gathered here in the order of `help`.

pub mod command;
pub mod reply;
pub mod serve;
pub mod session;

mod anonymous;
mod clear;
mod dialogue;
mod errors;
mod frontend;
mod patterns;
mod server;
mod show;
mod streams;

use command::Command;

const TABLES: [&[Command]; 9] = [
    anonymous::COMMANDS,
    clear::COMMANDS,
    dialogue::COMMANDS,
    errors::COMMANDS,
    frontend::COMMANDS,
    patterns::COMMANDS,
    server::COMMANDS,
    show::COMMANDS,
    streams::COMMANDS,
];

/// Every command, sorted by its usage text as `help` lists them.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    static SORTED: std::sync::OnceLock<Vec<&'static Command>> = std::sync::OnceLock::new();
    SORTED
        .get_or_init(|| {
            let mut all: Vec<&'static Command> = TABLES.iter().flat_map(|table| table.iter()).collect();
            all.sort_by_key(|command| command.usage);
            all
        })
        .iter()
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_unique_and_documented() {
        let mut seen = std::collections::HashSet::new();
        for command in commands() {
            assert!(seen.insert(command.words), "{:?} stands twice", command.words);
            assert!(!command.description.is_empty());
            assert!(command.usage.starts_with(command.words[0]), "{}", command.usage);
        }
    }

    #[test]
    fn the_longest_match_wins_and_near_words_are_suggested() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            command::find(&words("show servers conn b")).map(|c| c.words),
            Some(&["show", "servers", "conn"][..])
        );
        assert!(command::find(&words("show servers")).is_none());
        let reply::Reply::Message(_, text) = command::unknown(&words("shw stat")) else { unreachable!() };
        assert!(text.starts_with("Unknown command: 'shw', but maybe"), "{text}");
        assert!(text.contains("  show stat [desc|json|no-maint|typed|up]*: report counters"), "{text}");
        assert!(text.ends_with("  quit                                    : disconnect\n"), "{text}");
        let reply::Reply::Message(_, text) = command::unknown(&words("show")) else { unreachable!() };
        assert!(text.contains("show info") && !text.contains("set weight"), "{text}");
    }
}
