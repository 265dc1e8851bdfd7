//! Processes as /proc shows them, and whether one is of the kind that is tracked.

use std::fs;

use keepalived_config::resolved::{ParamMatch, TrackProcess};

/// The kernel keeps so much of a name.
const NAME_MAX: usize = 15;
/// A command line longer than this is cut off.
const COMMAND_MAX: u64 = 128 * 1024;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    name: String,
    command: Vec<String>,
}

impl Process {
    /// Reads a process; none when it is gone or only waits to be reaped.
    pub(super) fn read(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // The name stands in brackets and may hold brackets.
        let (name, rest) = (stat.find('(')?, stat.rfind(')')?);
        let state = stat.get(rest + 1..)?.split_whitespace().next()?;
        if state == "Z" || state == "X" {
            return None;
        }
        let name = stat.get(name + 1..rest)?.to_owned();
        let mut command = Vec::new();
        if let Ok(file) = fs::File::open(format!("/proc/{pid}/cmdline")) {
            let _ = std::io::Read::read_to_end(&mut std::io::Read::take(file, COMMAND_MAX), &mut command);
        }
        let command = command.strip_suffix(b"\0").unwrap_or(&command);
        let words = |bytes: &[u8]| {
            bytes.split(|b| *b == 0).map(|w| String::from_utf8_lossy(w).into_owned()).collect()
        };
        let command = if command.is_empty() { Vec::new() } else { words(command) };
        Some(Self { pid, name, command })
    }

    /// Whether it is tracked.
    pub(super) fn matches(&self, wanted: &TrackProcess) -> bool {
        if !wanted.full_command {
            let cut: String = wanted.process.chars().take(NAME_MAX).collect();
            return self.name == cut;
        }
        let Some((program, parameters)) = self.command.split_first() else { return false };
        *program == wanted.process && parameters_match(parameters, wanted)
    }
}

fn parameters_match(has: &[String], wanted: &TrackProcess) -> bool {
    let wants = &wanted.parameters;
    match wanted.matching {
        ParamMatch::None => true,
        ParamMatch::Exact => has == wants.as_slice(),
        ParamMatch::Initial => has.starts_with(wants),
        ParamMatch::Partial => match wants.split_last() {
            None => true,
            Some((last, first)) => {
                has.starts_with(first) && has.get(first.len()).is_some_and(|h| h.starts_with(last.as_str()))
            }
        },
    }
}

/// Every process there is.
pub(super) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn names_and_command_lines() {
        let process = Process {
            pid: 1,
            name: "haproxy-a-very-".into(),
            command: ["/usr/sbin/haproxy", "-Ws", "-f", "/etc/x.cfg"].map(String::from).into(),
        };
        let wanted = |name: &str, parameters: &[&str], matching, full_command| TrackProcess {
            process: name.into(),
            parameters: parameters.iter().map(ToString::to_string).collect(),
            matching,
            full_command,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        };
        use ParamMatch::{Exact, Initial, Partial};
        let any = ParamMatch::None;
        for (name, parameters, matching, full, want) in [
            ("haproxy-a-very-long-name", &[][..], any, false, true),
            ("haproxy", &[], any, false, false),
            ("/usr/sbin/haproxy", &[], any, true, true),
            ("/usr/sbin/haproxy", &["-Ws"], Exact, true, false),
            ("/usr/sbin/haproxy", &["-Ws", "-f", "/etc/x.cfg"], Exact, true, true),
            ("/usr/sbin/haproxy", &["-Ws"], Initial, true, true),
            ("/usr/sbin/haproxy", &["-f"], Initial, true, false),
            ("/usr/sbin/haproxy", &["-Ws", "-f", "/etc/"], Partial, true, true),
            ("/usr/sbin/haproxy", &["-Ws", "-f", "/etc/"], Initial, true, false),
            ("haproxy", &[], any, true, false),
        ] {
            assert_eq!(
                process.matches(&wanted(name, parameters, matching, full)),
                want,
                "{name} {parameters:?} {matching:?}"
            );
        }
    }

    #[test]
    fn this_process_is_there() {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        assert!(all().iter().any(|p| p.pid == own && !p.command.is_empty()));
        assert_eq!(Process::read(i32::MAX), None);
    }
}
