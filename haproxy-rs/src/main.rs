//! The `haproxy` binary: command line, configuration check, and the start of the processes that serve.

mod command_line;
mod configuration;
mod descriptors;
mod keyword_dump;
mod listening;
mod loaded_objects;
mod logging;
mod machine;
mod master;
mod master_cli;
mod master_help;
mod pid_file;
mod reexec;
mod start;
mod stats_sockets;
mod stopping;
mod version;
mod worker;

use command_line::{Action, Invocation, Refusal};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use sys::messages;

fn main() -> ExitCode {
    sys::inherited::note_open();
    sys::signals::restore_faults();
    // Whoever started us in the background of a shell script has them ignored; they are to end us all the same.
    sys::signals::restore(sys::signals::SIGINT);
    sys::signals::restore(sys::signals::SIGTERM);
    sys::clock::load_zone();
    let executable = sys::process::executable().to_string_lossy().into_owned();
    messages::identify(version::VERSION, &executable);
    let program =
        Path::new(&executable).file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let invocation = match command_line::parse(std::env::args_os().skip(1)) {
        Ok(invocation) => invocation,
        Err(refusal) => return refuse(&refusal, &program),
    };
    messages::set_quiet(invocation.quiet && !invocation.verbose);
    messages::set_verbose(invocation.verbose || invocation.debug && invocation.action == Action::Run);
    messages::set_diag(invocation.diagnostics);
    for option in &invocation.without_effect {
        messages::notice(format!("'{option}' changes nothing in haproxy-rs"));
    }
    match &invocation.action {
        Action::Version => say(&version::banner()),
        Action::BuildOptions => say(&version::build_options(machine::usable_cpus())),
        Action::MemoryHelp => say(version::MEMORY_HELP),
        Action::Condition(condition) => evaluate(condition, &invocation),
        Action::Check => {
            if !change_directory(&invocation) {
                return ExitCode::FAILURE;
            }
            check(&invocation, &program)
        }
        Action::Run => {
            if let Some(how) = invocation.show_lines {
                let shown = change_directory(&invocation)
                    && configuration::show_lines(&invocation, how, &environment(&invocation), &program);
                return ExitCode::from(u8::from(!shown));
            }
            let again = reexec::State::from_environment();
            if again.is_none() && !change_directory(&invocation) {
                return ExitCode::FAILURE;
            }
            start::run(&invocation, again, &executable, &program)
        }
    }
}

fn refuse(refusal: &Refusal, program: &str) -> ExitCode {
    match refusal {
        Refusal::Alert(text) => messages::alert(text),
        Refusal::AlertAndUsage(text) => {
            messages::alert(text);
            show_usage(program);
        }
        Refusal::Usage => show_usage(program),
    }
    ExitCode::FAILURE
}

fn show_usage(program: &str) {
    say(&version::banner());
    let _ = std::io::stderr().write_all(version::usage(program).as_bytes());
}

/// Writes to standard output; a reader that has gone away is no error of ours.
pub(crate) fn say(text: &str) -> ExitCode {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

fn evaluate(condition: &str, invocation: &Invocation) -> ExitCode {
    if condition.is_empty() {
        return ExitCode::from(1);
    }
    let features = configuration::features(invocation);
    match haproxy_config::eval_condition(condition, &features, &environment(invocation)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(text) => {
            messages::alert(format!("config : Failed to evaluate condition: {text}"));
            ExitCode::from(2)
        }
    }
}

fn change_directory(invocation: &Invocation) -> bool {
    let Some(directory) = &invocation.directory else { return true };
    let Err(error) = std::env::set_current_dir(directory) else { return true };
    let (directory, reason) = (directory.to_string_lossy(), sys::process::error_text(&error));
    messages::alert(format!("Could not change to directory {directory} : {reason}"));
    false
}

fn check(invocation: &Invocation, program: &str) -> ExitCode {
    if let Some(how) = invocation.show_lines {
        if !configuration::show_lines(invocation, how, &environment(invocation), program) {
            return ExitCode::FAILURE;
        }
        if messages::enabled() {
            say(NO_LISTENER);
        }
        return ExitCode::from(2);
    }
    let Some(loaded) = configuration::load(invocation, &environment(invocation), program) else {
        return ExitCode::FAILURE;
    };
    if loaded.sources.iter().next().is_none() {
        // Directories without a single file.
        show_usage(program);
        return ExitCode::FAILURE;
    }
    show_lists(invocation);
    if messages::warned() && messages::enabled() {
        say("Warnings were found.\n");
    }
    if !loaded.has_listener() {
        if messages::enabled() {
            say(NO_LISTENER);
        }
        return ExitCode::from(2);
    }
    if messages::verbose() {
        say("Configuration file is valid\n");
    }
    ExitCode::SUCCESS
}

const NO_LISTENER: &str = "Configuration file has no error but will not start (no listener) => exit(2).\n";

/// `-dL` and `-dK`.
fn show_lists(invocation: &Invocation) {
    if invocation.list_objects {
        say(&loaded_objects::list());
    }
    if let Some(classes) = &invocation.keyword_classes {
        say(&keyword_dump::dump(classes));
    }
}

/// The environment that the configuration sees.
fn environment(invocation: &Invocation) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<String, String> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
    set("HAPROXY_STARTUP_VERSION", version::VERSION.to_owned());
    set("HAPROXY_BRANCH", version::BRANCH.to_owned());
    let host =
        || nix::unistd::gethostname().map_or_else(|_| String::new(), |n| n.to_string_lossy().into_owned());
    set("HAPROXY_LOCALPEER", invocation.local_peer.clone().unwrap_or_else(host));
    if invocation.master_worker {
        set("HAPROXY_MWORKER", "1".to_owned());
    }
    environment
}
