//! `vrrp_track_file`, `track_file` at top level, `vrrp_track_process`, and the blocks that name them. keepalived.conf(5).

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::declared::tracker::{FileDecl, ProcessDecl, TrackedObjectDecl, TrackerDecl};
use crate::number::Rest;
use crate::registry::{Cx, Keyword, Set, apply, list_of};
use crate::resolved::{ParamMatch, TrackFile, TrackProcess, Tracker, TrackerKind};
use crate::system::FileKind;
use crate::tree::{Block, Statement};

use super::track;

/// Weight of a file for which nobody gives one.
pub(crate) const FILE_WEIGHT: i32 = 1;

/// The longest delay in microseconds.
const DELAY_MAX: u64 = 3_600_000_000;
/// Where nothing can be watched: the kernel makes these files up.
const UNWATCHED: [&str; 3] = ["/proc", "/sys", "/dev/pts"];

/// Reads a `vrrp_track_file` block; messages say why there is none.
pub(super) fn file_block(line: &Statement, block: &Block, cx: &mut Cx<'_>) -> Option<TrackerDecl> {
    let name = line.text(1).unwrap_or_default();
    let mut declared = FileDecl { name: name.clone(), ..FileDecl::default() };
    apply(&FILE_TABLES, &block.nodes, &mut declared, cx);
    if cx.stopped {
        return None;
    }
    let end = block.close.unwrap_or(line.span);
    let Some(file) = declared.file else {
        cx.warn(end, "track-file", format!("No file set for track_file {name} - ignoring"));
        return None;
    };
    let path = watchable(&name, &file, end, cx)?;
    let kind = TrackerKind::File(TrackFile { path, init: declared.init });
    let (weight, reverse) = (declared.weight.unwrap_or(FILE_WEIGHT), declared.reverse);
    let tracker = Tracker { name, kind, weight, reverse };
    Some(TrackerDecl { tracker, weight: declared.weight, reverse: declared.reverse })
}

/// The file with the links of its directory resolved; its directory must be there.
fn watchable(name: &str, file: &str, end: config_text::Span, cx: &mut Cx<'_>) -> Option<PathBuf> {
    let path = cx.system.current_directory().join(file);
    let real = match cx.system.real_path(&path) {
        Ok(real) => real,
        Err(_) => {
            let parent = path.parent().unwrap_or(Path::new("/"));
            let parent = if file.ends_with('/') { path.as_path() } else { parent };
            match (cx.system.real_path(parent), path.file_name()) {
                (Ok(parent), Some(base)) => parent.join(base),
                (Err(why), _) => {
                    let text = format!("realpath() error 2 ({why}) for {name}");
                    cx.warn(end, "track-file", text);
                    return None;
                }
                (Ok(_), None) => return None,
            }
        }
    };
    if UNWATCHED.iter().any(|root| real.starts_with(root)) {
        let text = format!("The filesystem of {file} is read only or cannot be monitored - ignoring");
        cx.warn(end, "track-file", text);
        return None;
    }
    if cx.system.status(&real).is_ok_and(|status| status.kind == FileKind::Directory) {
        cx.warn(end, "track-file", format!("track_file {name}: {file} is a directory - ignoring"));
        return None;
    }
    Some(real)
}

fn file(declared: &mut FileDecl, line: &Statement, cx: &mut Cx<'_>) {
    match line.text(1) {
        Some(file) if declared.file.is_some() => {
            let text = format!("File already set for track file {} - ignoring {file}", declared.name);
            cx.warn(line.span, "track-file", text);
        }
        Some(file) => declared.file = Some(file),
        None => cx.warn(line.span, "track-file", "track file file name missing"),
    }
}

fn file_weight(declared: &mut FileDecl, line: &Statement, cx: &mut Cx<'_>) {
    let name = declared.name.clone();
    if declared.weight.is_some() {
        let text = line.text(1).unwrap_or_default();
        cx.warn(line.span, "weight", format!("Weight already set for track file {name} - ignoring {text}"));
        return;
    }
    if let Some((weight, reverse)) = weight(&name, "track file", "track_file", line, cx) {
        (declared.weight, declared.reverse) = (Some(weight), reverse);
    }
}

/// `weight N [reverse]` of a block.
fn weight(name: &str, spoken: &str, kind: &str, line: &Statement, cx: &mut Cx<'_>) -> Option<(i32, bool)> {
    let Some(text) = line.text(1) else {
        cx.warn(line.span, "weight", format!("No weight specified for {spoken} {name} - ignoring"));
        return None;
    };
    let number = cx.signed(line.span, &text, -254, 254);
    if number.is_none() {
        let text =
            format!("Weight ({text}) for {kind} {name} must be between [-254..254] inclusive. Ignoring...");
        cx.warn(line.span, "weight", text);
        if kind == "vrrp_track_process" {
            return None;
        }
    }
    let reverse = match line.text(2).as_deref() {
        None | Some("noreverse") => false,
        Some("reverse") => true,
        Some(other) => {
            cx.warn(line.span, "weight", format!("{kind} {name} unknown weight option {other}"));
            return None;
        }
    };
    Some((number?, reverse))
}

fn init_file(declared: &mut FileDecl, line: &Statement, cx: &mut Cx<'_>) {
    let (mut value, mut overwrite) = (0, false);
    for word in line.words.iter().skip(1) {
        let text = word.lossy();
        if text == "overwrite" {
            overwrite = true;
        } else if text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit()) {
            match cx.strict_signed(line.span, &text, i32::MIN, i32::MAX) {
                Some(number) => {
                    value = number;
                    if !(-254..=254).contains(&number) {
                        let name = &declared.name;
                        let text = format!(
                            "Track file {name} init value {number} is outside sensible range [-254, 254]"
                        );
                        cx.warn(line.span, "init-file", text);
                    }
                }
                None => {
                    let text = format!("Track file {} init value {text} is invalid", declared.name);
                    cx.warn(line.span, "init-file", text);
                }
            }
        } else {
            cx.warn(line.span, "init-file", format!("Unknown track file init option {text}"));
        }
    }
    declared.init = Some((value, overwrite));
}

/// Reads a `vrrp_track_process` block.
pub(super) fn process_block(line: &Statement, block: &Block, cx: &mut Cx<'_>) -> Option<TrackerDecl> {
    let name = line.text(1).unwrap_or_default();
    let mut declared = ProcessDecl { name: name.clone(), ..ProcessDecl::default() };
    apply(&PROCESS_TABLES, &block.nodes, &mut declared, cx);
    if cx.stopped {
        return None;
    }
    let end = block.close.unwrap_or(line.span);
    let Some(process) = declared.process else {
        cx.warn(end, "track-process", format!("track process '{name}' process name not specified"));
        return None;
    };
    let quorum = declared.quorum.unwrap_or(1);
    let quorum_max = match declared.quorum_max {
        Some(max) if declared.quorum.is_some_and(|quorum| max < quorum) => None,
        other => other,
    };
    // Parameters are compared when there are some to compare with.
    let default = if declared.parameters.is_empty() { ParamMatch::None } else { ParamMatch::Exact };
    let matching = declared.matching.unwrap_or(default);
    let track = TrackProcess {
        full_command: declared.full_command || matching != ParamMatch::None || process.contains('/'),
        process,
        parameters: declared.parameters,
        matching,
        quorum,
        quorum_max,
        fork_delay: declared.fork_delay.unwrap_or_default(),
        terminate_delay: declared.terminate_delay.unwrap_or_default(),
    };
    Some(TrackerDecl {
        tracker: Tracker {
            name,
            kind: TrackerKind::Process(track),
            weight: declared.weight,
            reverse: declared.reverse,
        },
        weight: Some(declared.weight),
        reverse: declared.reverse,
    })
}

fn process(declared: &mut ProcessDecl, line: &Statement, cx: &mut Cx<'_>) {
    let mut words = line.words.iter().skip(1).map(config_text::Word::lossy);
    let Some(process) = words.next() else { return };
    if declared.process.is_some() {
        let text = format!("Process already set for track process {} - ignoring {process}", declared.name);
        cx.warn(line.span, "track-process", text);
        return;
    }
    declared.process = Some(process);
    declared.parameters = words.collect();
}

fn param_match(declared: &mut ProcessDecl, line: &Statement, cx: &mut Cx<'_>) {
    match line.text(1).as_deref() {
        None => declared.matching = Some(ParamMatch::Exact),
        Some("initial") => declared.matching = Some(ParamMatch::Initial),
        Some("partial") => declared.matching = Some(ParamMatch::Partial),
        Some(other) => {
            cx.warn(line.span, "param-match", format!("Invalid param_match type {other} - ignoring"));
        }
    }
}

fn process_weight(declared: &mut ProcessDecl, line: &Statement, cx: &mut Cx<'_>) {
    let name = declared.name.clone();
    if declared.weight != 0 || declared.reverse {
        let text = line.text(1).unwrap_or_default();
        cx.warn(
            line.span,
            "weight",
            format!("Weight already set for track process {name} - ignoring {text}"),
        );
        return;
    }
    if let Some((weight, reverse)) = weight(&name, "track process", "vrrp_track_process", line, cx) {
        (declared.weight, declared.reverse) = (weight, reverse);
    }
}

fn quorum_max(declared: &mut ProcessDecl, line: &Statement, cx: &mut Cx<'_>) {
    let text = line.text(1).unwrap_or_default();
    match cx.unsigned(line.span, &text, 0, 65_535) {
        Some(max) if max < declared.quorum.unwrap_or(0) => {
            cx.warn(line.span, "quorum", "quorum_max is less than quorum - ignoring");
        }
        Some(max) => declared.quorum_max = Some(max),
        None => {
            let text = format!(
                "quorum_max ({text}) for vrrp_track_process {} must be between [0..65535] inclusive. Ignoring...",
                declared.name
            );
            cx.warn(line.span, "quorum", text);
        }
    }
}

fn delay(declared: &ProcessDecl, line: &Statement, cx: &mut Cx<'_>) -> Option<Duration> {
    let text = line.text(1).unwrap_or_default();
    let delay = cx.seconds(line.span, &text, 1, DELAY_MAX, Rest::Said);
    if delay.is_none() {
        let text = format!(
            "{} ({text}) for vrrp_track_process {} must be between [0.000001..3600] inclusive. Ignoring...",
            line.keyword(),
            declared.name
        );
        cx.warn(line.span, "delay", text);
    }
    delay
}

fn both_delays(declared: &mut ProcessDecl, line: &Statement, cx: &mut Cx<'_>) {
    if let Some(delay) = delay(declared, line, cx) {
        (declared.fork_delay, declared.terminate_delay) = (Some(delay), Some(delay));
    }
}

fn fork_delay(declared: &mut ProcessDecl, line: &Statement, cx: &mut Cx<'_>) {
    declared.fork_delay = delay(declared, line, cx).or(declared.fork_delay);
}

fn terminate_delay(declared: &mut ProcessDecl, line: &Statement, cx: &mut Cx<'_>) {
    declared.terminate_delay = delay(declared, line, cx).or(declared.terminate_delay);
}

const TRACKED_FILE: track::Kind = track::Kind {
    unknown: "({g}) unknown track file option {v} - ignoring",
    missing: "({g}) weight without value specified for track file {n} - ignoring",
    range: "({g}) weight for track file {n} must be in [-254..254] inclusive. Ignoring...",
    option: "({g}) unknown track file {n} weight option {v} - ignoring",
    most: 254,
    clamps: false,
    noreverse: true,
    forgives: false,
};

const TRACKED_PROCESS: track::Kind = track::Kind {
    unknown: "({g}) unknown track process option {v} - ignoring",
    missing: "({g}) weight without value specified for track process {n} - ignoring",
    range: "({g}) weight for track process {n} must be in [-254..254] inclusive. Ignoring...",
    option: "({g}) unknown track_process {n} weight option {v} - ignoring",
    most: 254,
    clamps: false,
    noreverse: true,
    forgives: true,
};

/// Lines of `track_file` (`file`) or `track_process`.
pub(super) fn tracked(
    name: &str,
    list: &mut Vec<TrackedObjectDecl>,
    is_file: bool,
    block: &Block,
    cx: &mut Cx<'_>,
) {
    let (spoken, keyword, kind) = if is_file {
        ("track file", "track_file", &TRACKED_FILE)
    } else {
        ("track process", "track_process", &TRACKED_PROCESS)
    };
    for line in list_of(block, cx) {
        let wanted = line.keyword();
        let span = line.span;
        let found = cx.trackers.iter().position(|t| {
            t.tracker.name == wanted && matches!(t.tracker.kind, TrackerKind::File(_)) == is_file
        });
        let Some(object) = found else {
            cx.warn(span, "tracker", format!("({name}) {spoken} {wanted} not found, ignoring..."));
            continue;
        };
        if track::is_duplicate(name, keyword, &wanted, list.iter().any(|t| t.object == object), span, cx) {
            continue;
        }
        let Some(options) = track::options(name, kind, line, cx) else { continue };
        let (weight, reverse) = cx.trackers.get(object).map_or((None, false), |t| (t.weight, t.reverse));
        list.push(TrackedObjectDecl {
            object,
            weight: options.weight.or(weight),
            reverse: options.reverse.unwrap_or(reverse),
        });
    }
}

const FILE: [Keyword<FileDecl>; 3] = [
    Keyword { name: "file", parameters: 0, set: Set::Custom(file), doc: "The file with the number." },
    Keyword {
        name: "weight",
        parameters: 0,
        set: Set::Custom(file_weight),
        doc: "What the number is multiplied with to give the change of priority; 1. 0: other than 0 is a fault.",
    },
    Keyword {
        name: "init_file",
        parameters: 0,
        set: Set::Custom(init_file),
        doc: "Write this value at start, unless the file is there or with overwrite; 0.",
    },
];

const PROCESS: [Keyword<ProcessDecl>; 9] = [
    Keyword {
        name: "process",
        parameters: 1,
        set: Set::Custom(process),
        doc: "Name or command line of the processes.",
    },
    Keyword {
        name: "param_match",
        parameters: 0,
        set: Set::Custom(param_match),
        doc: "How parameters are compared: exactly, initial or partial.",
    },
    Keyword {
        name: "weight",
        parameters: 0,
        set: Set::Custom(process_weight),
        doc: "What the quorum adds to the priority; 0: its loss is a fault.",
    },
    Keyword {
        name: "quorum",
        parameters: 1,
        set: Set::Unsigned {
            field: |p| &mut p.quorum,
            min: 1,
            max: 65_535,
            bad: "Quorum ({v}) for vrrp_track_process {n} must be between [1..65535] inclusive. Ignoring...",
        },
        doc: "Processes that there must be; 1.",
    },
    Keyword {
        name: "quorum_max",
        parameters: 1,
        set: Set::Custom(quorum_max),
        doc: "Processes that there may be at most.",
    },
    Keyword {
        name: "delay",
        parameters: 1,
        set: Set::Custom(both_delays),
        doc: "Seconds before a start or an end counts.",
    },
    Keyword {
        name: "terminate_delay",
        parameters: 1,
        set: Set::Custom(terminate_delay),
        doc: "Seconds before an end counts.",
    },
    Keyword {
        name: "fork_delay",
        parameters: 1,
        set: Set::Custom(fork_delay),
        doc: "Seconds before a start counts.",
    },
    Keyword {
        name: "full_command",
        parameters: 0,
        set: Set::Flag(|p| &mut p.full_command),
        doc: "Compare the command line, not the name of the process.",
    },
];

pub(crate) const FILE_TABLES: [&[Keyword<FileDecl>]; 1] = [&FILE];
pub(crate) const PROCESS_TABLES: [&[Keyword<ProcessDecl>]; 1] = [&PROCESS];
