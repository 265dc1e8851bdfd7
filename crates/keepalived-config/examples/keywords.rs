//! Writes docs/keywords-keepalived.md: every keyword of keepalived.conf, from the registry.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;

use keepalived_config::{KeywordInfo, keywords};

fn main() {
    let mut blocks: BTreeMap<String, Vec<KeywordInfo>> = BTreeMap::new();
    for keyword in keywords() {
        let block = keyword.path.rsplit_once('/').map_or(String::new(), |(block, _)| block.to_owned());
        blocks.entry(block).or_default().push(keyword);
    }
    println!("# Keywords of keepalived.conf\n");
    println!(
        "Generated from the registry by `.ci/checks/generated.py --write`. *obeyed*: it has its effect, or says in the log that"
    );
    println!(
        "what it tunes is not there. *refused*: a configuration with it does not run; the message names it and its line.\n"
    );
    let all = blocks.values().flatten();
    let (total, obeyed) = all.fold((0, 0), |(n, yes), k| (n + 1, yes + usize::from(k.obeyed)));
    println!("{obeyed} of {total} are obeyed.");
    for (block, mut list) in blocks {
        let title = if block.is_empty() { "Top level" } else { &block };
        println!("\n## {title}\n\n| keyword | | what it does |\n| --- | --- | --- |");
        list.sort_by(|a, b| a.path.cmp(&b.path));
        for keyword in list {
            let name = keyword.path.rsplit('/').next().unwrap_or_default();
            let verdict = if keyword.obeyed { "obeyed" } else { "refused" };
            println!("| `{name}` | {verdict} | {} |", keyword.doc.replace('|', "\\|"));
        }
    }
}
