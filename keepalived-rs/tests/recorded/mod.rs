//! `keepalived -t` on a configuration for each keyword and each kind of value: what the reference says is recorded in
//! cases.txt, and, with REFERENCE, asked again.
//!
//! A case is four parts, cases are separated by empty lines: its name, its text with `\n` for line ends, the exit status, the
//! messages. IF stands for an interface, DIR for a directory, CONF for the file.

use std::fs;
use std::path::{Path, PathBuf};

use super::{directory, interface, test};

#[test]
fn every_keyword_has_the_reference_s_verdict_and_messages() {
    let Some(interface) = interface() else {
        println!("there is no interface but the loopback: nothing was tested");
        return;
    };
    let directory = directory("recorded");
    let mut programs = vec![PathBuf::from(env!("CARGO_BIN_EXE_keepalived"))];
    match std::env::var_os("REFERENCE") {
        Some(prefix) => programs.push(PathBuf::from(prefix).join("keepalived-2.3")),
        None => println!("REFERENCE is not set: ours is compared with what was recorded"),
    }
    let fill = |text: &str| text.replace("DIR", &directory.display().to_string()).replace("IF", &interface);
    let (mut failures, mut count) = (Vec::new(), 0);
    for case in include_str!("cases.txt").split("\n\n").filter(|case| !case.trim().is_empty()) {
        let mut lines = case.lines();
        let (name, text) = (lines.next().unwrap(), lines.next().unwrap());
        let status: i32 = lines.next().unwrap().parse().unwrap();
        let want: Vec<String> = lines.map(fill).collect();
        fs::write(directory.join("CONF"), fill(&unescaped(text)) + "\n").unwrap();
        count += 1;
        for program in &programs {
            let (got, got_status) = test(program, &directory);
            if (&got, got_status) != (&want, status) {
                failures.push(told(name, program, (got_status, &got), (status, &want)));
            }
        }
    }
    fs::remove_dir_all(&directory).unwrap();
    assert!(count > 400, "only {count} cases");
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
}

fn told(name: &str, program: &Path, got: (i32, &[String]), want: (i32, &[String])) -> String {
    format!("{name} by {}:\n  got  {got:?}\n  want {want:?}", program.display())
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            (c, false) => out.push(c),
        }
    }
    out
}
