//! Options and exit codes that scripts rely on.

use std::process::Stdio;

use crate::subject::{Scratch, Subject, subjects};

/// Arguments, exit code, a line that standard output must begin with or hold, the same for standard error.
struct Case(&'static [&'static str], i32, &'static str, &'static str);

/// `{good}`, `{bad}` and `{empty}` stand for configuration files, `{dir}` for the folder that holds them.
const CASES: &[Case] = &[
    Case(&["-v"], 0, "HAProxy version 3.0.11", ""),
    Case(&["-v"], 0, "\nRunning on: Linux ", ""),
    Case(&["-vv"], 0, "\nBuild options :", ""),
    Case(&["-vv"], 0, "\nFeature list : ", ""),
    Case(&["-vv"], 0, "\n  bufsize = 16384, maxrewrite = 1024, maxpollevents = 200\n", ""),
    Case(&["-h"], 1, "HAProxy version 3.0.11", "Usage : "),
    Case(&[], 1, "HAProxy version 3.0.11", "Usage : "),
    Case(&["-c"], 1, "HAProxy version 3.0.11", "Usage : "),
    Case(&["--bogus"], 1, "HAProxy version 3.0.11", "Usage : "),
    Case(&["-c", "-f", "{good}"], 0, "", ""),
    Case(&["-c", "-V", "-f", "{good}"], 0, "Configuration file is valid\n", ""),
    Case(&["-c", "-q", "-f", "{good}"], 0, "", ""),
    Case(
        &["-c", "-f", "{bad}"],
        1,
        "",
        "unknown keyword 'maxcon' in 'global' section; did you mean 'maxconn' maybe ?",
    ),
    Case(
        &["-c", "-f", "{empty}"],
        2,
        "Configuration file has no error but will not start (no listener) => exit(2).\n",
        "",
    ),
    Case(
        &["-c", "-f", "{dir}/missing.cfg"],
        1,
        "",
        "Cannot open configuration file/directory {dir}/missing.cfg : No such file or directory",
    ),
    Case(&["-c", "-f", "{good}", "--", "{more}"], 0, "", ""),
    Case(&["-c", "-f", "{dir}/conf.d"], 0, "", ""),
    Case(&["-c", "-C", "{dir}", "-f", "good.cfg"], 0, "", ""),
    Case(
        &["-c", "-C", "{dir}/nosuch", "-f", "good.cfg"],
        1,
        "",
        "Could not change to directory {dir}/nosuch : No such file or directory",
    ),
    Case(&["-cc", "1"], 0, "", ""),
    Case(&["-cc", "0"], 1, "", ""),
    Case(&["-cc", "version_atleast(3.0.0)"], 0, "", ""),
    Case(&["-cc", "version_atleast(3.1)"], 1, "", ""),
    Case(&["-cc", "version_before(3.1)"], 0, "", ""),
    Case(&["-cc", "foo("], 2, "", "unparsable conditional expression 'foo('"),
    Case(&["-f"], 1, "", "failed to copy argv."),
    Case(&["-dt", "nope", "-c", "-f", "{good}"], 1, "", "-dt: unknown trace source 'nope'."),
    Case(
        &["-dt", "h1:loud", "-c", "-f", "{good}"],
        1,
        "",
        "-dt: no such trace level 'loud', available levels are 'error', 'user', 'proto', 'state', 'data', and 'developer'.",
    ),
    Case(
        &["-db", "-f", "{empty}"],
        1,
        "",
        "No enabled listener found (check for 'bind' directives) ! Exiting.",
    ),
];

const GOOD: &str = "defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n\nfrontend f\n    bind 127.0.0.1:1\n    http-request deny\n";

#[test]
fn options_and_exit_codes() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path("conf.d")).expect("a folder");
    for (name, text) in [
        ("good.cfg", GOOD),
        ("conf.d/10.cfg", GOOD),
        ("conf.d/not-a-config.txt", "nonsense\n"),
        ("bad.cfg", "global\n    maxcon 10\n"),
        ("more.cfg", "backend more\n"),
        ("empty.cfg", "\n# nothing\n"),
    ] {
        std::fs::write(scratch.path(name), text).expect("a file");
    }
    let mut failures = Vec::new();
    for subject in subjects() {
        for case in CASES {
            if let Err(why) = run(&subject, &scratch, case) {
                failures.push(format!("{}: haproxy {}: {why}", subject.name, case.0.join(" ")));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn run(subject: &Subject, scratch: &Scratch, case: &Case) -> Result<(), String> {
    let Case(arguments, code, stdout, stderr) = case;
    let fill = |text: &str| {
        let folder = scratch.path("");
        let folder = folder.to_string_lossy();
        let folder = folder.trim_end_matches('/');
        let mut text = text.replace("{dir}", folder);
        for name in ["good", "bad", "more", "empty"] {
            text = text.replace(&format!("{{{name}}}"), &format!("{folder}/{name}.cfg"));
        }
        text
    };
    let done = subject
        .command()
        .args(arguments.iter().map(|word| fill(word)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| error.to_string())?;
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    if done.status.code() != Some(*code) {
        return Err(format!("exit {:?}, expected {code}\n{out}{err}", done.status));
    }
    for (what, text, wanted) in
        [("standard output", &out, fill(stdout)), ("standard error", &err, fill(stderr))]
    {
        if !text.contains(&wanted) {
            return Err(format!("{what} does not hold {wanted:?}: {text:?}"));
        }
    }
    // What is silent in the reference is silent in ours.
    if *code == 0 && stdout.is_empty() && !(out.is_empty() && err.is_empty()) {
        return Err(format!("not silent: {out}{err}"));
    }
    Ok(())
}
