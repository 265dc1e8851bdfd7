//! The command line (management manual, section 3).
//!
//! HAProxy's options are one-dash words that getopt and clap both refuse (`-dM0x50,no-merge`, `-sf 1 2`, `-Ws`). A normaliser gives
//! each a long name, and clap does the rest. What stands on the command line rules over the configuration.

use clap::{Arg, ArgAction, ArgMatches, Command};
use haproxy_config::Show;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What was asked on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// What to do.
    pub(crate) action: Action,
    /// `-f` and `--`: files and directories, in order.
    pub(crate) configuration: Vec<OsString>,
    /// `-C`: directory to change to first.
    pub(crate) directory: Option<OsString>,
    /// `-D`
    pub(crate) daemon: bool,
    /// `-db`, or `-d`: stay in the foreground whatever else says.
    pub(crate) foreground: bool,
    /// `-d`: talk.
    pub(crate) debug: bool,
    /// `-V`
    pub(crate) verbose: bool,
    /// `-q`
    pub(crate) quiet: bool,
    /// `-W` or `-Ws`
    pub(crate) master_worker: bool,
    /// `-Ws`: tell the service manager.
    pub(crate) notify: bool,
    /// `-p`
    pub(crate) pid_file: Option<OsString>,
    /// `-S`: master CLI sockets, each a bind line with commas.
    pub(crate) master_sockets: Vec<String>,
    /// `-sf` or `-st` and its process ids.
    pub(crate) old: Option<OldProcesses>,
    /// `-x`: where to get listening sockets from.
    pub(crate) sockets_from: Option<String>,
    /// `-n`
    pub(crate) maxconn: Option<u32>,
    /// `-N`
    pub(crate) proxy_maxconn: Option<u32>,
    /// `-L`
    pub(crate) local_peer: Option<String>,
    /// `-dr`: unknown host names disable their server.
    pub(crate) ignore_unresolved: bool,
    /// `-dW`: a warning is an error.
    pub(crate) zero_warning: bool,
    /// `-dD`: diagnostics.
    pub(crate) diagnostics: bool,
    /// `-dR`: no SO_REUSEPORT.
    pub(crate) no_reuse_port: bool,
    /// `-dS`: no splice.
    pub(crate) no_splice: bool,
    /// `-dI`: children may be forked.
    pub(crate) insecure_fork: bool,
    /// `-dL`: list the loaded objects.
    pub(crate) list_objects: bool,
    /// `-dC`: show the configuration's lines, in this way, and end.
    pub(crate) show_lines: Option<Show>,
    /// `-m`: memory that the process may take, MiB.
    pub(crate) memory_mb: Option<u32>,
    /// `-dK`: classes of keywords to list.
    pub(crate) keyword_classes: Option<String>,
    /// Options that change nothing here but how the program does its work; each deserves a notice.
    pub(crate) without_effect: Vec<String>,
}

/// What the program is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Action {
    /// Serve.
    #[default]
    Run,
    /// `-c`
    Check,
    /// `-cc`
    Condition(String),
    /// `-v`
    Version,
    /// `-vv`
    BuildOptions,
    /// `-dMhelp`
    MemoryHelp,
}

/// Older processes to replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldProcesses {
    /// Terminate them (`-st`) rather than let them finish (`-sf`).
    pub(crate) terminate: bool,
    /// Their ids.
    pub(crate) pids: Vec<i32>,
}

/// Why a command line is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Show the usage.
    Usage,
    /// Say this and show the usage.
    AlertAndUsage(String),
    /// Say this.
    Alert(String),
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Invocation, Refusal> {
    let words = normalise(arguments)?;
    if let Some(last) =
        words.last().filter(|w| *w == "--version" || *w == "--build-options" || *w == "--memory-help")
    {
        // These answer at once, whatever stands around them.
        let action = match last.to_str() {
            Some("--version") => Action::Version,
            Some("--build-options") => Action::BuildOptions,
            _ => Action::MemoryHelp,
        };
        return Ok(Invocation { action, ..Invocation::default() });
    }
    let matches = grammar().try_get_matches_from(words).map_err(|_| Refusal::Usage)?;
    let mut invocation = read(&matches)?;
    invocation.without_effect = texts(&matches, "pointless");
    if invocation.configuration.is_empty() && !matches!(invocation.action, Action::Condition(_)) {
        return Err(Refusal::Usage);
    }
    Ok(invocation)
}

fn grammar() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::Count);
    let value = |name: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::Append)
            .require_equals(true)
            .num_args(1)
            .value_parser(clap::builder::OsStringValueParser::new())
    };
    Command::new("haproxy")
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(FLAGS.iter().map(|&name| flag(name)))
        .args(VALUES.iter().map(|&name| value(name)))
}

const FLAGS: &[&str] = &[
    "check",
    "daemon",
    "debug",
    "diagnostics",
    "finish-old",
    "foreground",
    "ignore-unresolved",
    "insecure-fork",
    "list-objects",
    "master-worker",
    "no-reuse-port",
    "no-splice",
    "notify",
    "quiet",
    "terminate-old",
    "verbose",
    "zero-warning",
];

const VALUES: &[&str] = &[
    "condition",
    "config",
    "directory",
    "keywords",
    "local-peer",
    "master-socket",
    "maxconn",
    "memory",
    "old-pid",
    "pid-file",
    "pointless",
    "proxy-maxconn",
    "show-lines",
    "sockets-from",
];

fn read(matches: &ArgMatches) -> Result<Invocation, Refusal> {
    let set = |name: &str| matches.get_count(name) > 0;
    let last = |name: &str| matches.get_many::<OsString>(name).and_then(|mut all| all.next_back()).cloned();
    let last_text = |name: &str| last(name).map(|v| v.to_string_lossy().into_owned());
    // HAPROXY: numbers are read as atol reads them: garbage is zero, and zero is as if the option were not there.
    let number = |name: &str| last_text(name).map(|v| leading_number(&v)).filter(|&n| n > 0);
    let old = if set("finish-old") || set("terminate-old") {
        let option = if set("terminate-old") { "-st" } else { "-sf" };
        let pids: Result<Vec<i32>, Refusal> =
            texts(matches, "old-pid").iter().map(|text| process_id(option, text)).collect();
        Some(OldProcesses { terminate: set("terminate-old"), pids: pids? })
    } else {
        None
    };
    let action = match last_text("condition") {
        Some(condition) => Action::Condition(condition),
        None if set("check") => Action::Check,
        None => Action::Run,
    };
    Ok(Invocation {
        action,
        configuration: matches
            .get_many::<OsString>("config")
            .map(|all| all.cloned().collect())
            .unwrap_or_default(),
        directory: last("directory"),
        daemon: set("daemon"),
        foreground: set("foreground") || set("debug"),
        debug: set("debug"),
        verbose: set("verbose"),
        quiet: set("quiet"),
        master_worker: set("master-worker") || set("notify"),
        notify: set("notify"),
        pid_file: last("pid-file"),
        master_sockets: texts(matches, "master-socket"),
        old,
        sockets_from: last_text("sockets-from"),
        maxconn: number("maxconn"),
        proxy_maxconn: number("proxy-maxconn"),
        local_peer: last_text("local-peer"),
        ignore_unresolved: set("ignore-unresolved"),
        zero_warning: set("zero-warning"),
        diagnostics: set("diagnostics"),
        no_reuse_port: set("no-reuse-port"),
        no_splice: set("no-splice"),
        insecure_fork: set("insecure-fork"),
        list_objects: set("list-objects"),
        show_lines: last_text("show-lines").map(|text| show(&text)),
        memory_mb: number("memory"),
        keyword_classes: last_text("keywords"),
        without_effect: Vec::new(),
    })
}

fn texts(matches: &ArgMatches, name: &str) -> Vec<String> {
    let all = matches.get_many::<OsString>(name).into_iter().flatten();
    all.map(|value| value.to_string_lossy().into_owned()).collect()
}

fn process_id(option: &str, text: &str) -> Result<i32, Refusal> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    match text.get(..digits).and_then(|t| t.parse::<i32>().ok()) {
        Some(pid) if digits == text.len() && pid > 0 => Ok(pid),
        Some(_) if digits == text.len() => {
            Err(Refusal::AlertAndUsage(format!("{option}: invalid process id '{text}'")))
        }
        _ => Err(Refusal::Alert(format!("{option} option: some bytes unconsumed in PID list {{{text}}}"))),
    }
}

fn leading_number(text: &str) -> u32 {
    let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// `-dC[<key>][,line]`. HAPROXY: the key is read as strtoul reads it, and taken modulo 2^32; other words are passed over.
fn show(text: &str) -> Show {
    let key = text.trim_start();
    let (negative, digits) = match key.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, key.strip_prefix('+').unwrap_or(key)),
    };
    let number = digits
        .bytes()
        .take_while(u8::is_ascii_digit)
        .try_fold(0u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    let number = number.unwrap_or(u64::MAX);
    let key = if negative { number.wrapping_neg() } else { number } & u64::from(u32::MAX);
    Show { key: u32::try_from(key).unwrap_or(0), numbered: text.split(',').any(|word| word == "line") }
}

/// Gives every option a long name; a value follows after `=`.
fn normalise(arguments: impl Iterator<Item = OsString>) -> Result<Vec<OsString>, Refusal> {
    let mut arguments = arguments.peekable();
    let mut words = Vec::new();
    while let Some(argument) = arguments.next() {
        let Some(option) = argument.as_bytes().strip_prefix(b"-").filter(|o| !o.is_empty()) else {
            return Err(Refusal::Usage);
        };
        match option {
            b"-" => words.extend(arguments.by_ref().map(|file| long("config", &file))),
            b"v" | b"vv" => {}
            b"V" => words.push("--verbose".into()),
            b"D" => words.push("--daemon".into()),
            b"q" => words.push("--quiet".into()),
            b"c" => words.push("--check".into()),
            b"W" => words.push("--master-worker".into()),
            b"Ws" => words.push("--notify".into()),
            b"sf" | b"st" => {
                let name = if option == b"sf" { "--finish-old" } else { "--terminate-old" };
                words.push(name.into());
                while let Some(pid) = arguments.next_if(|next| !next.as_bytes().starts_with(b"-")) {
                    words.push(long("old-pid", &pid));
                }
            }
            b"cc" => {
                let condition = arguments.next().ok_or(Refusal::Usage)?;
                words.push(long("condition", &condition));
            }
            _ => match option.first() {
                // HAPROXY: what follows the letter is ignored; the value is the next argument.
                Some(b'x') => {
                    let missing = || {
                        Refusal::AlertAndUsage("Unix socket path expected with the -x flag\n\n".to_owned())
                    };
                    let source = arguments.next_if(|next| !next.as_bytes().starts_with(b"-"));
                    words.push(long("sockets-from", &source.ok_or_else(missing)?));
                }
                Some(letter @ (b'f' | b'C' | b'p' | b'L' | b'S' | b'n' | b'N' | b'm')) => {
                    let missing = || Refusal::Alert("failed to copy argv.".to_owned());
                    let value = arguments.next().ok_or_else(missing)?;
                    words.push(long(named(*letter), &value));
                }
                Some(b'd') if option.get(1) == Some(&b't') => {
                    // HAPROXY: what follows the letters is ignored; the description is the next argument.
                    let description = arguments.next_if(|next| !next.as_bytes().starts_with(b"-"));
                    return Err(trace_option(description.unwrap_or_default().as_bytes()));
                }
                Some(b'd') => debug_option(option.get(1..).unwrap_or_default(), &mut words)?,
                Some(b'v') => {}
                _ => return Err(Refusal::Usage),
            },
        }
        if option.first() == Some(&b'v') {
            let name = if option.get(1) == Some(&b'v') { "--build-options" } else { "--version" };
            words.push(name.into());
            return Ok(words);
        }
        if words.last().is_some_and(|word| word == "--memory-help") {
            return Ok(words);
        }
    }
    Ok(words)
}

fn named(letter: u8) -> &'static str {
    match letter {
        b'f' => "config",
        b'C' => "directory",
        b'p' => "pid-file",
        b'L' => "local-peer",
        b'S' => "master-socket",
        b'n' => "maxconn",
        b'N' => "proxy-maxconn",
        _ => "memory",
    }
}

fn debug_option(option: &[u8], words: &mut Vec<OsString>) -> Result<(), Refusal> {
    let flag = match option {
        b"b" => "--foreground",
        b"r" => "--ignore-unresolved",
        b"W" => "--zero-warning",
        b"D" => "--diagnostics",
        b"R" => "--no-reuse-port",
        b"S" => "--no-splice",
        b"I" => "--insecure-fork",
        b"L" => "--list-objects",
        // TLS to servers is refused as long as it is not there, so there is nothing to leave unverified. poll() is never used.
        b"V" | b"p" => return Ok(()),
        b"e" | b"G" | b"F" | b"Z" => {
            words.push(long("pointless", &OsString::from_vec([b"-d", option].concat())));
            return Ok(());
        }
        _ => match option.first() {
            Some(b'K') => {
                words.push(long("keywords", OsStr::from_bytes(option.get(1..).unwrap_or_default())));
                return Ok(());
            }
            Some(b'M') => return memory_option(option.get(1..).unwrap_or_default(), words),
            Some(b'C') => {
                words.push(long("show-lines", OsStr::from_bytes(option.get(1..).unwrap_or_default())));
                return Ok(());
            }
            // HAPROXY: any other letters are plain debug mode.
            _ => "--debug",
        },
    };
    words.push(flag.into());
    Ok(())
}

/// `-dt [<source>[:<level>[:<verbosity>]],...]`: what the reference says of words that it does not know. There are no traces here:
/// any other description is refused.
fn trace_option(description: &[u8]) -> Refusal {
    let description = String::from_utf8_lossy(description).into_owned();
    for element in description.split(',').filter(|element| !element.is_empty()) {
        let mut parts = element.split(':');
        let source = parts.next().unwrap_or_default();
        if !source.is_empty() && !TRACE_SOURCES.contains(&source) {
            return Refusal::Alert(format!("-dt: unknown trace source '{source}'."));
        }
        let level = parts.next().unwrap_or_default();
        if !level.is_empty() && !TRACE_LEVELS.contains(&level) {
            return Refusal::Alert(format!(
                "-dt: no such trace level '{level}', available levels are 'error', 'user', 'proto', 'state', 'data', and 'developer'."
            ));
        }
    }
    not_built(format!("-dt {description}").trim_end())
}

const TRACE_SOURCES: &[&str] =
    &["applet", "check", "fcgi", "h1", "h2", "h3", "peers", "pt", "qmux", "quic", "stream"];
const TRACE_LEVELS: &[&str] = &["error", "user", "proto", "state", "data", "developer"];

/// `-dM[<byte>[,]][option,...]`: there are no pools to poison here; the words are checked as the reference checks them.
fn memory_option(option: &[u8], words: &mut Vec<OsString>) -> Result<(), Refusal> {
    let text = String::from_utf8_lossy(option);
    let rest = match text.strip_prefix("0x") {
        Some(hex) => hex.trim_start_matches(|c: char| c.is_ascii_hexdigit()),
        None => text.trim_start_matches(|c: char| c.is_ascii_digit()),
    };
    for word in rest.split(',').filter(|word| !word.is_empty()) {
        if word == "help" {
            words.push("--memory-help".into());
            return Ok(());
        }
        if !MEMORY_OPTIONS.contains(&word.strip_prefix("no-").unwrap_or(word)) {
            return Err(Refusal::Alert(format!("-dM: unknown pool debugging feature <{word}>")));
        }
    }
    words.push(long("pointless", &OsString::from(format!("-dM{text}"))));
    Ok(())
}

const MEMORY_OPTIONS: &[&str] = &[
    "fail",
    "merge",
    "cold-first",
    "hot-first",
    "integrity",
    "global",
    "cache",
    "caller",
    "tag",
    "poison",
    "uaf",
];

fn not_built(option: &str) -> Refusal {
    Refusal::Alert(format!("'{option}' is not implemented yet in haproxy-rs"))
}

fn long(name: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(format!("--{name}="));
    word.push(value);
    word
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn parsed(line: &str) -> Result<Invocation, Refusal> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_grammar_is_sound() {
        grammar().debug_assert();
    }

    #[test]
    fn one_dash_words_are_understood() {
        let i = parsed("-Ws -f a.cfg -f b -p /run/h.pid -S /run/m.sock,mode,600 -- c.cfg d.cfg").unwrap();
        assert!(i.master_worker && i.notify && !i.daemon);
        assert_eq!(i.configuration, ["a.cfg", "b", "c.cfg", "d.cfg"]);
        assert_eq!(i.pid_file.unwrap(), "/run/h.pid");
        assert_eq!(i.master_sockets, ["/run/m.sock,mode,600"]);
        assert_eq!(i.action, Action::Run);
    }

    #[test]
    fn old_processes_end_at_the_next_option() {
        let i = parsed("-D -sf 12 34 -x /run/h.sock -f a").unwrap();
        assert_eq!(i.old, Some(OldProcesses { terminate: false, pids: vec![12, 34] }));
        assert_eq!(i.sockets_from.as_deref(), Some("/run/h.sock"));
        let i = parsed("-f a -st").unwrap();
        assert_eq!(i.old, Some(OldProcesses { terminate: true, pids: vec![] }));
        let text = "-sf option: some bytes unconsumed in PID list {x}";
        assert_eq!(parsed("-sf 1 x -f a"), Err(Refusal::Alert(text.to_owned())));
    }

    #[test]
    fn versions_win_over_everything_behind_them() {
        assert_eq!(parsed("-v").unwrap().action, Action::Version);
        assert_eq!(parsed("-vq").unwrap().action, Action::Version);
        assert_eq!(parsed("-vvq").unwrap().action, Action::BuildOptions);
        assert_eq!(parsed("-f a -v -Z").unwrap().action, Action::Version);
        assert_eq!(parsed("-dMhelp").unwrap().action, Action::MemoryHelp);
    }

    #[test]
    fn what_the_reference_shows_the_usage_for() {
        for line in [
            "",
            "-h",
            "--help",
            "--version",
            "-Z",
            "word",
            "-c",
            "-c -f a word",
            "-cV",
            "-Dx",
            "-sf1",
            "-",
            "-cc",
            "-dKhelp",
        ] {
            assert_eq!(parsed(line), Err(Refusal::Usage), "{line}");
        }
        for line in ["-f", "-C", "-n", "-fa", "-n5"] {
            assert_eq!(parsed(line), Err(Refusal::Alert("failed to copy argv.".to_owned())), "{line}");
        }
        assert!(matches!(parsed("-x"), Err(Refusal::AlertAndUsage(_))));
        assert!(matches!(parsed("-f a -x -c"), Err(Refusal::AlertAndUsage(_))));
    }

    #[test]
    fn debug_letters() {
        assert!(parsed("-dXYZ -f a").unwrap().debug);
        assert!(parsed("-d -f a").unwrap().foreground);
        let i = parsed("-db -dr -dW -dR -dKall,smp -dM0x50,no-merge -f a").unwrap();
        assert!(i.foreground && !i.debug && i.ignore_unresolved && i.zero_warning && i.no_reuse_port);
        assert_eq!(i.keyword_classes.as_deref(), Some("all,smp"));
        assert_eq!(i.without_effect, ["-dM0x50,no-merge"]);
        let shown = |option: &str| parsed(&format!("{option} -f a")).unwrap().show_lines.unwrap();
        assert_eq!(shown("-dC"), Show::default());
        assert_eq!(shown("-dC0x10"), Show::default());
        assert_eq!(shown("-dC7 -dC12,line"), Show { key: 12, numbered: true });
        assert_eq!(shown("-dCline"), Show { key: 0, numbered: true });
        assert_eq!(shown("-dC-1,lines").key, u32::MAX);
        assert_eq!(shown("-dC99999999999").key, 1_215_752_191);
        let traced = |line: &str| match parsed(line) {
            Err(Refusal::Alert(text)) => text,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(traced("-dt nope -f a"), "-dt: unknown trace source 'nope'.");
        assert_eq!(traced("-dt h1,nope:x -f a"), "-dt: unknown trace source 'nope'.");
        assert!(
            traced("-dt h1:loud -f a").starts_with("-dt: no such trace level 'loud', available levels are")
        );
        assert_eq!(traced("-dt h1:data -f a"), "'-dt h1:data' is not implemented yet in haproxy-rs");
        assert_eq!(traced("-dtx -f a"), "'-dt' is not implemented yet in haproxy-rs");
        let unknown = "-dM: unknown pool debugging feature <xx>";
        assert_eq!(parsed("-dMxx -f a"), Err(Refusal::Alert(unknown.to_owned())));
    }

    #[test]
    fn numbers_are_read_as_the_reference_reads_them() {
        assert_eq!(parsed("-n 100 -N 5x -f a").unwrap().maxconn, Some(100));
        assert_eq!(parsed("-n 100 -N 5x -f a").unwrap().proxy_maxconn, Some(5));
        assert_eq!(parsed("-n abc -f a").unwrap().maxconn, None);
        assert!(parsed("-m 0 -f a").is_ok());
        assert_eq!(parsed("-m 100 -f a").unwrap().memory_mb, Some(100));
        assert_eq!(parsed("-m x -f a").unwrap().memory_mb, None);
    }

    #[test]
    fn a_condition_needs_no_file() {
        assert_eq!(
            parsed("-cc version_atleast(3.0)").unwrap().action,
            Action::Condition("version_atleast(3.0)".into())
        );
    }
}
