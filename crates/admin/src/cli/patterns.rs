//! ACLs and maps (management manual, section 9.3): `show`, `get`, `add`, `set`, `del`, `clear`, `prepare`, `commit`.

use super::command::{Command, Cx, Run};
use super::reply::Reply;
use haproxy_config::runtime::Level;
use sample::pattern::List;
use std::fmt::Write as _;
use std::sync::Arc;

const ACL: &str = "ACL";
const MAP: &str = "map";

/// A version in front of the identifier (`@1`), and the words after it. HAPROXY: what is no number counts as 0.
fn version(args: &[String]) -> (Option<u32>, &[String]) {
    match args.split_first() {
        Some((first, rest)) if first.starts_with('@') => {
            (Some(first.get(1..).and_then(|digits| digits.parse().ok()).unwrap_or(0)), rest)
        }
        _ => (None, args),
    }
}

fn find(cx: &Cx<'_>, word: Option<&String>, kind: &str) -> Result<Arc<List>, Reply> {
    let unknown = || Reply::error(format!("Unknown {kind} identifier. Please use #<id> or <file>.\n"));
    let lists = &cx.scope.world.config.lists;
    word.and_then(|word| lists.find(word, kind == MAP)).ok_or_else(unknown)
}

fn show(cx: &Cx<'_>, args: &[String], kind: &str) -> Result<Reply, Reply> {
    let (version, rest) = version(args);
    let mut out = String::new();
    if args.is_empty() {
        out.push_str("# id (file) description\n");
        for (id, list) in cx.scope.world.config.lists.numbered() {
            if list.is_used_by(kind == MAP) {
                let _ = writeln!(out, "{id} {}", list.description());
            }
        }
        return Ok(Reply::Data(out));
    }
    find(cx, rest.first(), kind)?.dump(version, |id, key, value| {
        let _ = write!(out, "{id:#014x} {}", String::from_utf8_lossy(key));
        if kind == MAP {
            let _ = write!(out, " {}", String::from_utf8_lossy(value));
        }
        out.push('\n');
    });
    Ok(Reply::Data(out))
}

fn get(cx: &Cx<'_>, args: &[String], kind: &str) -> Result<Reply, Reply> {
    let [word, sample, ..] = args else {
        return Err(Reply::error(format!("Missing {kind} identifier and/or key.\n")));
    };
    let lines = find(cx, Some(word), kind)?.lookups(sample.as_bytes());
    Ok(Reply::Data(lines.join("\n")))
}

/// The reference ends these messages with a dot.
fn refused(text: &str) -> Reply {
    Reply::error(format!("{text}.\n"))
}

fn add(cx: &Cx<'_>, args: &[String], kind: &str) -> Result<Reply, Reply> {
    let (version, rest) = version(args);
    let (word, key, value) = match (kind, rest, cx.payload) {
        (ACL, [word, key, ..], _) => (word, key.as_str(), ""),
        (ACL, ..) => return Err(refused("'add acl' expects two parameters: ACL identifier and pattern")),
        (_, [word, key, value, ..], None) => (word, key.as_str(), value.as_str()),
        (_, [word], Some(payload)) => {
            return add_lines(&*find(cx, Some(word), kind)?, version, payload);
        }
        _ => {
            return Err(Reply::error(
                "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a payload\n",
            ));
        }
    };
    find(cx, Some(word), kind)?
        .add(version, key.as_bytes(), value.as_bytes())
        .map_err(|text| refused(&text))?;
    Ok(Reply::Done)
}

/// A payload: one key and its value a line.
fn add_lines(list: &List, version: Option<u32>, payload: &str) -> Result<Reply, Reply> {
    for line in payload.lines() {
        let line = line.trim_start_matches([' ', '\t']);
        if line.is_empty() {
            continue;
        }
        let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let value = value.trim_matches([' ', '\t']);
        if value.is_empty() {
            return Err(Reply::error(format!("Missing value for key '{key}'\n")));
        }
        list.add(version, key.as_bytes(), value.as_bytes()).map_err(|text| refused(&text))?;
    }
    Ok(Reply::Done)
}

fn delete(cx: &Cx<'_>, args: &[String], kind: &str) -> Result<Reply, Reply> {
    let [word, key, ..] = args else {
        return Err(refused(&format!("This command expects two parameters: {kind} identifier and key")));
    };
    match find(cx, Some(word), kind)?.delete(key.as_bytes()) {
        true => Ok(Reply::Done),
        false => Err(refused("Key not found")),
    }
}

fn clear(cx: &Cx<'_>, args: &[String], kind: &str) -> Result<Reply, Reply> {
    let (version, rest) = version(args);
    if rest.is_empty() {
        return Err(refused(&format!("Missing {kind} identifier")));
    }
    find(cx, rest.first(), kind)?.clear(version);
    Ok(Reply::Done)
}

fn prepare(cx: &Cx<'_>, args: &[String], kind: &str) -> Result<Reply, Reply> {
    let version = find(cx, args.first(), kind)?.prepare();
    Ok(Reply::info(format!("New version created: {version}\n")))
}

fn commit(cx: &Cx<'_>, args: &[String], kind: &str) -> Result<Reply, Reply> {
    let (Some(version), rest) = version(args) else { return Err(refused("Missing version number")) };
    if rest.is_empty() {
        return Err(refused(&format!("Missing {kind} identifier")));
    }
    match find(cx, rest.first(), kind)?.commit(version) {
        true => Ok(Reply::Done),
        false => Err(refused("Version number out of range")),
    }
}

fn set(cx: &Cx<'_>, args: &[String], kind: &str) -> Result<Reply, Reply> {
    let [word, key, value, ..] = args else {
        return Err(refused("'set map' expects three parameters: map identifier, key and value"));
    };
    match find(cx, Some(word), kind)?.set(key.as_bytes(), value.as_bytes()) {
        Ok(true) => Ok(Reply::Done),
        Ok(false) => Err(refused("entry not found")),
        Err(text) => Err(refused(&text)),
    }
}

macro_rules! runs {
    ($($name:ident: $run:ident, $kind:ident;)*) => {
        $(fn $name(cx: &mut Cx<'_>, args: &[String]) -> Reply {
            $run(cx, args, $kind).unwrap_or_else(|refused| refused)
        })*
    };
}

runs! {
    show_acl: show, ACL; show_map: show, MAP;
    get_acl: get, ACL; get_map: get, MAP;
    add_acl: add, ACL; add_map: add, MAP;
    del_acl: delete, ACL; del_map: delete, MAP;
    clear_acl: clear, ACL; clear_map: clear, MAP;
    prepare_acl: prepare, ACL; prepare_map: prepare, MAP;
    commit_acl: commit, ACL; commit_map: commit, MAP;
    set_map: set, MAP;
}

const fn command(
    words: &'static [&'static str],
    usage: &'static str,
    description: &'static str,
    run: fn(&mut Cx<'_>, &[String]) -> Reply,
) -> Command {
    // As in the reference, no level is asked for.
    Command::new(words, usage, description, Level::User, Run::Now(run))
}

/// This file's commands.
pub(super) const COMMANDS: &[Command] = &[
    command(&["add", "acl"], "add acl [@<ver>] <acl> <pattern>", "add an acl entry", add_acl),
    command(
        &["add", "map"],
        "add map [@<ver>] <map> <key> <val>",
        "add a map entry (payload supported instead of key/val)",
        add_map,
    ),
    command(&["clear", "acl"], "clear acl [@<ver>] <acl>", "clear the contents of this acl", clear_acl),
    command(&["clear", "map"], "clear map [@<ver>] <map>", "clear the contents of this map", clear_map),
    command(&["commit", "acl"], "commit acl @<ver> <acl>", "commit the ACL at this version", commit_acl),
    command(&["commit", "map"], "commit map @<ver> <map>", "commit the map at this version", commit_map),
    command(&["del", "acl"], "del acl <acl> [<key>|#<ref>]", "delete acl entries matching <key>", del_acl),
    command(&["del", "map"], "del map <map> [<key>|#<ref>]", "delete map entries matching <key>", del_map),
    command(
        &["get", "acl"],
        "get acl <acl> <value>",
        "report the patterns matching a sample for an ACL",
        get_acl,
    ),
    command(
        &["get", "map"],
        "get map <acl> <value>",
        "report the keys and values matching a sample for a map",
        get_map,
    ),
    command(
        &["prepare", "acl"],
        "prepare acl <acl>",
        "prepare a new version for atomic ACL replacement",
        prepare_acl,
    ),
    command(
        &["prepare", "map"],
        "prepare map <acl>",
        "prepare a new version for atomic map replacement",
        prepare_map,
    ),
    command(&["set", "map"], "set map <map> [<key>|#<ref>] <value>", "modify a map entry", set_map),
    command(
        &["show", "acl"],
        "show acl [@<ver>] <acl>]",
        "report available acls or dump an acl's contents",
        show_acl,
    ),
    command(
        &["show", "map"],
        "show map [@ver] [map]",
        "report available maps or dump a map's contents",
        show_map,
    ),
];
