#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::fake::FakeSystem;

const ROOT: User = User { uid: 0, gid: 0 };
const NOBODY: User = User { uid: 65534, gid: 65534 };

fn run(system: &FakeSystem, words: &[&str], user: User, security: bool) -> Checked {
    let words: Vec<BString> = words.iter().map(|w| BString::from(*w)).collect();
    check(&words, user, Policy { security, keep_symlinks: false }, system)
}

#[test]
fn a_safe_script_runs_with_its_arguments() {
    let checked = run(&FakeSystem::default(), &["/etc/keepalived/check_haproxy.sh", "a b"], ROOT, true);
    let command = checked.verdict.unwrap();
    assert_eq!(command.argv, ["/etc/keepalived/check_haproxy.sh", "a b"]);
    assert_eq!((checked.insecure, checked.remarks.len(), command.shell), (false, 0, false));
}

#[test]
fn missing_and_not_executable() {
    let mut system = FakeSystem::default();
    let checked = run(&system, &["/nosuch", "x"], ROOT, false);
    assert_eq!(checked.verdict, Err(Refusal::Missing));
    assert_eq!(checked.remarks, ["Script /nosuch cannot be accessed - No such file or directory"]);
    let checked = run(&system, &["nosuchprog"], ROOT, false);
    assert_eq!(checked.remarks, ["Cannot find script nosuchprog in path - disabling"]);
    system.set_mode("/etc/keepalived/check_haproxy.sh", 0o700);
    assert!(run(&system, &["/etc/keepalived/check_haproxy.sh"], ROOT, false).verdict.is_ok());
    let checked = run(&system, &["/etc/keepalived/check_haproxy.sh"], NOBODY, false);
    assert_eq!(checked.verdict, Err(Refusal::NotExecutable));
    assert_eq!(
        checked.remarks,
        [
            "WARNING - script '/etc/keepalived/check_haproxy.sh' is not executable for uid:gid 65534:65534 - disabling."
        ]
    );
}

#[test]
fn a_bare_name_is_searched_for() {
    let checked = run(&FakeSystem::default(), &["test", "-e", "/x"], ROOT, true);
    assert_eq!(checked.verdict.unwrap().argv, ["/usr/bin/test", "-e", "/x"]);
    assert_eq!(
        checked.remarks,
        ["WARNING - script `test` resolved by path search to `/usr/bin/test`. Please specify full path."]
    );
}

#[test]
fn what_others_can_change_is_insecure_for_root_only() {
    let mut system = FakeSystem::default();
    for (path, mode) in [("/etc/keepalived/check_haproxy.sh", 0o777), ("/etc/keepalived", 0o777)] {
        let before = system.files[Path::new(path)].0.mode;
        system.set_mode(path, mode);
        let script = &["/etc/keepalived/check_haproxy.sh"];
        let open = run(&system, script, ROOT, false);
        assert!(open.insecure && open.verdict.is_ok(), "{path}");
        assert_eq!(open.remarks, ["Unsafe permissions found for script '/etc/keepalived/check_haproxy.sh'."]);
        let secured = run(&system, script, ROOT, true);
        assert_eq!(secured.verdict, Err(Refusal::Insecure));
        assert_eq!(
            secured.remarks,
            ["Unsafe permissions found for script '/etc/keepalived/check_haproxy.sh' - disabling."]
        );
        assert!(!run(&system, script, NOBODY, true).insecure);
        system.set_mode(path, before);
    }
    // A sticky directory keeps others' hands off.
    system.add("/tmp/x.sh", FileKind::File, 0o755, b"#!/bin/sh\n");
    assert!(!run(&system, &["/tmp/x.sh"], ROOT, true).insecure);
}

#[test]
fn a_symlinked_directory_in_the_path_is_the_wrong_type() {
    let mut system = FakeSystem::default();
    system.link("/bin", "/usr/bin");
    let checked = run(&system, &["/bin/test"], ROOT, false);
    assert_eq!(checked.verdict, Err(Refusal::Insecure));
    assert_eq!(checked.remarks, ["Wrong file type found in script path '/bin/test'."]);
    // A linked file is fine, and the real one is what runs.
    system.link("/etc/keepalived/t", "/usr/bin/test");
    assert_eq!(run(&system, &["/etc/keepalived/t"], ROOT, true).verdict.unwrap().path, "/usr/bin/test");
}

#[test]
fn texts_without_interpreter_go_through_the_shell() {
    let mut system = FakeSystem::default();
    system.add("/etc/keepalived/plain", FileKind::File, 0o755, b"exit 0\n");
    let command = run(&system, &["/etc/keepalived/plain", "it's"], ROOT, true).verdict.unwrap();
    assert!(command.shell);
    assert_eq!(command.argv, ["/bin/sh", "-c", "'/etc/keepalived/plain' 'it'\\''s'"]);
    let command = run(&system, &["</etc/keepalived/flag"], ROOT, true).verdict.unwrap();
    assert_eq!(command.argv, ["/bin/sh", "-c", "</etc/keepalived/flag"]);
}
