//! One connection's dialogue, without I/O: bytes in, commands out; the shell runs them and writes the answers.
//!
//! Management manual, section 9.3: one line of commands separated by `;` unless `prompt` was given; `<<` at the end of a command
//! makes the lines up to an empty one its payload.

use super::reply::SeverityOutput;
use haproxy_config::AnonKey;
use haproxy_config::runtime::Level;
use std::time::Duration;

/// Longest line and payload, as large as the reference's buffer.
const LONGEST: usize = 16384;

/// What a connection has set for itself.
#[derive(Clone, Debug)]
pub struct Session {
    /// The level it may act at; only ever lowered.
    pub level: Level,
    /// `set severity-output`
    pub severity: SeverityOutput,
    /// `prompt`
    pub interactive: bool,
    /// `prompt timed`
    pub timed: bool,
    /// `set timeout cli`
    pub timeout: Duration,
    /// `quit` was given.
    pub quit: bool,
    /// `set anon`: the key of the hashes that stand for names and addresses.
    pub anon: AnonKey,
}

impl Session {
    /// A new connection's settings.
    #[must_use]
    pub fn new(level: Level, timeout: Duration) -> Self {
        Self {
            level,
            severity: SeverityOutput::None,
            interactive: false,
            timed: false,
            timeout,
            quit: false,
            anon: AnonKey::default(),
        }
    }

    /// The prompt, after `uptime` of the process.
    #[must_use]
    pub fn prompt(&self, uptime: Duration) -> String {
        if !self.timed {
            return "\n> ".to_owned();
        }
        let s = uptime.as_secs();
        format!("\n[{}:{:02}:{:02}:{:02}]> ", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60)
    }
}

/// One command with its payload.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Request {
    /// Its words.
    pub words: Vec<String>,
    /// The payload without its final empty line.
    pub payload: Option<String>,
    /// Whether it is the last one of its line.
    pub last: bool,
}

/// What the bytes so far amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More bytes are needed.
    More,
    /// A payload has begun and needs more lines.
    MorePayload,
    /// A command.
    Run(Request),
    /// A line or payload is too long: the connection ends.
    TooLong,
}

/// The bytes that were received and not used yet.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
    /// Commands of the current line that are still to run.
    line: Option<Vec<u8>>,
}

impl Input {
    /// Adds what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The peer will send no more: a last line without line feed counts as one.
    pub fn end(&mut self) {
        if !self.bytes.is_empty() && !self.bytes.ends_with(b"\n") {
            self.bytes.push(b'\n');
        }
    }

    /// Takes the next command.
    pub fn next_step(&mut self) -> Step {
        let Some(line) = self.line.take().or_else(|| self.take_line()) else {
            return if self.bytes.len() > LONGEST { Step::TooLong } else { Step::More };
        };
        if line.len() > LONGEST {
            return Step::TooLong;
        }
        let (command, rest) = split_command(&line);
        let mut words = split_words(command);
        let mut payload = None;
        if rest.is_none() && words.last().is_some_and(|word| word == "<<") {
            let Some(text) = self.take_payload() else {
                let too_long = self.bytes.len() > LONGEST;
                self.line = Some(line);
                return if too_long { Step::TooLong } else { Step::MorePayload };
            };
            words.pop();
            payload = Some(text);
        }
        let last = rest.is_none();
        self.line = rest.map(<[u8]>::to_vec);
        Step::Run(Request { words, payload, last })
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.bytes.iter().position(|&b| b == b'\n')?;
        let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    /// The lines up to an empty one, when that one has come.
    fn take_payload(&mut self) -> Option<String> {
        let end = if self.bytes.starts_with(b"\n") {
            0
        } else {
            self.bytes.windows(2).position(|pair| pair == b"\n\n")? + 1
        };
        let text: Vec<u8> = self.bytes.drain(..=end).take(end).collect();
        Some(String::from_utf8_lossy(&text).into_owned())
    }
}

/// The first command of a line and what follows its `;`.
fn split_command(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut escaped = false;
    for (at, &byte) in line.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b';' => return (line.get(..at).unwrap_or_default(), line.get(at + 1..)),
            _ => {}
        }
    }
    (line, None)
}

/// Words between blanks; a backslash takes the next byte as it is.
fn split_words(command: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = command.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' => words.extend(word.take()),
            b'\\' => word.get_or_insert_default().extend(bytes.next()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words.into_iter().map(|w| String::from_utf8_lossy(&w).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str], last: bool) -> Step {
        Step::Run(Request { words: words.iter().map(|w| (*w).to_owned()).collect(), payload: None, last })
    }

    #[test]
    fn commands_of_a_line_come_one_by_one_however_the_bytes_are_cut() {
        let text = b"show info;show\\ stat  a\\;b; \nquit\r\n";
        for cut in 0..text.len() {
            let mut input = Input::default();
            let mut steps = Vec::new();
            for part in [&text[..cut], &text[cut..]] {
                input.feed(part);
                loop {
                    match input.next_step() {
                        Step::More => break,
                        step => steps.push(step),
                    }
                }
            }
            let expected = [
                run(&["show", "info"], false),
                run(&["show stat", "a;b"], false),
                run(&[], true),
                run(&["quit"], true),
            ];
            assert_eq!(steps, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_payload_ends_at_an_empty_line() {
        let mut input = Input::default();
        input.feed(b"add map f <<\nk v\n");
        assert_eq!(input.next_step(), Step::MorePayload);
        input.feed(b"x y\n\nshow info\n");
        let Step::Run(request) = input.next_step() else { unreachable!() };
        assert_eq!(request.words, ["add", "map", "f"]);
        assert_eq!(request.payload.as_deref(), Some("k v\nx y\n"));
        assert_eq!(input.next_step(), run(&["show", "info"], true));
    }

    #[test]
    fn an_endless_line_ends_the_connection() {
        let mut input = Input::default();
        input.feed(&vec![b'a'; LONGEST + 1]);
        assert_eq!(input.next_step(), Step::TooLong);
    }

    #[test]
    fn a_last_line_needs_no_line_feed() {
        let mut input = Input::default();
        input.feed(b"show info");
        assert_eq!(input.next_step(), Step::More);
        input.end();
        assert_eq!(input.next_step(), run(&["show", "info"], true));
    }
}
