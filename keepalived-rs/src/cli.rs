//! The command line. keepalived(8), "OPTIONS".
//!
//! Long options may be shortened and short ones bundled, as getopt_long(3) allows.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::builder::OsStringValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::{genhash, signals, status, version};

/// What a command line asks for.
pub(crate) enum Parsed {
    /// To run, or to test a configuration.
    Run(Box<Options>),
    /// To print something and leave.
    Exit { stdout: String, stderr: String, status: u8 },
}

/// The options, checked.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) config_file: PathBuf,
    pub(crate) log_console: bool,
    pub(crate) log_detail: bool,
    /// Facility number, 3 (daemon) unless given.
    pub(crate) facility: u8,
    pub(crate) log_file: Option<PathBuf>,
    pub(crate) syslog: bool,
    pub(crate) umask: Option<u32>,
    pub(crate) release_vips: bool,
    pub(crate) dont_release_vrrp: bool,
    pub(crate) respawn: bool,
    pub(crate) foreground: bool,
    pub(crate) core_dump: bool,
    /// `-M`: what goes into /proc/sys/kernel/core_pattern.
    pub(crate) core_pattern: Option<OsString>,
    /// False with `-C`: there is nothing but VRRP to run.
    pub(crate) vrrp: bool,
    /// `--all`: the VRRP process runs without configuration, too.
    pub(crate) all_children: bool,
    /// `-d`: log what SIGUSR1 writes, at start.
    pub(crate) dump_config: bool,
    /// `-a`: log every address that comes or goes.
    pub(crate) address_monitoring: bool,
    /// `-x`.
    pub(crate) snmp: bool,
    /// `-A`.
    pub(crate) snmp_socket: Option<String>,
    /// `-s`.
    pub(crate) namespace: Option<String>,
    /// `-p`, absent for the default.
    pub(crate) pid_file: Option<PathBuf>,
    /// `-r`, absent for the default.
    pub(crate) vrrp_pid_file: Option<PathBuf>,
    /// `-b`.
    pub(crate) bfd_pid_file: Option<PathBuf>,
    /// Without `-B`.
    pub(crate) bfd: bool,
    pub(crate) all_config: bool,
    pub(crate) config_id: Option<String>,
    pub(crate) ignore_sigint: bool,
    /// `-t`, perhaps with a file for its messages.
    pub(crate) config_test: Option<Option<PathBuf>>,
    /// What to say before anything else: options that were wrong but do not stop the program.
    pub(crate) complaints: Vec<String>,
    /// Words that are no options, which do not stop the program either.
    pub(crate) stray: Vec<String>,
}

/// An option of the table.
struct Row {
    short: Option<char>,
    long: &'static str,
    value: Value,
    help: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Required(&'static str),
    /// Only attached: `-gFILE`, `--log-file=FILE`.
    Optional(&'static str),
}

const fn row(short: char, long: &'static str, value: Value, help: &'static str) -> Row {
    Row { short: Some(short), long, value, help }
}

use Value::{None as Bare, Optional, Required};

/// Every option, in the order in which `-h` shows them.
const OPTIONS: &[Row] = &[
    row(
        'f',
        "use-file",
        Required("FILE"),
        "Use the specified configuration file\n default '/etc/keepalived/keepalived.conf'",
    ),
    row('P', "vrrp", Bare, "Only run with VRRP subsystem"),
    row('C', "check", Bare, "Only run with Health-checker subsystem"),
    row('B', "no_bfd", Bare, "Don't run BFD subsystem"),
    Row {
        short: None,
        long: "all",
        value: Bare,
        help: "Force all child processes to run, even if have no configuration",
    },
    row('l', "log-console", Bare, "Log messages to local console"),
    row('D', "log-detail", Bare, "Detailed log messages"),
    row(
        'S',
        "log-facility",
        Required("([0-7]|local[0-7]|user|daemon)"),
        "Set syslog facility to LOG_LOCAL[0-7], user or daemon (default)",
    ),
    row('g', "log-file", Optional("FILE"), "Also log to FILE (default /tmp/keepalived.log)"),
    Row { short: None, long: "flush-log-file", value: Bare, help: "Flush log file on write" },
    row('G', "no-syslog", Bare, "Don't log via syslog"),
    row('u', "umask", Required("MASK"), "umask for file creation (in numeric form)"),
    row('X', "release-vips", Bare, "Drop VIP on transition from signal."),
    row('V', "dont-release-vrrp", Bare, "Don't remove VRRP VIPs and VROUTEs on daemon stop"),
    row('I', "dont-release-ipvs", Bare, "Don't remove IPVS topology on daemon stop"),
    row('R', "dont-respawn", Bare, "Don't respawn child processes"),
    row('n', "dont-fork", Bare, "Don't fork the daemon process"),
    row('d', "dump-conf", Bare, "Dump the configuration data"),
    row('p', "pid", Required("FILE"), "Use specified pidfile for parent process"),
    row('r', "vrrp_pid", Required("FILE"), "Use specified pidfile for VRRP child process"),
    row('T', "genhash", Bare, "Enter into genhash utility mode (this should be the first option used)."),
    row('c', "checkers_pid", Required("FILE"), "Use specified pidfile for checkers child process"),
    row('a', "address-monitoring", Bare, "Report all address additions/deletions notified via netlink"),
    row('b', "bfd_pid", Required("FILE"), "Use specified pidfile for BFD child process"),
    row('x', "snmp", Bare, "Enable SNMP subsystem"),
    row('A', "snmp-agent-socket", Required("FILE"), "Use the specified socket for master agent"),
    row('s', "namespace", Required("NAME"), "Run in network namespace NAME (overrides config)"),
    row('m', "core-dump", Bare, "Produce core dump if terminate abnormally"),
    row(
        'M',
        "core-dump-pattern",
        Optional("PATN"),
        "Also set /proc/sys/kernel/core_pattern to PATN (default 'core')",
    ),
    row('e', "all-config", Bare, "Error if any configuration file missing (same as includet)"),
    row(
        'i',
        "config-id",
        Required("id"),
        "Skip any configuration lines beginning '@' that don't match id\n or any lines beginning @^ that do match.\n The config-id defaults to the node name if option not used",
    ),
    Row {
        short: None,
        long: "ignore-sigint",
        value: Bare,
        help: "ignore SIGINT (default means terminate) - used for debugging with GDB",
    },
    Row {
        short: None,
        long: "signum",
        value: Required("SIGFUNC"),
        help: "Return signal number for STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON",
    },
    row(
        't',
        "config-test",
        Optional("LOG_FILE"),
        "Check the configuration for obvious errors, output to\n stderr by default",
    ),
    row('v', "version", Bare, "Display the version number"),
    row('h', "help", Bare, "Display this help message"),
];

/// Column in which the descriptions of `-h` begin.
const HELP_COLUMN: usize = 31;

/// Reads a command line, the program's name first.
pub(crate) fn parse(arguments: &[OsString]) -> Parsed {
    let program = arguments.first().map(|a| a.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(exit) = genhash_asked(&program, arguments) {
        return exit;
    }
    let matches = match command().try_get_matches_from(normalized(arguments)) {
        Ok(matches) => matches,
        Err(error) => {
            let offender = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::String(argument)) => {
                    argument.split_whitespace().next().unwrap_or_default().to_owned()
                }
                _ => String::new(),
            };
            let text = match error.kind() {
                ErrorKind::UnknownArgument => format!("Unknown option {offender}\n"),
                _ => format!("Missing parameter for option {}\n", as_written(&offender, arguments)),
            };
            return exit(String::new(), text, status::FATAL);
        }
    };
    if matches.get_flag("help") {
        return exit(String::new(), help(&program), 0);
    }
    if matches.get_flag("version") {
        return exit(String::new(), version::long(), 0);
    }
    if let Some(name) = matches.get_one::<OsString>("signum") {
        let name = name.to_string_lossy();
        return match signals::by_name(&name) {
            Some(number) => exit(format!("{number}\n"), String::new(), 0),
            None => exit(String::new(), format!("Unknown sigfunc {name}\n"), status::FATAL),
        };
    }
    Parsed::Run(Box::new(options(&matches)))
}

/// `-T`, or the program under the name `genhash`: what follows is another program's command line.
fn genhash_asked(program: &str, arguments: &[OsString]) -> Option<Parsed> {
    let named = program.rsplit('/').next() == Some("genhash");
    let at = arguments.iter().skip(1).position(|a| a == "-T" || a == "--genhash");
    let words = match at {
        Some(at) => arguments.get(at + 2..).unwrap_or_default(),
        None if named => arguments.get(1..).unwrap_or_default(),
        None => return None,
    };
    let genhash::Printed { stdout, mut stderr, status } = genhash::run(program, words);
    if let Some(word) = at.filter(|at| *at > 0).and_then(|at| arguments.get(at + 1)) {
        let warning = format!(
            "Warning -- `{}` not used as first option, previous options ignored\n",
            word.to_string_lossy()
        );
        stderr.insert_str(0, &warning);
    }
    Some(exit(stdout, stderr, status))
}

fn exit(stdout: String, stderr: String, status: u8) -> Parsed {
    Parsed::Exit { stdout, stderr, status }
}

fn command() -> Command {
    let arguments = OPTIONS.iter().map(|row| {
        let argument = Arg::new(row.long).long(row.long);
        let argument = match row.short {
            Some(short) => argument.short(short),
            None => argument,
        };
        match row.value {
            Bare => argument.action(ArgAction::SetTrue).overrides_with(row.long),
            Required(_) => argument
                .action(ArgAction::Set)
                .overrides_with(row.long)
                .allow_hyphen_values(true)
                .value_parser(OsStringValueParser::new()),
            Optional(_) => argument
                .action(ArgAction::Set)
                .overrides_with(row.long)
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("")
                .value_parser(OsStringValueParser::new()),
        }
    });
    let stray = Arg::new("stray").num_args(0..).value_parser(OsStringValueParser::new());
    Command::new("keepalived")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .infer_long_args(true)
        .args(arguments)
        .arg(stray)
}

/// Short options with an attached optional value (`-gFILE`) in their long form, which is the only one clap tells apart from
/// a value in the next word.
fn normalized(arguments: &[OsString]) -> Vec<OsString> {
    let mut out = Vec::with_capacity(arguments.len());
    let mut words = arguments.iter();
    out.extend(words.next().cloned());
    while let Some(word) = words.next() {
        let bytes = word.as_bytes();
        if bytes == b"--" {
            out.push(word.clone());
            out.extend(words.cloned());
            return out;
        }
        if bytes.len() < 2 || bytes.first() != Some(&b'-') || bytes.starts_with(b"--") {
            out.push(word.clone());
            continue;
        }
        for (at, letter) in bytes.iter().enumerate().skip(1) {
            let row = OPTIONS.iter().find(|row| row.short == Some(char::from(*letter)));
            let rest = bytes.get(at + 1..).unwrap_or_default();
            match row.map(|row| (row.value, row.long)) {
                Some((Optional(_), long)) if !rest.is_empty() => {
                    let mut long = format!("--{long}=").into_bytes();
                    long.extend_from_slice(rest);
                    out.push(OsString::from_vec(long));
                    break;
                }
                Some((Required(_), _)) => {
                    let mut short = vec![b'-', *letter];
                    short.extend_from_slice(rest);
                    out.push(OsString::from_vec(short));
                    if rest.is_empty() {
                        out.extend(words.next().cloned());
                    }
                    break;
                }
                _ => out.push(OsString::from_vec(vec![b'-', *letter])),
            }
        }
    }
    out
}

/// The form of an option that the user wrote.
fn as_written(offender: &str, arguments: &[OsString]) -> String {
    let long = offender.trim_start_matches('-').split('=').next().unwrap_or_default();
    let short = OPTIONS.iter().find(|row| row.long == long).and_then(|row| row.short);
    match short.map(|c| format!("-{c}")) {
        Some(short) if arguments.iter().any(|a| a.as_os_str() == OsStr::new(&short)) => short,
        _ => offender.to_owned(),
    }
}

fn options(matches: &ArgMatches) -> Options {
    let mut complaints = Vec::new();
    let text = |name: &str| matches.get_one::<OsString>(name);
    let path = |name: &str, default: &str| text(name).map_or_else(|| PathBuf::from(default), PathBuf::from);
    let optional_path = |name: &str| text(name).filter(|t| !t.is_empty()).map(PathBuf::from);
    let facility = text("log-facility").map_or(3, |name| {
        let name = name.to_string_lossy();
        facility(&name).unwrap_or_else(|| {
            complaints.push(format!("Invalid log facility '{name}'"));
            3
        })
    });
    let umask = text("umask").and_then(|mask| {
        let mask = mask.to_string_lossy();
        let parsed = umask(&mask);
        if parsed.is_none() {
            complaints.push(format!("Invalid --umask option {mask}"));
        }
        parsed
    });
    let stray = matches.get_many::<OsString>("stray").into_iter().flatten();
    let stray = stray.map(|w| w.to_string_lossy().into_owned()).collect();
    Options {
        config_file: path("use-file", "/etc/keepalived/keepalived.conf"),
        log_console: matches.get_flag("log-console"),
        log_detail: matches.get_flag("log-detail"),
        facility,
        log_file: text("log-file")
            .map(|_| optional_path("log-file").unwrap_or_else(|| PathBuf::from("/tmp/keepalived.log"))),
        syslog: !matches.get_flag("no-syslog"),
        umask,
        release_vips: matches.get_flag("release-vips"),
        dont_release_vrrp: matches.get_flag("dont-release-vrrp"),
        respawn: !matches.get_flag("dont-respawn"),
        foreground: matches.get_flag("dont-fork"),
        core_dump: matches.get_flag("core-dump"),
        core_pattern: text("core-dump-pattern")
            .map(|pattern| if pattern.is_empty() { OsString::from("core") } else { pattern.clone() }),
        vrrp: !matches.get_flag("check"),
        all_children: matches.get_flag("all"),
        dump_config: matches.get_flag("dump-conf"),
        address_monitoring: matches.get_flag("address-monitoring"),
        snmp: matches.get_flag("snmp"),
        snmp_socket: text("snmp-agent-socket").map(|socket| socket.to_string_lossy().into_owned()),
        namespace: text("namespace").map(|name| name.to_string_lossy().into_owned()),
        pid_file: text("pid").map(PathBuf::from),
        vrrp_pid_file: text("vrrp_pid").map(PathBuf::from),
        bfd_pid_file: text("bfd_pid").map(PathBuf::from),
        bfd: !matches.get_flag("no_bfd") && !matches.get_flag("vrrp") && !matches.get_flag("check"),
        all_config: matches.get_flag("all-config"),
        config_id: text("config-id").map(|id| id.to_string_lossy().into_owned()),
        ignore_sigint: matches.get_flag("ignore-sigint"),
        config_test: text("config-test").map(|_| optional_path("config-test")),
        complaints,
        stray,
    }
}

/// LOG_LOCAL0 is 16, LOG_USER 1, LOG_DAEMON 3.
fn facility(name: &str) -> Option<u8> {
    match name {
        "user" => Some(1),
        "daemon" => Some(3),
        _ => {
            let digit = name.strip_prefix("local").unwrap_or(name);
            digit.parse::<u8>().ok().filter(|n| *n < 8 && digit.len() == 1).map(|n| 16 + n)
        }
    }
}

/// Octal with a leading zero, hexadecimal with `0x`, decimal otherwise.
fn umask(text: &str) -> Option<u32> {
    let mask = if let Some(digits) = text.strip_prefix("0x") {
        u32::from_str_radix(digits, 16)
    } else if text.starts_with('0') {
        u32::from_str_radix(text, 8)
    } else {
        text.parse()
    };
    mask.ok().filter(|mask| *mask <= 0o777)
}

fn help(program: &str) -> String {
    let mut text = format!("Usage: {program} [OPTION...]\n");
    for row in OPTIONS {
        let short = row.short.map_or_else(|| "      ".to_owned(), |c| format!("  -{c}, "));
        let value = match row.value {
            Bare => String::new(),
            Required("id") => " id".to_owned(),
            Required(name) => format!("={name}"),
            Optional("LOG_FILE") => "[=LOG_FILE]".to_owned(),
            Optional(name) => format!("={name}"),
        };
        let mut line = format!("{short}--{}{value}", row.long);
        for (number, help) in row.help.lines().enumerate() {
            if number == 0 && line.len() >= HELP_COLUMN {
                text.push_str(&line);
                text.push('\n');
                line.clear();
            } else if number > 0 {
                line.clear();
            }
            text.push_str(&format!("{line:HELP_COLUMN$}{help}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn run(line: &str) -> Options {
        let words: Vec<OsString> =
            std::iter::once("keepalived").chain(line.split_whitespace()).map(OsString::from).collect();
        match parse(&words) {
            Parsed::Run(options) => *options,
            Parsed::Exit { stderr, .. } => panic!("{line}: {stderr}"),
        }
    }

    fn leave(line: &str) -> (String, String, u8) {
        let words: Vec<OsString> =
            std::iter::once("keepalived").chain(line.split_whitespace()).map(OsString::from).collect();
        match parse(&words) {
            Parsed::Exit { stdout, stderr, status } => (stdout, stderr, status),
            Parsed::Run(_) => panic!("{line} runs"),
        }
    }

    #[test]
    fn defaults() {
        let options = run("");
        assert_eq!(options.config_file, PathBuf::from("/etc/keepalived/keepalived.conf"));
        assert_eq!((options.pid_file, options.vrrp), (None, true));
        assert_eq!(
            (options.facility, options.syslog, options.foreground, options.respawn),
            (3, true, false, true)
        );
        assert!(options.config_test.is_none() && options.log_file.is_none());
    }

    #[test]
    fn bundles_abbreviations_and_attached_values() {
        let options = run("-nlDG -f/a/b --log-fac=local3 -g -p x");
        assert!(options.foreground && options.log_console && options.log_detail && !options.syslog);
        assert_eq!(options.config_file, PathBuf::from("/a/b"));
        assert_eq!((options.facility, options.pid_file), (19, Some(PathBuf::from("x"))));
        assert_eq!(options.log_file, Some(PathBuf::from("/tmp/keepalived.log")));
        assert_eq!(run("-g/x/y").log_file, Some(PathBuf::from("/x/y")));
        assert_eq!(run("-tf").config_test, Some(Some(PathBuf::from("f"))));
        assert_eq!(run("-t -f x").config_test, Some(None));
        assert_eq!(run("-t=/x").config_test, Some(Some(PathBuf::from("=/x"))));
        assert_eq!(run("--config-test=/x").config_test, Some(Some(PathBuf::from("/x"))));
        assert_eq!(run("-f a -f b").config_file, PathBuf::from("b"));
    }

    #[test]
    fn wrong_words_are_told_like_the_reference_tells_them() {
        assert_eq!(leave("--bogus"), (String::new(), "Unknown option --bogus\n".to_owned(), 1));
        assert_eq!(leave("-Z").1, "Unknown option -Z\n");
        assert_eq!(leave("-f").1, "Missing parameter for option -f\n");
        assert_eq!(run("-S 9").complaints, ["Invalid log facility '9'"]);
        assert_eq!(run("-u abc").complaints, ["Invalid --umask option abc"]);
        assert_eq!(run("foo").stray, ["foo"]);
    }

    #[test]
    fn every_option_has_its_effect() {
        let options = run("-C --all -d -a -x -A /x -s blue -M");
        assert!(!options.vrrp && options.all_children && options.dump_config && options.address_monitoring);
        assert_eq!((options.snmp, options.namespace.as_deref()), (true, Some("blue")));
        assert_eq!(options.core_pattern, Some(OsString::from("core")));
        assert_eq!(run("-M/tmp/core.%p").core_pattern, Some(OsString::from("/tmp/core.%p")));
        assert_eq!(run("-A unix:/x").snmp_socket.as_deref(), Some("unix:/x"));
    }

    #[test]
    fn genhash_takes_the_rest_of_the_line() {
        let (stdout, stderr, status) = leave("-n -T -h");
        assert_eq!((stdout.as_str(), status), ("", 0));
        let mut lines = stderr.lines();
        let warning = "Warning -- `-T` not used as first option, previous options ignored";
        assert_eq!(lines.next(), Some(warning));
        assert_eq!(lines.next(), Some("Usage: keepalived --genhash COMMAND [OPTIONS]"));
        assert_eq!(leave("--genhash -n").1.lines().next(), Some("Unknown option -n"));
    }

    #[test]
    fn signals_have_numbers() {
        for (name, number) in
            [("STOP", 15), ("RELOAD", 1), ("DATA", 10), ("STATS", 12), ("STATS_CLEAR", 63), ("JSON", 36)]
        {
            assert_eq!(leave(&format!("--signum={name}")), (format!("{number}\n"), String::new(), 0));
        }
        assert_eq!(leave("--signum=FOO"), (String::new(), "Unknown sigfunc FOO\n".to_owned(), 1));
    }

    #[test]
    fn help_and_version_go_to_stderr() {
        let (stdout, stderr, status) = leave("-v");
        assert_eq!((stdout.as_str(), status), ("", 0));
        assert!(stderr.starts_with("Keepalived v2.3.3-rs"), "{stderr}");
        let (_, stderr, status) = leave("-h");
        assert_eq!(status, 0);
        assert!(
            stderr.starts_with(
                "Usage: keepalived [OPTION...]\n  -f, --use-file=FILE          Use the specified"
            ),
            "{stderr}"
        );
    }
}
