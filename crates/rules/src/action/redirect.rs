//! `redirect`, as an action and as a keyword of its own.

use super::{Action, ActionRow, Args, HTTP, row};
use crate::parse::Parsed;
use crate::{Body, Reply, RuleCx, RuleKind, Verdict, default_reason};
use http1::Version;
use log_format::{LogFormat, Purpose};
use sample::ParseCx;
use sample::uri::{path_and_query_of, path_of};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Location,
    Prefix,
    Scheme,
}

#[derive(Debug)]
struct Redirect {
    kind: Kind,
    target: LogFormat,
    code: u16,
    cookie: Option<Vec<u8>>,
    drop_query: bool,
    append_slash: bool,
    ignore_empty: bool,
}

impl Redirect {
    fn location(&self, cx: &RuleCx<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        self.target.render(cx.log, &cx.cx(), &mut out);
        if self.kind == Kind::Location {
            return out;
        }
        let uri = cx.request.as_deref().map_or(&b""[..], |head| head.uri());
        let mut path = if self.drop_query { path_of(uri) } else { path_and_query_of(uri) };
        if path.is_empty() {
            path = b"/";
        }
        match self.kind {
            Kind::Scheme => {
                out.extend_from_slice(b"://");
                out.extend_from_slice(
                    cx.request.as_deref().and_then(|head| head.value(b"host")).unwrap_or_default(),
                );
            }
            // HAPROXY: a prefix that is exactly `/` adds nothing.
            _ if out == b"/" => out.clear(),
            _ => {}
        }
        out.extend_from_slice(path);
        if self.append_slash && out.last() != Some(&b'/') {
            out.push(b'/');
        }
        out
    }
}

impl Action for Redirect {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        let location = self.location(cx);
        if self.ignore_empty && self.kind == Kind::Location && location.is_empty() {
            return Verdict::Continue;
        }
        let mut fields = vec![(b"content-length".to_vec(), b"0".to_vec()), (b"location".to_vec(), location)];
        if matches!(self.code, 302 | 303 | 307) {
            fields.push((b"cache-control".to_vec(), b"no-cache".to_vec()));
        }
        if let Some(cookie) = &self.cookie {
            fields.push((b"set-cookie".to_vec(), cookie.clone()));
        }
        let reply = Arc::new(Reply {
            status: self.code,
            reason: default_reason(self.code).as_bytes().to_vec(),
            version: Version::Http11,
            fields,
            body: Body::Shared(Arc::from(&b""[..])),
            close: false,
        });
        Verdict::Reply { status: self.code, reply }
    }
}

fn parse_any(args: &mut Args<'_>, formats: bool, cx: &mut ParseCx<'_>) -> Parsed {
    let mut kind: Option<(Kind, &[u8])> = None;
    let mut code = 302;
    let mut cookie = None;
    let (mut drop_query, mut append_slash, mut ignore_empty) = (false, false, false);
    let in_response = args.kind == RuleKind::HttpResponse;
    while !args.ended() {
        let word = args.peek(0);
        let argument = args.peek(1);
        if in_response && matches!(word, b"prefix" | b"scheme") {
            return Err("response only supports redirect type 'location'".to_owned());
        }
        let needs =
            matches!(word, b"location" | b"prefix" | b"scheme" | b"code" | b"set-cookie" | b"clear-cookie");
        if needs && argument.is_empty() {
            return Err(format!("missing argument for '{}'", args.shown(0)));
        }
        match word {
            b"location" => kind = Some((Kind::Location, argument)),
            b"prefix" => kind = Some((Kind::Prefix, argument)),
            b"scheme" => kind = Some((Kind::Scheme, argument)),
            b"set-cookie" => cookie = Some([argument, b"; path=/;"].concat()),
            b"clear-cookie" => cookie = Some([argument, b"; path=/; Max-Age=0;"].concat()),
            b"code" => {
                let shown = args.shown(1);
                code = match units::lenient_int(&shown) {
                    301 => 301,
                    302 => 302,
                    303 => 303,
                    307 => 307,
                    308 => 308,
                    _ => {
                        return Err(format!(
                            "'code': unsupported HTTP code '{shown}' (must be one of 301, 302, 303, 307 or 308)"
                        ));
                    }
                };
            }
            b"drop-query" => drop_query = true,
            b"append-slash" => append_slash = true,
            b"ignore-empty" => ignore_empty = true,
            _ => {
                return Err(format!(
                    "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', 'ignore-empty' or \
                     'append-slash' (was '{}')",
                    args.shown(0)
                ));
            }
        }
        args.at += if needs { 2 } else { 1 };
    }
    let Some((kind, target)) = kind else {
        return Err("redirection type expected ('prefix', 'location', or 'scheme')".to_owned());
    };
    let target = if formats {
        super::format(target, Purpose::Header, cx)?
    } else {
        LogFormat::constant(target, Purpose::Header)
    };
    Ok(Box::new(Redirect { kind, target, code, cookie, drop_query, append_slash, ignore_empty }))
}

/// The keyword `redirect`: its target is a plain text.
pub(crate) fn parse_keyword(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    parse_any(args, false, cx)
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    parse_any(args, true, cx)
}

pub(crate) const ROWS: &[ActionRow] = &[row("redirect", HTTP, (1, 3), "Answers with a redirection.", parse)];
