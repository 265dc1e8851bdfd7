//! Notification scripts: which ones a state change runs and with which arguments. keepalived.conf(5), "NOTIFY SCRIPTS".

use std::ffi::OsString;

use keepalived_config::resolved::{Command, Config, Notify};
use vrrp::event::StateName;
use vrrp::router::Who;

/// The scripts of a change, in the order in which they are started: the one of the state, then the generic one.
pub(crate) fn scripts(
    config: &Config,
    who: Who,
    state: StateName,
    priority: u8,
) -> Vec<(Command, Vec<OsString>)> {
    let Some((kind, name, notify)) = subject(config, who) else { return Vec::new() };
    let mut scripts = Vec::new();
    if let Some(command) = of_state(notify, state) {
        scripts.push((command.clone(), Vec::new()));
    }
    if let Some(command) = &notify.any {
        let arguments = [kind, name, state.as_str(), &priority.to_string()].map(OsString::from);
        scripts.push((command.clone(), arguments.into()));
    }
    scripts
}

fn subject(config: &Config, who: Who) -> Option<(&'static str, &str, &Notify)> {
    match who {
        Who::Instance(id) => {
            let instance = config.instances.get(id.0)?;
            Some(("INSTANCE", &instance.name, &instance.notify))
        }
        Who::Group(id) => {
            let group = config.sync_groups.get(id.0)?;
            Some(("GROUP", &group.name, &group.notify))
        }
    }
}

fn of_state(notify: &Notify, state: StateName) -> Option<&Command> {
    match state {
        StateName::Master => notify.master.as_ref(),
        StateName::Backup => notify.backup.as_ref(),
        StateName::Fault => notify.fault.as_ref(),
        StateName::Stop => notify.stop.as_ref(),
        StateName::Deleted => notify.deleted.as_ref(),
        StateName::Init => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use vrrp::{GroupId, InstanceId};

    fn command(text: &str) -> Command {
        Command {
            path: text.into(),
            argv: vec![text.into()],
            text: text.into(),
            user: Default::default(),
            shell: false,
        }
    }

    #[test]
    fn the_script_of_the_state_comes_first_and_only_the_generic_one_gets_arguments() {
        let mut config = Config::default();
        config.sync_groups.push(keepalived_config::resolved::SyncGroup {
            name: "VG_1".into(),
            members: vec![0],
            notify: Notify { any: Some(command("/g")), master: Some(command("/m")), ..Notify::default() },
            smtp_alert: false,
            track_bfds: Vec::new(),
            track_scripts: Vec::new(),
            track_interfaces: Vec::new(),
            trackers: Vec::new(),
            tracking_weight: false,
        });
        let scripts = |state| scripts(&config, Who::Group(GroupId(0)), state, 0);
        let of_master = scripts(StateName::Master);
        assert_eq!(of_master.len(), 2);
        assert_eq!((of_master[0].0.text.as_str(), of_master[0].1.len()), ("/m", 0));
        assert_eq!(of_master[1].1, ["GROUP", "VG_1", "MASTER", "0"].map(OsString::from));
        assert_eq!(scripts(StateName::Backup).len(), 1);
        assert!(super::scripts(&config, Who::Instance(InstanceId(0)), StateName::Master, 100).is_empty());
    }
}
