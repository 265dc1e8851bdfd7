//! `haproxy -c` on the corpus in compat-tests/config: exit code, standard output and every
//! diagnostic, compared whole with the recorded answer of 3.0.11.
//!
//! NAME.cfg is the input, NAME.out the answer, with what differs between two machines replaced:
//! `(PID)`, `EXE` (the program's path), `FILE` (the configuration's path), `VERSION`. A first line
//! `# args: …` in the .cfg gives other arguments than `-c`. With WRITE=1 the .out files are written
//! from the reference; the difference is reviewed like code.

use std::path::{Path, PathBuf};

use crate::subject::{Subject, subjects};

/// Cases in which ours differs on purpose, with the reason. Ours must then still refuse or accept alike.
const DIFFERENT_ON_PURPOSE: &[(&str, &str)] =
    &[("unknown_http_request_action.cfg", "the list of actions is that of the actions we have")];

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus")
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cfg"))
        .collect();
    files.sort();
    assert!(files.len() > 30, "the corpus is there");
    files
}

/// Exit code and output, with the machine's own words replaced.
fn answer(subject: &Subject, file: &Path) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(file).expect("the configuration")).into_owned();
    let arguments = text.lines().next().and_then(|line| line.strip_prefix("# args: ")).unwrap_or("-c");
    let folder = file.parent().expect("the corpus folder");
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    let done = subject
        .command()
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .args(["-f", &name])
        .output()
        .expect("the program runs");
    let clean = |bytes: &[u8]| {
        let mut lines: Vec<_> = String::from_utf8_lossy(bytes)
            .replace(&*subject.program.to_string_lossy(), "EXE")
            .replace(&name, "FILE")
            .lines()
            .map(|line| without_version(&without_pid(line)))
            .collect();
        // One suggestion list is as good as another where the words are ours to choose.
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    };
    let code = done.status.code().map_or_else(|| done.status.to_string(), |code| code.to_string());
    format!("exit {code}\n-- stdout\n{}\n-- stderr\n{}\n", clean(&done.stdout), clean(&done.stderr))
}

/// `[ALERT]    (123) : …` -> `[ALERT]    (PID) : …`
fn without_pid(line: &str) -> String {
    let Some((level, rest)) = line.split_once('(').filter(|(level, _)| level.starts_with('[')) else {
        return line.to_owned();
    };
    match rest.split_once(')') {
        Some((pid, text)) if pid.bytes().all(|byte| byte.is_ascii_digit()) => format!("{level}(PID){text}"),
        _ => line.to_owned(),
    }
}

fn without_version(line: &str) -> String {
    match line.split_once("haproxy version is ") {
        Some((before, _)) => format!("{before}haproxy version is VERSION"),
        None => line.to_owned(),
    }
}

#[test]
fn every_configuration_gets_the_reference_answer() {
    let write = std::env::var_os("WRITE").is_some();
    let mut failures = Vec::new();
    let mut count = 0;
    for subject in subjects() {
        for file in corpus() {
            count += 1;
            let found = answer(&subject, &file);
            let recorded = file.with_extension("out");
            if write && subject.name == "reference" {
                std::fs::write(&recorded, &found).expect("the answer is written");
            }
            let wanted = std::fs::read_to_string(&recorded).unwrap_or_default();
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            let on_purpose =
                DIFFERENT_ON_PURPOSE.iter().any(|(each, _)| *each == name) && subject.name == "ours";
            let same =
                if on_purpose { found.lines().next() == wanted.lines().next() } else { found == wanted };
            if !same {
                failures.push(format!("{}: {name}\n{}", subject.name, difference(&wanted, &found)));
            }
        }
    }
    println!("{count} configurations, {} failed", failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// The lines that only one of the two has.
fn difference(wanted: &str, found: &str) -> String {
    let only = |a: &str, b: &str, mark: &str| {
        a.lines()
            .filter(|line| !b.lines().any(|other| other == *line))
            .map(|line| format!("    {mark} {line}\n"))
            .collect::<String>()
    };
    only(wanted, found, "-") + &only(found, wanted, "+")
}
