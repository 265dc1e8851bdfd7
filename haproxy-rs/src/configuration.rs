//! Loading a configuration and saying what is wrong with it, for a start, a reload and `-c`.

use crate::command_line::Invocation;
use crate::machine::{self, Machine};
use crate::version;
use config_text::{Diagnostics, Severity, SourceMap};
use haproxy_config::runtime::RuntimeConfig;
use haproxy_config::{Features, Inputs, Loaded, Show};
use std::collections::BTreeMap;
use std::sync::Arc;
use sys::messages;

/// Loads what the command line names; everything that is wrong has been said when this returns. None when the configuration is refused.
pub(crate) fn load(
    invocation: &Invocation,
    environment: &BTreeMap<String, String>,
    program: &str,
) -> Option<Loaded> {
    let files = match machine::configuration_files(&invocation.configuration) {
        Ok(files) => files,
        Err(text) => {
            messages::alert(text);
            return None;
        }
    };
    let mut loaded = haproxy_config::load(Inputs {
        files,
        environment: environment.clone(),
        program: program.to_owned(),
        ignore_unresolved: invocation.ignore_unresolved,
        features: features(invocation),
        host: &Machine,
    });
    if loaded.quiet && !invocation.verbose {
        messages::set_quiet(true);
    }
    tell(&loaded.diagnostics, &loaded.sources);
    loaded.config.as_ref()?;
    if (invocation.zero_warning || loaded.zero_warning) && messages::warned() {
        messages::alert("config : Some warnings were found and 'zero-warning' is set. Aborting.");
        return None;
    }
    if let Some(config) = &mut loaded.config {
        overrule(config, invocation);
    }
    loaded.config.is_some().then_some(loaded)
}

/// `-dC`: shows the lines that the command line names. False when one cannot be read; what is wrong has been said.
pub(crate) fn show_lines(
    invocation: &Invocation,
    how: Show,
    environment: &BTreeMap<String, String>,
    program: &str,
) -> bool {
    let files = match machine::configuration_files(&invocation.configuration) {
        Ok(files) => files,
        Err(text) => {
            messages::alert(text);
            return false;
        }
    };
    let inputs = Inputs {
        files,
        environment: environment.clone(),
        program: program.to_owned(),
        ignore_unresolved: invocation.ignore_unresolved,
        features: features(invocation),
        host: &Machine,
    };
    let (loaded, text) = haproxy_config::show_lines(inputs, how);
    crate::say(&text);
    tell(&loaded.diagnostics, &loaded.sources);
    !loaded.diagnostics.iter().any(|d| d.severity == Severity::Alert)
}

/// What `feature()`, `enabled()` and `version_atleast()` see.
pub(crate) fn features(invocation: &Invocation) -> Features {
    Features {
        list: version::FEATURES.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()).collect(),
        version: version::VERSION.to_owned(),
        splice: !invocation.no_splice,
        reuseport: !invocation.no_reuse_port,
        ..Features::default()
    }
}

fn tell(diagnostics: &Diagnostics, sources: &SourceMap) {
    for diagnostic in diagnostics.iter() {
        let text = format!("config : {}", diagnostic.text(sources));
        match diagnostic.severity {
            Severity::Diag => messages::diag(text),
            Severity::Notice => messages::notice(text),
            Severity::Warning => messages::warning(text),
            Severity::Alert => messages::alert(text),
        }
    }
}

/// The command line rules over the configuration.
fn overrule(config: &mut RuntimeConfig, invocation: &Invocation) {
    if let Some(maxconn) = invocation.maxconn {
        config.global.maxconn = Some(maxconn);
    }
    if invocation.no_splice {
        config.global.splices_tcp = false;
        config.global.splices_http = false;
    }
    if let Some(path) = &invocation.pid_file {
        config.global.pidfile = Some(path.into());
    }
    if let Some(maxconn) = invocation.proxy_maxconn {
        for proxy in &mut config.proxies {
            if let Some(proxy) = Arc::get_mut(proxy)
                && proxy.maxconn == 0
            {
                proxy.maxconn = maxconn;
            }
        }
    }
}
