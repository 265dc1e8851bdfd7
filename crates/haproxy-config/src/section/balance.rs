//! `balance`, `hash-type`, `hash-balance-factor`, `http-reuse` (configuration manual, section 4.2).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::ProxyDecl;
use crate::registry::{Row, Sections, Set, Since, row};
use crate::runtime::Reuse;
use ::balance::{Algorithm, HashFunction, HashType};
use units::lenient_int;

const SUPPORTED: &str = "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', 'hash', 'hdr(name)', 'rdp-cookie(name)', 'log-hash' and 'sticky' options.";

fn balance(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let algorithm = parse_algorithm(line)?;
    let mut config = (*proxy.balance).clone();
    config.algorithm = algorithm;
    proxy.balance.set(config, line.span, cx.section);
    proxy.balanced = true;
    Ok(())
}

fn parse_algorithm(line: &Line<'_>) -> Result<Algorithm, Refusal> {
    let word = line.arg(0);
    // HAPROXY: words after an algorithm without parameters are passed over.
    Ok(match word.as_str() {
        "" | "roundrobin" => Algorithm::RoundRobin,
        "static-rr" => Algorithm::StaticRoundRobin,
        "first" => Algorithm::First,
        "leastconn" => Algorithm::LeastConn,
        "source" => Algorithm::Source,
        "uri" => uri(line)?,
        "url_param" => url_param(line)?,
        "random" => Algorithm::Random { draws: 2 },
        "hash" => {
            if line.arg(1).is_empty() {
                return Err(Refusal::fatal("balance hash requires a sample expression."));
            }
            return Err(Refusal::not_built("balance hash"));
        }
        "log-hash" | "sticky" => return Err(Refusal::not_built(&format!("balance {word}"))),
        _ => with_parenthesis(line, &word)?,
    })
}

fn with_parenthesis(line: &Line<'_>, word: &str) -> Result<Algorithm, Refusal> {
    let inside = |prefix: &str| {
        word.strip_prefix(prefix).map(|rest| rest.split(')').next().unwrap_or_default().to_owned())
    };
    if let Some(text) = inside("random(") {
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_digit()) {
            return Err(Refusal::fatal(format!(
                "balance random : unexpected character '{bad}' after argument."
            )));
        }
        let draws = u32::try_from(lenient_int(&text)).unwrap_or(u32::MAX);
        if draws == 0 {
            return Err(Refusal::fatal("balance random : number of draws must be at least 1."));
        }
        return Ok(Algorithm::Random { draws });
    }
    if let Some(name) = inside("hdr(") {
        if name.is_empty() || !word.contains(')') {
            return Err(Refusal::fatal("balance hdr requires an http header field name."));
        }
        let modifier = line.arg(1);
        if !modifier.is_empty() && modifier != "use_domain_only" {
            return Err(Refusal::fatal(format!(
                "balance hdr({name}) only accepts 'use_domain_only' modifier (got '{modifier}')."
            )));
        }
        return Ok(Algorithm::Header {
            name: name.to_ascii_lowercase().into_bytes(),
            use_domain_only: !modifier.is_empty(),
        });
    }
    if word == "rdp-cookie" {
        return Ok(Algorithm::RdpCookie { name: b"mstshash".to_vec() });
    }
    if let Some(name) = inside("rdp-cookie(") {
        if name.is_empty() || !word.contains(')') {
            return Err(Refusal::fatal("balance rdp-cookie : missing cookie name."));
        }
        return Ok(Algorithm::RdpCookie { name: name.into_bytes() });
    }
    Err(Refusal::fatal(SUPPORTED))
}

fn uri(line: &Line<'_>) -> Result<Algorithm, Refusal> {
    let (mut len, mut depth, mut whole, mut path_only) = (0, 0, false, false);
    let mut at = 1;
    while !line.arg(at).is_empty() {
        let word = line.arg(at);
        match word.as_str() {
            "len" | "depth" => {
                let text = line.arg(at + 1);
                let number = lenient_int(&text);
                if number <= 0 {
                    return Err(Refusal::fatal(format!(
                        "balance uri : '{word}' expects a positive integer (got '{text}')."
                    )));
                }
                let number = u32::try_from(number).unwrap_or(u32::MAX);
                if word == "len" {
                    len = number;
                } else {
                    depth = number;
                }
                at += 2;
            }
            "whole" => {
                whole = true;
                at += 1;
            }
            "path-only" => {
                path_only = true;
                at += 1;
            }
            _ => {
                return Err(Refusal::fatal(format!(
                    "balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '{word}')."
                )));
            }
        }
    }
    Ok(Algorithm::Uri { len, depth, whole, path_only })
}

fn url_param(line: &Line<'_>) -> Result<Algorithm, Refusal> {
    let name = line.arg(1);
    if name.is_empty() {
        return Err(Refusal::fatal("balance url_param requires an URL parameter name."));
    }
    if line.arg(2) == "check_post" {
        return Err(Refusal::not_built("balance url_param check_post"));
    }
    Ok(Algorithm::UrlParam { name: name.into_bytes() })
}

fn hash_type(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let mut config = (*proxy.balance).clone();
    config.hash.hash_type = match line.arg(0).as_str() {
        "map-based" => HashType::MapBased,
        "consistent" => HashType::Consistent,
        "avalanche" => {
            return Err(Refusal::fatal(
                "experimental feature 'hash-type avalanche' is not supported anymore, please use 'hash-type map-based sdbm avalanche' instead.",
            ));
        }
        _ => return Err(Refusal::fatal("'hash-type' only supports 'consistent' and 'map-based'.")),
    };
    let function = line.arg(1);
    let avalanche = line.arg(2);
    config.hash.function = match function.as_str() {
        "" | "sdbm" => HashFunction::Sdbm,
        "djb2" => HashFunction::Djb2,
        "wt6" => HashFunction::Wt6,
        "crc32" => HashFunction::Crc32,
        "none" => HashFunction::None,
        _ => {
            return Err(Refusal::fatal(
                "'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.",
            ));
        }
    };
    config.hash.avalanche = match avalanche.as_str() {
        "avalanche" => true,
        // HAPROXY: without a function, the consistent ring's default is scrambled.
        "" => function.is_empty() && config.hash.hash_type == HashType::Consistent,
        _ => {
            return Err(Refusal::fatal(
                "'hash-type' only supports 'avalanche' as a modifier for hash functions.",
            ));
        }
    };
    proxy.balance.set(config, line.span, cx.section);
    Ok(())
}

fn hash_balance_factor(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let text = line.arg(0);
    if text.is_empty() {
        return Err(Refusal::fatal("'hash-balance-factor' expects an integer argument."));
    }
    let factor = lenient_int(&text);
    if factor != 0 && factor <= 100 {
        return Err(Refusal::fatal("'hash-balance-factor' must be 0 or greater than 100."));
    }
    let mut config = (*proxy.balance).clone();
    config.hash_balance_factor = u32::try_from(factor).unwrap_or(u32::MAX);
    proxy.balance.set(config, line.span, cx.section);
    Ok(())
}

fn http_reuse(proxy: &mut ProxyDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let reuse = match line.arg(0).as_str() {
        "never" => Reuse::Never,
        "safe" => Reuse::Safe,
        "aggressive" => Reuse::Aggressive,
        "always" => Reuse::Always,
        _ => {
            return Err(Refusal::fatal(
                "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'.",
            ));
        }
    };
    line.at_most(1)?;
    proxy.reuse.set(reuse, line.span, cx.section);
    Ok(())
}

const BACK: Sections = Sections::BACK;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<ProxyDecl>] = &[
    row(
        "balance",
        BACK,
        Since(1, 1),
        "<algorithm> [ <arguments> ]",
        Set::Custom(balance),
        "Load-balancing algorithm.",
    ),
    row(
        "hash-balance-factor",
        BACK,
        Since(1, 7),
        "<factor>",
        Set::Custom(hash_balance_factor),
        "Bound of a server's load with consistent hashing.",
    ),
    row(
        "hash-type",
        BACK,
        Since(1, 3),
        "<method> <function> <modifier>",
        Set::Custom(hash_type),
        "How keys become servers.",
    ),
    row(
        "http-reuse",
        BACK,
        Since(1, 6),
        "{ never | safe | aggressive | always }",
        Set::Custom(http_reuse),
        "Which idle server connections are reused.",
    ),
];
