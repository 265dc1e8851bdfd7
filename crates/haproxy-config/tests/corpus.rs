//! The configuration corpus: each `corpus/NAME.cfg` is loaded and every message compared with `NAME.expected`, which
//! `corpus/record.sh` wrote from what HAProxy 3.0 says. `NAME.ours`, where there is one, says what ours says instead, on purpose;
//! its first line gives the reason.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use config_text::{Files, Severity};
use haproxy_config::{Features, Host, Inputs, load};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// A machine with one user, one host name and the files of the corpus.
struct Machine(PathBuf);

impl Files for Machine {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        std::fs::read(self.0.join(path))
    }
}

impl Host for Machine {
    fn resolve(&self, name: &str) -> Option<IpAddr> {
        (name == "localhost").then_some(Ipv4Addr::LOCALHOST.into())
    }
    fn user_id(&self, name: &str) -> Option<u32> {
        match name {
            "root" => Some(0),
            "haproxy" => Some(100),
            _ => None,
        }
    }
    fn group_id(&self, name: &str) -> Option<u32> {
        self.user_id(name)
    }
    fn host_name(&self) -> String {
        "machine".to_owned()
    }
    fn usable_cpus(&self) -> u32 {
        2
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn run(name: &str) -> String {
    let file = format!("{name}.cfg");
    let text = std::fs::read(folder().join(&file)).unwrap();
    messages(vec![(file, text)])
}

fn messages(files: Vec<(String, Vec<u8>)>) -> String {
    let machine = Machine(folder());
    let loaded = load(Inputs {
        files,
        environment: BTreeMap::from([("HOME".to_owned(), "/root".to_owned())]),
        program: "haproxy".to_owned(),
        ignore_unresolved: false,
        features: Features::default(),
        host: &machine,
    });
    let mut out = String::new();
    for diagnostic in loaded.diagnostics.iter().filter(|d| d.severity != Severity::Diag) {
        let level = match diagnostic.severity {
            Severity::Alert => "ALERT",
            Severity::Warning => "WARNING",
            Severity::Notice | Severity::Diag => "NOTICE",
        };
        out.push_str(&format!("[{level}] {}\n", diagnostic.text(&loaded.sources)));
    }
    out.push_str(match &loaded.config {
        None => "=> refused\n",
        Some(_) if loaded.has_listener() => "=> accepted\n",
        Some(_) => "=> accepted, no listener\n",
    });
    out
}

#[test]
fn says_what_the_reference_says() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().into_string().unwrap().strip_suffix(".cfg").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert!(names.len() > 80, "the corpus is there");
    let mut failures = Vec::new();
    for name in &names {
        let ours = folder().join(format!("{name}.ours"));
        let want = match std::fs::read(&ours) {
            Ok(text) => String::from_utf8_lossy(&text).split_once('\n').unwrap().1.to_owned(),
            Err(_) => {
                String::from_utf8_lossy(&std::fs::read(folder().join(format!("{name}.expected"))).unwrap())
                    .into_owned()
            }
        };
        let got = run(name);
        if got != want {
            failures.push(format!("==== {name}\n---- expected\n{want}---- got\n{got}"));
        }
    }
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), names.len(), failures.join("\n"));
}

/// Every keyword that is obeyed stands in at least one file of the corpus.
#[test]
fn every_keyword_is_in_the_corpus() {
    let mut corpus = String::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "cfg") {
            corpus.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
            corpus.push('\n');
        }
    }
    let missing: Vec<&str> =
        haproxy_config::registry::keywords().map(|k| k.name).filter(|name| !corpus.contains(name)).collect();
    assert!(missing.is_empty(), "not in any file: {missing:?}");
}

fn files(texts: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    texts.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

/// A section ends with its file, and reading goes on with the next file unless a rule stopped it.
#[test]
fn several_files() {
    let said = messages(files(&[("a", "frontend f\n    timeout client 1s\n"), ("b", "    bind :80\n")]));
    assert_eq!(
        said,
        "[ALERT] parsing [b:1]: unknown keyword 'bind' out of section.\n\
         [ALERT] Error(s) found in configuration file : b\n\
         [ALERT] Fatal errors found in configuration.\n=> refused\n"
    );
    let said = messages(files(&[("a", "backend b\n    foo\n"), ("b", "backend b\n")]));
    assert_eq!(
        said,
        "[ALERT] parsing [a:2] : unknown keyword 'foo' in 'backend' section\n\
         [ALERT] Error(s) found in configuration file : a\n\
         [ALERT] Parsing [b:1]: backend 'b' has the same name as backend 'b' declared at a:1.\n\
         [ALERT] Error(s) found in configuration file : b\n\
         [ALERT] Fatal errors found in configuration.\n=> refused\n"
    );
    let said = messages(files(&[("a", ".if 1\n"), ("b", "foo\n")]));
    assert_eq!(
        said,
        "[ALERT] parsing [a:1]: non-terminated '.if' block.\n\
         [ALERT] Error(s) found in configuration file : a\n=> refused\n"
    );
}

/// Whatever is cut off or damaged, the reader answers; it never panics.
#[test]
fn damaged_input_is_answered() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap()
    };
    let mut loads = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "cfg") {
            continue;
        }
        let text = std::fs::read(&path).unwrap();
        for _ in 0..12 {
            let mut damaged = text.clone();
            damaged.truncate(random() % (text.len() + 1));
            for _ in 0..random() % 4 {
                if let Some(byte) =
                    damaged.len().checked_sub(1).and_then(|n| damaged.get_mut(random() % (n + 1)))
                {
                    *byte = b"\0 \n\"'\\${}%[]():,!#@/-\xff"[random() % 22];
                }
            }
            assert!(messages(vec![("damaged".to_owned(), damaged)]).contains("=> "));
            loads += 1;
        }
    }
    assert!(loads > 1000);
}
