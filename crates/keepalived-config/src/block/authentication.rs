//! `vrrp_instance/authentication`, VRRPv2 only. keepalived.conf(5), "VRRP instance(s)".

use crate::declared::{AuthKind, InstanceDecl};
use crate::registry::{Cx, Keyword, Set, apply};
use crate::tree::{Block, Statement};

/// Bytes of a password that reach the wire.
const PASSWORD_BYTES: usize = 8;

/// Reads the block.
pub(crate) fn authentication(instance: &mut InstanceDecl, _: &Statement, block: &Block, cx: &mut Cx<'_>) {
    apply(&TABLES, &block.nodes, instance, cx);
}

fn auth_type(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let kind = line.text(1).unwrap_or_default();
    match kind.as_str() {
        "PASS" => instance.auth = AuthKind::Pass,
        "AH" => instance.auth = AuthKind::Ah,
        _ => {
            let text = format!("({}) unknown authentication type '{kind}'", instance.name);
            cx.warn(line.span, "auth-type", text);
        }
    }
}

fn auth_pass(instance: &mut InstanceDecl, line: &Statement, cx: &mut Cx<'_>) {
    let Some(word) = line.word(1) else { return };
    let text = &word.text;
    if text.is_empty() {
        instance.password = None;
        return;
    }
    if text.len() > PASSWORD_BYTES {
        cx.warn(line.span, "auth-pass", "Truncating auth_pass to 8 characters");
    }
    let mut password = [0; PASSWORD_BYTES];
    for (to, from) in password.iter_mut().zip(text.iter()) {
        *to = *from;
    }
    instance.password = Some(password);
}

const OBEYED: [Keyword<InstanceDecl>; 2] = [
    Keyword { name: "auth_type", parameters: 1, set: Set::Custom(auth_type), doc: "PASS or AH." },
    Keyword {
        name: "auth_pass",
        parameters: 1,
        set: Set::Custom(auth_pass),
        doc: "The password; 8 bytes of it count.",
    },
];

pub(crate) const TABLES: [&[Keyword<InstanceDecl>]; 1] = [&OBEYED];
