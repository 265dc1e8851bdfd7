#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::fake::FakeSystem;
use crate::system::FileKind;

fn read_files(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut system = FakeSystem::default();
    for (path, text) in files {
        system.add(path, FileKind::File, 0o644, text.as_bytes());
    }
    let read = read(Path::new(files[0].0), &ReadOptions::default(), &system);
    let lines =
        read.lines.iter().map(|l| String::from_utf8_lossy(l.text.trim_ascii()).into_owned()).collect();
    let said =
        read.notes.iter().map(|(_, n)| format!("{}: {}", n.span.map_or(0, |s| s.line), n.text)).collect();
    (lines, said)
}

fn expand(text: &str) -> Vec<String> {
    read_files(&[("/etc/keepalived/k.conf", text)]).0
}

#[test]
fn definitions_in_words() {
    assert_eq!(
        expand("$N=40\n$Q=\"a b\"\nid $N ${N}x $Nx $ZZ ${_HASH}${_BANG}\nrouter_id $Q\n$E=\nx$E y\n"),
        ["id 40 40x $Nx $ZZ #!", "router_id \"a b\"", "x y"]
    );
}

#[test]
fn definitions_use_definitions() {
    let text = "$A=10.2.${B}\n$B=0\n${A}.100/32\n$B=10\n${A}.100/32\n";
    assert_eq!(expand(text), ["10.2.0.100/32", "10.2.10.100/32"]);
}

#[test]
fn definitions_of_several_lines() {
    let text = "$I= \\\n vrrp_instance VI_${N} { \\\n  @lb1 priority 130 \\\n  @lb2 priority 120 \\\n\n }\n$N=0\n$I\n$N=1\n$I\nx\n";
    assert_eq!(
        expand(text),
        ["vrrp_instance VI_0 {", "priority 130", "}", "vrrp_instance VI_1 {", "priority 130", "}", "x"]
    );
}

#[test]
fn conditions_by_host_name() {
    let text = "@lb1 a\n@lb2 b\n@^lb1 c\n@^lb2 d\n@lb1 $X=7\n@lb2 $X=8\np $X\n$C=@lb1\n$C e\n";
    assert_eq!(expand(text), ["a", "d", "p 7", "e"]);
}

#[test]
fn sequences_and_lists_of_the_manual() {
    assert_eq!(expand("~SEQ(S, 0, 3) 10.0.${S}.1"), ["10.0.0.1", "10.0.1.1", "10.0.2.1", "10.0.3.1"]);
    assert_eq!(expand("~SEQx(S, 0x90, 0x10, 0xc0) ::${S}:1"), ["::90:1", "::a0:1", "::b0:1", "::c0:1"]);
    assert_eq!(expand("~SEQ(S, -2) $S"), ["-1", "-2"]);
    assert_eq!(expand("~SEQ(A, 2, 1) ~LST(B, x, y) ${A}$B"), ["2x", "2y", "1x", "1y"]);
    assert_eq!(expand("~LST({I, J}, {10,1},{20,4}) ${I}.${J}"), ["10.1", "20.4"]);
    assert_eq!(expand("v { ~SEQ(A,1,2) 10.0.0.$A"), ["v {", "10.0.0.1", "10.0.0.2"]);
}

#[test]
fn endless_definitions_are_refused() {
    let (lines, said) = read_files(&[("/etc/keepalived/k.conf", "$A=$A $A\nx $A\ny\n")]);
    assert_eq!(said, ["2: definitions expand without end or to too much text"]);
    assert!(lines.is_empty());
    let (lines, said) = read_files(&[("/etc/keepalived/k.conf", "~SEQ(A,1,99999999999) $A\n")]);
    assert_eq!((said.len(), lines.len()), (1, 0));
}

#[test]
fn random_is_within_its_range() {
    assert_eq!(expand("a ${_RANDOM} ${_RANDOM 10 12} ${_PWD} ${_INSTANCE}"), ["a 4 11 /etc/keepalived lb1"]);
}

#[test]
fn includes_are_relative_to_the_including_file() {
    let (lines, said) = read_files(&[
        ("/etc/keepalived/k.conf", "a\r\ninclude inc/*\ninclude nope\nincludem gone\nb"),
        ("/etc/keepalived/inc/x", "c\ninclude y/z\n"),
        ("/etc/keepalived/inc/y/z", "d # e"),
    ]);
    assert_eq!(lines, ["a", "c", "d", "b"]);
    assert_eq!(said, ["3: Config files missing 'nope'.", "4: Config files missing 'gone'."]);
}

#[test]
fn a_file_that_includes_itself_ends() {
    let (lines, said) = read_files(&[("/etc/keepalived/k.conf", "a\ninclude k.conf\n")]);
    assert_eq!(lines.len(), INCLUDE_DEPTH_MAX + 1);
    assert_eq!(said.len(), 1);
}

/// What the reference's `config_save_dir` keeps of the same files.
#[test]
fn what_is_kept_has_no_comments_and_holds_included_files() {
    let mut system = FakeSystem::default();
    let main = b"! head\nglobal_defs {\n router_id \"a  b\" # x\n\n}\n@main  router_id x\ninclude /k/one.conf\n$M= \\\n one \\\n two\n";
    system.add("/etc/k.conf", FileKind::File, 0o644, main);
    system.add("/k/one.conf", FileKind::File, 0o644, b"# only\n  priority\t$P\n");
    let saved = read(Path::new("/etc/k.conf"), &ReadOptions::default(), &system).saved;
    assert_eq!(
        String::from_utf8_lossy(&saved),
        "# /etc/k.conf\n\nglobal_defs {\nrouter_id \"a  b\"\n\n}\n@main  router_id x\n\n# /k/one.conf\n\npriority\t$P\n!\n$M=\\\none\\\n\
         two\n!\n"
    );
}
