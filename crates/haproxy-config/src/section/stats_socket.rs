//! `global`: the stats socket (configuration manual, section 3.1: stats socket, stats timeout, stats maxconn).

use super::bind;
use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{BindDecl, GlobalDecl};
use crate::known;
use crate::registry::{Row, Sections, Set, Since, row};
use config_text::spelling::nearest;
use units::{DelayError, Unit, lenient_int, parse_delay};

/// What the reference says to another word after `stats`.
pub(crate) fn unknown(line: &Line<'_>) -> Refusal {
    let got = line.arg(0);
    if got == "bind-process" {
        return Refusal::fatal("'stats bind-process' is not supported anymore.");
    }
    Refusal::fatal(format!(
        "'stats' only supports 'socket', 'maxconn', 'bind-process' and 'timeout' (got '{got}')"
    ))
}

fn socket(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let address = line.arg(0);
    if address.is_empty() {
        return Err(Refusal::fatal(
            "'stats socket' in global section expects an address or a path to a UNIX socket",
        ));
    }
    let mut template = BindDecl::new(&address, line.span);
    let options = bind::options(&mut template, line.rest(1), cx);
    let addresses = match bind::addresses(&address, &global.unix_bind, cx) {
        Ok(addresses) => addresses,
        Err(bind::AddressProblem::NotBuilt(prefix)) => return Err(Refusal::not_built(prefix)),
        Err(bind::AddressProblem::Bad(text)) => {
            // HAPROXY: the place is written twice and a line feed follows.
            let text = format!("parsing [{}:{}] : 'stats socket' : {text}\n", cx.file, line.span.line);
            return Err(Refusal::fatal(text));
        }
    };
    match options {
        Ok(()) => {}
        Err(bind::OptionProblem::Bad(text)) => {
            return Err(Refusal::fatal(format!("'stats socket' : '{text}'")));
        }
        Err(bind::OptionProblem::NotBuilt(word)) => return Err(Refusal::not_built(&word)),
        Err(bind::OptionProblem::Unknown(word)) => {
            let mut text = format!("'stats socket' : unknown keyword '{word}'.");
            if let Some(near) = nearest(&word, known::bind_words()) {
                text.push_str(&format!(" Did you mean '{near}' maybe ?"));
            }
            return Err(Refusal::fatal(text));
        }
    }
    global.stats_sockets.extend(addresses.into_iter().map(|address| {
        let mut bind = template.clone();
        bind.apply_unix_defaults(&global.unix_bind, &address);
        bind.address = Some(address);
        bind
    }));
    Ok(())
}

fn timeout(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    match parse_delay(&text, Unit::Milliseconds) {
        Ok(delay) if delay.is_zero() => Err(Refusal::fatal("'stats timeout' expects a positive value")),
        Ok(delay) => {
            global.stats_timeout.set(Some(delay), line.span, cx.section);
            Ok(())
        }
        Err(DelayError::Overflow) => Err(Refusal::fatal(format!(
            "timer overflow in argument '{text}' to 'stats timeout' (maximum value is 2147483647 ms or ~24.8 days)"
        ))),
        // HAPROXY: the end of the text cuts the message.
        Err(DelayError::Unexpected('\0')) => Err(Refusal::fatal("'stats timeout' : unexpected character '")),
        Err(DelayError::Unexpected(c)) => {
            Err(Refusal::fatal(format!("'stats timeout' : unexpected character '{c}'")))
        }
    }
}

fn maxconn(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let count = lenient_int(&line.arg(0));
    if count <= 0 {
        return Err(Refusal::fatal("'stats maxconn' expects a positive value"));
    }
    global.stats_maxconn.set(Some(count), line.span, cx.section);
    Ok(())
}

const G: Sections = Sections::GLOBAL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<GlobalDecl>] = &[
    row(
        "stats maxconn",
        G,
        Since(1, 3),
        "<connections>",
        Set::Custom(maxconn),
        "Most connections to the stats sockets.",
    ),
    row(
        "stats socket",
        G,
        Since(1, 3),
        "[<address:port>|<path>] [param*]",
        Set::Custom(socket),
        "Where the command line interface listens.",
    ),
    row(
        "stats timeout",
        G,
        Since(1, 3),
        "<timeout>",
        Set::Custom(timeout),
        "Inactivity limit of the stats sockets.",
    ),
];
