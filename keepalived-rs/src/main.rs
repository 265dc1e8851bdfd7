//! The binary `keepalived`: command line, configuration test, parent process. The VRRP child's work is in `vrrpd`.

mod bfd;
mod child;
mod cli;
mod config_test;
mod dump;
mod files;
mod genhash;
mod log;
mod machine;
mod once;
mod parent;
mod release;
mod reload_time;
mod signals;
mod version;

use std::process::ExitCode;

use cli::Parsed;

/// Exit statuses, as scripts and systemd see them. keepalived(8), "Exit status", and what the reference really gives.
mod status {
    /// Bad option, or a subsystem that cannot run.
    pub(crate) const FATAL: u8 = 1;
    /// The configuration cannot be run.
    pub(crate) const CONFIG: u8 = 2;
    /// There is no configuration.
    pub(crate) const NO_CONFIG: u8 = 6;
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let options = match cli::parse(&arguments) {
        Parsed::Run(options) => options,
        Parsed::Exit { stdout, stderr, status } => {
            print(&stdout, &stderr);
            return ExitCode::from(status);
        }
    };
    if !options.stray.is_empty() {
        print(&format!("Unexpected argument(s): {} \n", options.stray.join(" ")), "");
    }
    if let Some(target) = &options.config_test {
        return ExitCode::from(config_test::run(&options, target.as_deref()));
    }
    ExitCode::from(parent::run(&options, &arguments))
}

/// Both streams, ignoring a closed one.
fn print(stdout: &str, stderr: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(stdout.as_bytes());
    let _ = std::io::stderr().write_all(stderr.as_bytes());
}
