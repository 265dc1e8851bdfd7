//! What SIGUSR1 makes the parent write: the global definitions it runs with.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use keepalived_config::Config;

/// Name of the file.
pub(crate) const PARENT_FILE: &str = "keepalived_parent.data";

/// Writes the file in `TMPDIR`, readable by root only.
pub(crate) fn parent(config: Option<&Config>) -> std::io::Result<()> {
    let directory = std::env::var_os("TMPDIR").unwrap_or_else(|| "/tmp".into());
    let path = std::path::Path::new(&directory).join(PARENT_FILE);
    // A name in a directory that anybody may write to: a link planted there must not be followed.
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    let text = config.map(global_definitions).unwrap_or_default();
    file.write_all(text.as_bytes())
}

fn global_definitions(config: &Config) -> String {
    let global = &config.global;
    let mut text = String::from("------< Global definitions >------\n");
    let mut put = |key: &str, value: &str| text.push_str(&format!(" {key} = {value}\n"));
    put("Network namespace", "(default)");
    put("Router ID", &global.router_id);
    put("VRRP IPv4 mcast group", &global.mcast_group4.to_string());
    put("VRRP IPv6 mcast group", &global.mcast_group6.to_string());
    put("Max auto priority", &global.max_auto_priority.unwrap_or(0).to_string());
    put("Script security", if global.script_security { "enabled" } else { "disabled" });
    let user = global.script_user.unwrap_or_default();
    put("Default script uid:gid", &format!("{}:{}", user.uid, user.gid));
    text
}
