//! Mail settings of `global_defs`.

use std::time::Duration;

use crate::declared::GlobalDecl;
use crate::registry::{Cx, Keyword, Set, list_of};
use crate::tree::{Block, Statement};

use super::{kw, switch};

fn notification_email(global: &mut GlobalDecl, line: &Statement, block: &Block, cx: &mut Cx<'_>) {
    let to: Vec<String> =
        list_of(block, cx).iter().flat_map(|s| s.words.iter().map(config_text::Word::lossy)).collect();
    if to.is_empty() {
        let at = block.close.unwrap_or(line.span);
        cx.warn(at, "mail", "Warning - empty notification_email block");
    }
    global.daemon.mail.to.extend(to);
}

fn from(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let Some(from) = line.text(1) else {
        cx.warn(line.span, "mail", "emailfrom missing - ignoring");
        return;
    };
    if let Some(extra) = line.text(2) {
        cx.warn(line.span, "mail", format!("emailfrom - ignoring extra entries '{extra}' ..."));
    }
    global.daemon.mail.from = Some(from);
}

fn server(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let name = line.text(1).unwrap_or_default();
    let shown = line.text(2).unwrap_or_else(|| "25".to_owned());
    let port = match line.text(2) {
        None => Some(25),
        Some(port) => match cx.unsigned(line.span, &port, 1, 65_535) {
            Some(port) => u16::try_from(port).ok(),
            None => {
                // The reference reads the port twice before it gives up.
                let _ = cx.unsigned(line.span, &port, 1, 65_535);
                None
            }
        },
    };
    match port {
        Some(port) if plausible(&name) => global.daemon.mail.server = Some((name, port)),
        _ => cx.warn(line.span, "mail", format!("Invalid smtp server {name} {shown}")),
    }
}

/// An address, or a name that DNS could know. It is looked up when a mail is sent, not while a configuration is read.
fn plausible(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() < 64
            && !label.starts_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.parse::<std::net::IpAddr>().is_ok()
        || (name.len() < 254
            && name.trim_end_matches('.').split('.').all(label)
            && !name.ends_with(".invalid")
            && !looks_like_address(name))
}

fn looks_like_address(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn helo(global: &mut GlobalDecl, line: &Statement, _: &mut Cx<'_>) {
    if let Some(name) = line.text(1) {
        global.daemon.mail.helo = Some(name);
    }
}

fn connect_timeout(global: &mut GlobalDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.unsigned(line.span, &text, 0, 4294) {
        Some(0) => {
            // The reference's spelling.
            cx.warn(line.span, "mail", "smtp_conect_timeout must be greater than 0, setting to 1");
            global.daemon.mail.connect_timeout = Some(Duration::from_secs(1));
        }
        Some(seconds) => global.daemon.mail.connect_timeout = Some(Duration::from_secs(seconds.into())),
        None => {
            let text = format!("smtp_connect_timeout '{text}' must be in [0, 4294] - ignoring");
            cx.warn(line.span, "mail", text);
        }
    }
}

pub(super) const MAIL: &[Keyword<GlobalDecl>] = &[
    Keyword {
        name: "notification_email",
        parameters: 0,
        set: Set::Block(notification_email),
        doc: "Mail recipients.",
    },
    kw("notification_email_from", 0, from, "Mail sender; USER@HOST."),
    kw("smtp_server", 1, server, "Mail server, name or address, and port; 25."),
    kw("smtp_helo_name", 0, helo, "Name in HELO; the host name."),
    kw("smtp_connect_timeout", 1, connect_timeout, "Seconds to connect to the mail server; 30."),
    Keyword {
        name: "no_email_faults",
        parameters: 0,
        set: Set::Flag(|g| &mut g.daemon.mail.no_faults),
        doc: "No mail on FAULT.",
    },
    switch(
        "smtp_alert",
        |g| &mut g.daemon.mail.alert,
        "Invalid value '{v}' for global smtp_alert specified",
        "Whether changes are mailed when nothing nearer says so; off.",
    ),
    switch(
        "smtp_alert_vrrp",
        |g| &mut g.daemon.mail.alert_vrrp,
        "Invalid value '{v}' for global smtp_alert_vrrp specified",
        "The same for instances and groups.",
    ),
    switch(
        "smtp_alert_checker",
        |g| &mut g.daemon.mail.alert_checker,
        "Invalid value '{v}' for global smtp_alert_checker specified",
        "The same for virtual and real servers, which do not exist here yet: no effect besides dumps.",
    ),
];
