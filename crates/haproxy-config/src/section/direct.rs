//! `dispatch` and `option transparent`: where requests go without a server (configuration manual, section 4.2).

use super::bind::host_address;
use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{ProxyDecl, ServerDecl};
use crate::registry::{Row, Sections, Set, Since, row};
use units::{Allowed, Endpoint, HostPart, parse_endpoint};

/// One address with its port.
const ONE: Allowed = Allowed { range: false, port_required: true, ..Allowed::SOURCE };

fn dispatch(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    let refuse = |why: String| Refusal::fatal(format!("'dispatch' : {why}"));
    let mut endpoint = parse_endpoint(&text, ONE).map_err(|e| refuse(e.to_string()))?;
    match &mut endpoint {
        Endpoint::Unsupported(prefix) => return Err(Refusal::not_built(&format!("dispatch {prefix}"))),
        Endpoint::SockPair(fd) => {
            if let Some(why) = cx.host().descriptor_problem(*fd) {
                return Err(refuse(format!("cannot use file descriptor '{fd}' : {why}.")));
            }
        }
        // HAPROXY: the name is looked up at once, not with those of the servers.
        Endpoint::Inet { host, .. } => {
            let ip = host_address(host, cx)
                .map_err(|name| refuse(format!("invalid address: '{name}' in '{text}'")))?;
            *host = HostPart::Ip(ip);
        }
        _ => {}
    }
    line.at_most(1)?;
    let mut decl = ServerDecl::new("", line.span);
    decl.endpoint = Some(endpoint);
    proxy.dispatch = Some(Box::new(decl));
    Ok(())
}

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "dispatch",
        Sections::BACKEND,
        Since(1, 1),
        "<address>:<port>",
        Set::Custom(dispatch),
        "Address for requests that persistence sends to no server.",
    ),
    row(
        "option transparent",
        Sections::BACK,
        Since(1, 1),
        "",
        Set::Flag(|p| &mut p.options.transparent),
        "Sends requests to the client's destination.",
    ),
    row(
        "transparent",
        Sections::BACK,
        Since(1, 1),
        "",
        Set::Flag(|p| &mut p.options.transparent),
        "The old name of `option transparent`.",
    ),
];
