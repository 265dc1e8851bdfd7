//! `track_script` and `track_interface`, which instances and sync groups share.

use crate::declared::TrackedScriptDecl;
use crate::registry::{Cx, list_of};
use crate::resolved::TrackedInterface;
use crate::tree::Block;

/// Lines `NAME [weight N] [reverse|noreverse]` of `track_script`. A script must be defined above.
pub(crate) fn scripts(name: &str, list: &mut Vec<TrackedScriptDecl>, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        let script = line.keyword();
        let span = line.span;
        let Some(known) = cx.scripts.iter().find(|s| s.name == script).cloned() else {
            cx.warn(span, "track-script", format!("({name}) track script {script} not found, ignoring..."));
            continue;
        };
        if list.iter().any(|t| t.name == script) {
            cx.warn(span, "track-script", format!("({name}) duplicate track_script {script} - ignoring"));
            continue;
        }
        let mut tracked = known;
        let mut at = 1;
        while let Some(option) = line.text(at) {
            at += 1;
            match option.as_str() {
                "weight" => {
                    let value = line.text(at);
                    at += 1;
                    match value {
                        None => {
                            let text =
                                format!("({name}) track script {script} weight without value - ignoring");
                            cx.warn(span, "track-script", text);
                        }
                        Some(value) => match cx.signed(span, &value, -254, 254) {
                            // 254 would reach past every priority an advert may carry.
                            Some(weight) => tracked.weight = weight.clamp(-253, 253),
                            None => {
                                let text = format!(
                                    "({name}) track script {script}: weight must be between [-253..253] inclusive, ignoring..."
                                );
                                cx.warn(span, "track-script", text);
                            }
                        },
                    }
                }
                "reverse" => tracked.reverse = true,
                "noreverse" => tracked.reverse = false,
                other => {
                    let text = format!("({name}) unknown track script option {other} - ignoring");
                    cx.warn(span, "track-script", text);
                }
            }
        }
        list.push(tracked);
    }
}

/// Lines `IF [weight N] [reverse|noreverse]` of `track_interface`.
pub(crate) fn interfaces(name: &str, list: &mut Vec<TrackedInterface>, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        let interface = line.keyword();
        let span = line.span;
        if !cx.interface_exists(&interface) {
            let text = format!("({name}) tracked interface {interface} doesn't exist");
            cx.warn(span, "missing-interface", text);
        }
        if list.iter().any(|t| t.name == interface) {
            cx.warn(
                span,
                "track-interface",
                format!("({name}) duplicate track_interface {interface} - ignoring"),
            );
            continue;
        }
        let mut tracked = TrackedInterface { name: interface.clone(), weight: 0, reverse: false };
        let mut at = 1;
        while let Some(option) = line.text(at) {
            at += 1;
            match option.as_str() {
                "weight" => {
                    let value = line.text(at);
                    at += 1;
                    match value {
                        None => {
                            let text =
                                format!("({name}) weight without value specified for {interface} - ignoring");
                            cx.warn(span, "track-interface", text);
                        }
                        Some(value) => match cx.signed(span, &value, -254, 254) {
                            Some(weight) => tracked.weight = weight.clamp(-253, 253),
                            None => {
                                let text = format!(
                                    "({name}) weight {value} for {interface} must be between [-253..253] inclusive. Ignoring..."
                                );
                                cx.warn(span, "track-interface", text);
                            }
                        },
                    }
                }
                "reverse" => tracked.reverse = true,
                "noreverse" => tracked.reverse = false,
                other => {
                    let text = format!("({name}) unknown track interface option {other} - ignoring");
                    cx.warn(span, "track-interface", text);
                }
            }
        }
        list.push(tracked);
    }
}
