//! `set-map`, `del-map`, `add-acl`, `del-acl`: what the stats socket's commands of these names do, for each request or response.

use super::{Action, ActionRow, Args, HTTP, HTTP_ALL, row, with_rendered};
use crate::parse::Parsed;
use crate::{RuleCx, Verdict};
use log_format::LogFormat;
use sample::ParseCx;
use sample::pattern::{Catalogue, List};
use std::sync::{Arc, OnceLock};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    SetMap,
    DeleteMap,
    AddAcl,
    DeleteAcl,
}

#[derive(Debug)]
struct ChangeList {
    change: Change,
    name: String,
    lists: Arc<Catalogue>,
    /// Found at the first use: the line that loads it may stand behind the rule's. None is a file that nothing loads.
    found: OnceLock<Option<Arc<List>>>,
    key: LogFormat,
    /// `set-map`
    value: Option<LogFormat>,
}

impl Action for ChangeList {
    fn run(&self, cx: &mut RuleCx<'_>) -> Verdict {
        let of_map = matches!(self.change, Change::SetMap | Change::DeleteMap);
        let found = self.found.get_or_init(|| self.lists.find_file(&self.name, of_map));
        let Some(list) = found else { return Verdict::Continue };
        let key = with_rendered(cx, &self.key, |_, key| key.to_vec());
        match (self.change, &self.value) {
            (Change::SetMap, Some(value)) => {
                with_rendered(cx, value, |_, value| list.set_or_add(&key, value))
            }
            (Change::AddAcl, _) => list.add_once(&key),
            (Change::SetMap | Change::DeleteMap | Change::DeleteAcl, _) => drop(list.delete(&key)),
        }
        Verdict::Continue
    }
}

fn parse(args: &mut Args<'_>, cx: &mut ParseCx<'_>) -> Parsed {
    let (action, rest) = args.name.split_once('(').unwrap_or((args.name, ""));
    let change = match action {
        "set-map" => Change::SetMap,
        "del-map" => Change::DeleteMap,
        "add-acl" => Change::AddAcl,
        _ => Change::DeleteAcl,
    };
    let count = if change == Change::SetMap { 2 } else { 1 };
    if (0..count).any(|ahead| args.peek(ahead).is_empty()) {
        return Err(format!("expects exactly {count} arguments"));
    }
    let key = args.format(cx)?;
    let value = if change == Change::SetMap { Some(args.format(cx)?) } else { None };
    Ok(Box::new(ChangeList {
        change,
        name: rest.strip_suffix(')').unwrap_or(rest).to_owned(),
        lists: Arc::clone(&cx.lists),
        found: OnceLock::new(),
        key,
        value,
    }))
}

pub(crate) const ROWS: &[ActionRow] = &[
    row("add-acl", HTTP, (1, 6), "Adds a pattern to an ACL's file, in memory.", parse).with_suffix(),
    row("del-acl", HTTP_ALL, (1, 6), "Removes a pattern from an ACL's file, in memory.", parse).with_suffix(),
    row("del-map", HTTP_ALL, (1, 6), "Removes a key from a map, in memory.", parse).with_suffix(),
    row("set-map", HTTP_ALL, (1, 6), "Sets a key of a map, in memory.", parse).with_suffix(),
];
