//! `clitcpka-*` and `srvtcpka-*`: how TCP keep-alive probes are sent where `option clitcpka` or `srvtcpka` asks for them.

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{KeepAliveDecl, ProxyDecl};
use crate::registry::{Row, Sections, Set, Since, row};
use crate::setting::Setting;
use units::{DelayError, Unit, parse_delay};

/// What the kernel takes, seconds.
const LONGEST: i64 = 32_767;
/// What the kernel takes, probes.
const MOST: i64 = 127;

type Field = fn(&mut KeepAliveDecl) -> &mut Setting<Option<u32>>;

fn seconds(side: &mut KeepAliveDecl, line: &Line<'_>, cx: &mut Cx<'_>, field: Field) -> Outcome {
    line.at_most(1)?;
    let (name, text) = (line.name(), line.arg(0));
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'{name}' expects an integer value")));
    }
    let delay = parse_delay(&text, Unit::Seconds).map_err(|error| match error {
        DelayError::Overflow => Refusal::fatal(format!(
            "timer overflow in argument '{text}' to '{name}' (maximum value is 2147483647 ms or ~24.8 days)"
        )),
        DelayError::Unexpected(c) => {
            Refusal::fatal(format!("unexpected character '{c}' in argument to <{name}>.\n"))
        }
    })?;
    let seconds = i64::try_from(delay.as_secs()).unwrap_or(i64::MAX);
    store(side, line, cx, field, seconds, LONGEST);
    Ok(())
}

fn count(side: &mut KeepAliveDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let (name, text) = (line.name(), line.arg(0));
    if text.is_empty() {
        return Err(Refusal::fatal(format!("'{name}' expects an integer value")));
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let after = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    if let Some(c) = after.chars().next() {
        return Err(Refusal::fatal(format!(
            "'{name}' : unexpected character '{c}' in integer value '{text}'"
        )));
    }
    let value = text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX });
    store(side, line, cx, |side| &mut side.count, value, MOST);
    Ok(())
}

/// 0 is the system's value. So is what the kernel would refuse, which the reference does not tell.
fn store(side: &mut KeepAliveDecl, line: &Line<'_>, cx: &mut Cx<'_>, field: Field, value: i64, most: i64) {
    if !(0..=most).contains(&value) {
        let name = line.name();
        cx.warn(line.span, format!("'{name}' : the system's value is used, as it takes 1 to {most} only."));
    }
    let value = u32::try_from(value).ok().filter(|&value| value > 0 && i64::from(value) <= most);
    field(side).set(value, line.span, cx.section);
}

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "clitcpka-cnt",
        Sections::FRONT,
        Since(2, 1),
        "<count>",
        Set::Custom(|p, line, cx| count(&mut p.clitcpka, line, cx)),
        "Unanswered keep-alive probes that end a client connection.",
    ),
    row(
        "clitcpka-idle",
        Sections::FRONT,
        Since(2, 1),
        "<timeout>",
        Set::Custom(|p, line, cx| seconds(&mut p.clitcpka, line, cx, |side| &mut side.idle)),
        "Silence before the first keep-alive probe to a client.",
    ),
    row(
        "clitcpka-intvl",
        Sections::FRONT,
        Since(2, 1),
        "<timeout>",
        Set::Custom(|p, line, cx| seconds(&mut p.clitcpka, line, cx, |side| &mut side.interval)),
        "Time between two keep-alive probes to a client.",
    ),
    row(
        "srvtcpka-cnt",
        Sections::BACK,
        Since(2, 1),
        "<count>",
        Set::Custom(|p, line, cx| count(&mut p.srvtcpka, line, cx)),
        "Unanswered keep-alive probes that end a server connection.",
    ),
    row(
        "srvtcpka-idle",
        Sections::BACK,
        Since(2, 1),
        "<timeout>",
        Set::Custom(|p, line, cx| seconds(&mut p.srvtcpka, line, cx, |side| &mut side.idle)),
        "Silence before the first keep-alive probe to a server.",
    ),
    row(
        "srvtcpka-intvl",
        Sections::BACK,
        Since(2, 1),
        "<timeout>",
        Set::Custom(|p, line, cx| seconds(&mut p.srvtcpka, line, cx, |side| &mut side.interval)),
        "Time between two keep-alive probes to a server.",
    ),
];
