//! `track_script`, `track_interface` and the options of everything that instances and sync groups track.

use config_text::Span;

use crate::declared::TrackedScriptDecl;
use crate::registry::{Cx, list_of};
use crate::resolved::TrackedInterface;
use crate::tree::{Block, Statement};

/// `weight N [reverse|noreverse]` behind the name of what is tracked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) weight: Option<i32>,
    pub(super) reverse: Option<bool>,
}

/// How the kinds of tracked things differ. In the texts `{g}` is the instance or group, `{n}` the thing, `{v}` the word.
pub(super) struct Kind {
    /// Another word than `weight`.
    pub(super) unknown: &'static str,
    /// `weight` without a number.
    pub(super) missing: &'static str,
    /// A number out of range, or none.
    pub(super) range: &'static str,
    /// Another word than `reverse` after the number.
    pub(super) option: &'static str,
    /// The number's greatest value.
    pub(super) most: i32,
    /// 254 is read as 253.
    pub(super) clamps: bool,
    /// `noreverse` is a word.
    pub(super) noreverse: bool,
    /// It is tracked in spite of a bad word after the number.
    pub(super) forgives: bool,
}

const SCRIPT: Kind = Kind {
    unknown: "({g}) unknown track script option {v} - ignoring",
    missing: "({g}) weight without value specified for track script {n} - ignoring",
    range: "({g}) track script {n}: weight must be between [-253..253] inclusive, ignoring...",
    option: "({g}) unknown track_script {n} weight option {v} - ignoring",
    most: 254,
    clamps: true,
    noreverse: true,
    forgives: true,
};

const INTERFACE: Kind = Kind {
    unknown: "({g}) unknown track_interface {n} option {v} - ignoring",
    missing: "({g}) weight without value specified for track_interface {n} - ignoring",
    range: "({g}) weight {v} for {n} must be between [-253..253] inclusive. Ignoring...",
    // The reference's spelling.
    option: "({g}) unknown track_interace {n} weight option {v} - ignoring",
    most: 254,
    clamps: true,
    noreverse: false,
    forgives: true,
};

/// The options of a line. `None`: it is dropped, with a message. What follows them is ignored.
pub(super) fn options(group: &str, kind: &Kind, line: &Statement, cx: &mut Cx<'_>) -> Option<Options> {
    let span = line.span;
    let thing = line.keyword();
    let say = |text: &str, value: &str, cx: &mut Cx<'_>| {
        let text = text.replace("{g}", group).replace("{n}", &thing).replace("{v}", value);
        cx.warn(span, "tracked", text);
    };
    let mut options = Options::default();
    match line.text(1) {
        None => return Some(options),
        Some(word) if word != "weight" => {
            say(kind.unknown, &word, cx);
            return None;
        }
        Some(_) => {}
    }
    let Some(value) = line.text(2) else {
        say(kind.missing, "", cx);
        return None;
    };
    match cx.signed(span, &value, -kind.most, kind.most) {
        // 254 would reach past every priority an advert may carry.
        Some(weight) if kind.clamps && weight.abs() > 253 => {
            cx.warn(
                span,
                "tracked",
                format!("({group}) weight for {thing} cannot be +/-254. Setting to +/-253"),
            );
            options.weight = Some(weight.clamp(-253, 253));
        }
        Some(weight) => options.weight = Some(weight),
        None => say(kind.range, &value, cx),
    }
    match line.text(3).as_deref() {
        None => {}
        Some("reverse") => options.reverse = Some(true),
        Some("noreverse") if kind.noreverse => options.reverse = Some(false),
        Some(other) => {
            say(kind.option, other, cx);
            if !kind.forgives {
                return None;
            }
        }
    }
    Some(options)
}

/// Lines of `track_script`. A script must be defined above.
pub(crate) fn scripts(name: &str, list: &mut Vec<TrackedScriptDecl>, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        let script = line.keyword();
        let span = line.span;
        let Some(known) = cx.scripts.iter().find(|s| s.name == script).cloned() else {
            cx.warn(span, "track-script", format!("({name}) track script {script} not found, ignoring..."));
            continue;
        };
        if is_duplicate(name, "track_script", &script, list.iter().any(|t| t.name == script), span, cx) {
            continue;
        }
        let Some(Options { weight, reverse }) = options(name, &SCRIPT, line, cx) else { continue };
        list.push(TrackedScriptDecl {
            weight: weight.unwrap_or(known.weight),
            reverse: reverse.unwrap_or(known.reverse),
            ..known
        });
    }
}

/// Lines of `track_interface`.
pub(crate) fn interfaces(name: &str, list: &mut Vec<TrackedInterface>, block: &Block, cx: &mut Cx<'_>) {
    for line in list_of(block, cx) {
        let interface = line.keyword();
        let span = line.span;
        if !cx.interface_exists(&interface) {
            let text = format!("({name}) tracked interface {interface} doesn't exist");
            cx.warn(span, "missing-interface", text);
            continue;
        }
        let known = list.iter().any(|t| t.name == interface);
        if is_duplicate(name, "track_interface", &interface, known, span, cx) {
            continue;
        }
        let Some(Options { weight, reverse }) = options(name, &INTERFACE, line, cx) else { continue };
        let (weight, reverse) = (weight.unwrap_or(0), reverse.unwrap_or(false));
        list.push(TrackedInterface { name: interface, weight, reverse });
    }
}

/// Says so if it is.
pub(super) fn is_duplicate(
    name: &str,
    keyword: &str,
    thing: &str,
    known: bool,
    span: Span,
    cx: &mut Cx<'_>,
) -> bool {
    if known {
        cx.warn(span, "tracked", format!("({name}) duplicate {keyword} {thing} - ignoring"));
    }
    known
}
