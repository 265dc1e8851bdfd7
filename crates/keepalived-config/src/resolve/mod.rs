//! From the configuration as written to the one that runs: defaults, inheritance, and everything that needs more than one line
//! or the machine to judge.

mod bfd;
pub(crate) mod daemon;
mod group;
mod instance;
mod network;
pub(crate) mod script_check;
mod tracker;

use std::time::Duration;

use config_text::Severity;

use crate::declared::tracker::TrackerDecl;
use crate::declared::{Declared, DefaultUser};
use crate::message::{Messages, Scope};
use crate::resolved::{Command, Config, GlobalDefs, Notify, OwnTracking, VrrpScript};
use crate::system::System;

use script_check::{Policy, Refusal};

/// Resolves. `None`: there is nothing that could run; a message says why.
pub(crate) fn resolve(
    declared: Declared,
    trackers: Vec<TrackerDecl>,
    missing_interface: bool,
    system: &dyn System,
    messages: &mut Messages,
) -> Option<Config> {
    let mut rx = Resolver {
        system,
        messages,
        scope: Scope::Vrrp,
        policy: Policy::default(),
        any_script: false,
        any_insecure: false,
        firewall_said: false,
    };
    rx.policy = Policy {
        security: declared.global.script_security,
        keep_symlinks: declared.global.use_symlink_paths == Some(true),
    };
    if missing_interface {
        rx.refuse("missing-interface", "Non-existent interface specified in configuration");
        return None;
    }
    let Declared {
        global: mut global_decl, instances, scripts, groups, bfds, static_addresses, network, ..
    } = declared;
    // The reference looks no further than the first one.
    if !instances.iter().all(|i| instance::identified(i, &mut rx)) {
        return None;
    }
    let daemon = daemon::resolve(&global_decl, &mut rx);
    let mut config = Config {
        global: GlobalDefs { daemon, ..global(&global_decl, system) },
        static_addresses,
        bfd_instances: bfd::instances(bfds),
        ..Config::default()
    };
    let mut usable = Vec::new();
    // Without an instance nobody runs scripts, and the reference does not look at them.
    let is_needed = !instances.is_empty() || !config.static_addresses.is_empty();
    for script in scripts.into_iter().filter(|_| is_needed) {
        let (Some(words), Some(user)) = (&script.words, script.user) else { continue };
        let (command, refusal) = rx.script(words, user);
        match (command, refusal) {
            (Some(command), _) => {
                let interval = script.interval.unwrap_or(Duration::from_secs(1));
                config.scripts.push(VrrpScript {
                    name: script.name.clone(),
                    command,
                    interval,
                    timeout: script.timeout.unwrap_or(interval),
                    rise: script.rise.unwrap_or(1),
                    fall: script.fall.unwrap_or(1),
                    init_fail: script.init_fail,
                    weight: script.weight,
                    reverse: script.reverse,
                });
                usable.push(script.name);
            }
            (None, Some(Refusal::Missing)) => {
                rx.warn(
                    "script",
                    format!("Disabling track script {} since not found/accessible", script.name),
                );
            }
            (None, Some(Refusal::NotExecutable)) => {}
            (None, _) => rx.warn("script", format!("Disabling track script {} due to insecure", script.name)),
        }
    }
    let mut resolved = Vec::new();
    for instance in instances {
        resolved.push(instance::Draft::new(instance, &mut rx));
    }
    let group_drafts: Vec<_> = groups.into_iter().map(|g| group::Draft::new(g, &mut rx)).collect();
    rx.security_verdict("scripts");
    config.sync_groups =
        group::resolve(group_drafts, &global_decl, &mut resolved, &usable, &config.bfd_instances, &mut rx);
    let mut names = network::VmacNames::new();
    for draft in resolved {
        let instance = draft.finish(&global_decl, &config, &usable, &trackers, &mut names, &mut rx);
        config.instances.push(instance);
        // The reference looks no further than the first one.
        if rx.messages.refused() {
            return None;
        }
    }
    let unusable = instance::duplicates(&config.instances, global_decl.network.allow_if_changes, &mut rx);
    config.trackers = trackers.into_iter().map(|t| t.tracker).collect();
    for instance in &mut config.instances {
        instance.own_tracking = OwnTracking {
            interfaces: instance.track_interfaces.len(),
            scripts: instance.track_scripts.len(),
            bfds: instance.track_bfds.len(),
            trackers: instance.trackers.len(),
        };
    }
    group::after_members(&mut config, &mut rx);
    tracker::to_members(&mut config, &mut rx);
    network::network(network, &mut global_decl, &mut config, &mut rx);
    bfd::after_members(&mut config, &mut rx);
    drop_unused_scripts(&mut config, &mut rx);
    (!unusable).then_some(config)
}

/// What resolving needs besides the declarations.
pub(crate) struct Resolver<'a> {
    pub(crate) system: &'a dyn System,
    messages: &'a mut Messages,
    /// Whose messages come next.
    scope: Scope,
    policy: Policy,
    any_script: bool,
    any_insecure: bool,
    /// That nftables are used without being asked for.
    firewall_said: bool,
}

impl Resolver<'_> {
    pub(crate) fn warn(&mut self, code: &'static str, text: impl Into<String>) {
        self.messages.push(self.scope, Severity::Warning, code, None, text);
    }

    pub(crate) fn refuse(&mut self, code: &'static str, text: impl Into<String>) {
        self.messages.push(self.scope, Severity::Alert, code, None, text);
    }

    pub(crate) fn remark(&mut self, text: impl Into<String>) {
        self.messages.push(self.scope, Severity::Diag, "remark", None, text);
    }

    /// Checks a script and logs what there is to say.
    fn script(
        &mut self,
        words: &[bstr::BString],
        user: crate::resolved::User,
    ) -> (Option<Command>, Option<Refusal>) {
        let checked = script_check::check(words, user, self.policy, self.system);
        for remark in checked.remarks {
            self.remark(remark);
        }
        self.any_insecure |= checked.insecure && checked.verdict.is_ok();
        match checked.verdict {
            Ok(command) => {
                self.any_script = true;
                (Some(command), None)
            }
            Err(refusal) => {
                self.any_script |= refusal == Refusal::NotExecutable;
                (None, Some(refusal))
            }
        }
    }

    /// Checks a notify script: one that cannot run is left out.
    pub(crate) fn notify(&mut self, declared: crate::declared::NotifyDecl) -> Notify {
        let mut one = |command: Option<crate::declared::CommandDecl>| {
            command.and_then(|c| self.script(&c.words, c.user).0)
        };
        Notify {
            backup: one(declared.backup),
            master: one(declared.master),
            fault: one(declared.fault),
            stop: one(declared.stop),
            any: one(declared.any),
            master_rx_lower_pri: one(declared.master_rx_lower_pri),
            deleted: one(declared.deleted),
            notify_deleted: declared.notify_deleted,
        }
    }

    fn security_verdict(&mut self, what: &str) {
        if self.policy.security || !self.any_script {
            return;
        }
        let more = if self.any_insecure { " There are insecure scripts." } else { "" };
        let text =
            format!("SECURITY VIOLATION - {what} are being executed but script_security not enabled.{more}");
        self.messages.push(self.scope, Severity::Notice, crate::SCRIPT_SECURITY, None, text);
    }
}

fn global(declared: &crate::declared::GlobalDecl, system: &dyn System) -> GlobalDefs {
    let defaults = GlobalDefs::default();
    GlobalDefs {
        router_id: declared
            .router_id
            .clone()
            .unwrap_or_else(|| system.host_name().to_string_lossy().into_owned()),
        mcast_group4: declared.mcast_group4.unwrap_or(defaults.mcast_group4),
        mcast_group6: declared.mcast_group6.unwrap_or(defaults.mcast_group6),
        startup_delay: declared.startup_delay.unwrap_or_default(),
        log_unknown_vrids: declared.log_unknown_vrids,
        garp_interval: declared.garp_interval,
        gna_interval: declared.gna_interval,
        vrrp_process_name: declared.vrrp_process_name.clone(),
        bfd: bfd::process(&declared.bfd),
        process_name: declared.process_name.clone(),
        script_user: match declared.script_user {
            DefaultUser::Known(user) => Some(user),
            DefaultUser::Unknown | DefaultUser::Nobody => None,
        },
        script_security: declared.script_security,
        max_auto_priority: declared.max_auto_priority,
        min_auto_priority_delay: declared
            .min_auto_priority_delay
            .map_or(defaults.min_auto_priority_delay, |micros| Duration::from_micros(micros.into())),
        child_wait: declared.child_wait.unwrap_or(defaults.child_wait),
        vrrp_nice: declared.vrrp_nice,
        vrrp_rt_priority: declared.vrrp_rt_priority,
        vrrp_no_swap: declared.vrrp_no_swap,
        vrrp_rlimit_rttime: declared.vrrp_rlimit_rttime.map_or(defaults.vrrp_rlimit_rttime, u64::from),
        vrrp_processors: declared.vrrp_processors.clone(),
        daemon: defaults.daemon,
    }
}

/// Removes scripts that nothing tracks and renumbers the others.
fn drop_unused_scripts(config: &mut Config, rx: &mut Resolver<'_>) {
    let used = |index: usize| {
        config.instances.iter().any(|i| i.track_scripts.iter().any(|t| t.script == index))
            || config.sync_groups.iter().any(|g| g.track_scripts.iter().any(|t| t.script == index))
    };
    let keep: Vec<bool> = (0..config.scripts.len()).map(used).collect();
    let mut numbers = Vec::new();
    let mut next = 0;
    for (script, keep) in config.scripts.iter().zip(&keep) {
        numbers.push(next);
        if *keep {
            next += 1;
        } else {
            rx.remark(format!("Warning - script {} is not used", script.name));
        }
    }
    let mut flags = keep.into_iter();
    config.scripts.retain(|_| flags.next().unwrap_or(true));
    let tracked = config.instances.iter_mut().flat_map(|i| &mut i.track_scripts);
    for tracked in tracked.chain(config.sync_groups.iter_mut().flat_map(|g| &mut g.track_scripts)) {
        if let Some(number) = numbers.get(tracked.script) {
            tracked.script = *number;
        }
    }
}
