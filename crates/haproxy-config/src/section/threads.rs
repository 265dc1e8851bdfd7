//! `global`: thread groups and processors (configuration manual, section 3.1: thread-groups, thread-group, thread-hard-limit, cpu-map).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::GlobalDecl;
use crate::registry::{Row, Sections, Set, Since, row};
use crate::threads::{MAX_GROUPS, MAX_IN_GROUP, MAX_THREADS, ThreadSet};
use std::ops::RangeInclusive;
use units::lenient_int;

/// The reference knows processors by these numbers.
const MAX_CPU: usize = 1023;

fn strict(line: &Line<'_>) -> Result<i64, Refusal> {
    let text = line.arg(0);
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::fatal(format!(
            "'{}' passed a missing or unparsable integer value in '{text}'",
            line.name()
        )));
    }
    Ok(lenient_int(&text))
}

fn thread_groups(global: &mut GlobalDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let count = strict(line)?;
    match usize::try_from(count) {
        Ok(groups) if (1..=MAX_GROUPS).contains(&groups) => {
            global.thread_groups = groups;
            Ok(())
        }
        _ => Err(Refusal::fatal(format!(
            "'thread-groups' value must be between 1 and {MAX_GROUPS} (was {count})"
        ))),
    }
}

fn thread_group(global: &mut GlobalDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let number = strict(line)?;
    let Some(group) = usize::try_from(number).ok().filter(|n| (1..=MAX_GROUPS).contains(n)) else {
        return Err(Refusal::fatal(format!(
            "'thread-group' thread-group number must be between 1 and {MAX_GROUPS} (was {number})"
        )));
    };
    let mut threads = ThreadSet::EMPTY;
    for word in line.rest(1) {
        let text = word.lossy();
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        let number = |text: &str| text.parse().ok().filter(|n| (1..=MAX_THREADS).contains(n));
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(Refusal::fatal(format!(
                "'thread-group {group}' passed an unparsable or invalid thread number '{text}' (valid range is 1 to {MAX_THREADS})"
            )));
        };
        for thread in first.min(last)..=first.max(last) {
            let before = global.thread_group.iter().position(|set: &ThreadSet| set.contains(thread - 1));
            if let Some(other) = before.filter(|other| other + 1 != group) {
                cx.warn(
                    line.span,
                    format!(
                        "'thread-group {group}': thread {thread} was previously assigned to thread group {} and will be overridden.",
                        other + 1
                    ),
                );
                if let Some(set) = global.thread_group.get_mut(other) {
                    *set = set.iter().filter(|t| *t != thread - 1).collect();
                }
            }
            threads.insert(thread - 1);
        }
    }
    if global.thread_group.len() < group {
        global.thread_group.resize(group, ThreadSet::EMPTY);
    }
    let Some(slot) = global.thread_group.get_mut(group - 1) else { return Ok(()) };
    threads.iter().for_each(|thread| slot.insert(thread));
    let (first, last) = (slot.iter().next(), slot.iter().last());
    if let (Some(first), Some(last)) = (first, last)
        && last - first + 1 != slot.len()
    {
        return Err(Refusal::fatal(format!(
            "'thread-group {group}' assigned sparse threads, only contiguous supported"
        )));
    }
    Ok(())
}

fn thread_hard_limit(global: &mut GlobalDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    line.at_most(1)?;
    let limit = strict(line)?;
    match u32::try_from(limit) {
        Ok(limit) if limit >= 1 => {
            global.thread_hard_limit = Some(limit);
            Ok(())
        }
        _ => Err(Refusal::fatal(format!("'thread-hard-limit' value must be at least 1 (was {limit})"))),
    }
}

/// One `cpu-map` line: groups and threads, counted from 1, and their processors.
#[derive(Clone, Debug)]
pub(crate) struct CpuMap {
    groups: Vec<usize>,
    /// None is the whole group.
    threads: Option<Vec<usize>>,
    cpus: Vec<usize>,
    /// One processor a thread, in their order.
    auto: bool,
}

impl CpuMap {
    /// Group, number in the group, and processors of every thread that the line names.
    pub(crate) fn bindings(&self) -> Vec<(usize, usize, Vec<usize>)> {
        let whole: Vec<usize> = (1..=MAX_IN_GROUP).collect();
        let threads = match &self.threads {
            Some(threads) => threads.clone(),
            // HAPROXY: `auto:` without threads means the first of each group.
            None if self.auto => vec![1],
            None => whole,
        };
        let mut cpus = self.cpus.iter().cycle();
        let mut found = Vec::new();
        for &group in &self.groups {
            for &thread in &threads {
                let own =
                    if self.auto { cpus.next().copied().into_iter().collect() } else { self.cpus.clone() };
                found.push((group, thread, own));
            }
        }
        found
    }
}

fn cpu_map(global: &mut GlobalDecl, line: &Line<'_>, _: &mut Cx<'_>) -> Outcome {
    let refuse = |text: String| Refusal::fatal(format!("cpu-map : {text}"));
    if line.arg(0).is_empty() || line.arg(1).is_empty() {
        return Err(Refusal::fatal(
            "cpu-map expects a thread group number  ('all', 'odd', 'even', a number from 1 to 64 or a range),  followed by a list of CPU ranges with numbers from 0 to 63.",
        ));
    }
    let written = line.arg(0);
    let (auto, place) = written.strip_prefix("auto:").map_or((false, written.as_str()), |rest| (true, rest));
    let (group, thread) = place.split_once('/').map_or((place, None), |(g, t)| (g, Some(t)));
    let groups = numbers(group).map_err(refuse)?;
    let threads = thread.map(numbers).transpose().map_err(refuse)?;
    let mut cpus = Vec::new();
    for word in line.rest(1) {
        for part in word.lossy().split(',').filter(|part| !part.is_empty()) {
            let range = cpu_range(part).map_err(refuse)?;
            cpus.extend(range.filter(|cpu| !cpus.contains(cpu)).collect::<Vec<_>>());
        }
    }
    cpus.sort_unstable();
    if auto {
        // HAPROXY: it is enough that one of the two ranges fits.
        let fits = groups.len() == cpus.len() || threads.as_ref().is_some_and(|t| t.len() == cpus.len());
        if !fits {
            return Err(refuse(
                "TGROUP/THREAD range and CPU sets must have the same size to be automatically bound"
                    .to_owned(),
            ));
        }
    }
    global.cpu_map.push(CpuMap { groups, threads, cpus, auto });
    Ok(())
}

/// `all`, `odd`, `even`, `N` or `N-M`, up to 64.
fn numbers(text: &str) -> Result<Vec<usize>, String> {
    let all = 1..=MAX_IN_GROUP;
    match text {
        "all" => return Ok(all.collect()),
        "odd" => return Ok(all.filter(|n| n % 2 == 1).collect()),
        "even" => return Ok(all.filter(|n| n % 2 == 0).collect()),
        _ => {}
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number =
        |part: &str| part.parse::<usize>().map_err(|_| format!("'{text}' is not a valid number/range."));
    let (first, last) = (number(first)?, number(last)?);
    if !all.contains(&first) || !all.contains(&last) {
        return Err(format!(
            "'{text}' is not a valid number/range. It supports numbers from 1 to {MAX_IN_GROUP}.\n"
        ));
    }
    Ok((first.min(last)..=first.max(last)).collect())
}

/// `N`, `N-M`, `N-`: to the last one.
fn cpu_range(text: &str) -> Result<RangeInclusive<usize>, String> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("'{text}' is not a CPU range."));
    }
    let (first, last) = text.split_once('-').map_or((text, None), |(first, last)| (first, Some(last)));
    let first = first.parse::<usize>().map_err(|_| format!("'{text}' is not a CPU range."))?;
    let last = last.map_or(first, |last| last.parse().unwrap_or(MAX_CPU));
    if first > MAX_CPU || last > MAX_CPU {
        return Err(format!("supports CPU numbers from 0 to {MAX_CPU}."));
    }
    Ok(first.min(last)..=first.max(last))
}

const G: Sections = Sections::GLOBAL;

/// Rows of this file.
pub(crate) const KEYWORDS: &[Row<GlobalDecl>] = &[
    row(
        "cpu-map",
        G,
        Since(1, 5),
        "[auto:]<thread-group>[/<thread-set>] <cpu-set>[,...] [...]",
        Set::Custom(cpu_map),
        "Processors of the threads.",
    ),
    row(
        "thread-group",
        G,
        Since(2, 6),
        "<group> [<thread-range>...]",
        Set::Custom(thread_group),
        "Threads of a group.",
    ),
    row("thread-groups", G, Since(2, 6), "<number>", Set::Custom(thread_groups), "Number of thread groups."),
    row(
        "thread-hard-limit",
        G,
        Since(3, 0),
        "<number>",
        Set::Custom(thread_hard_limit),
        "Most threads, whatever else says.",
    ),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sets_of_numbers() {
        assert_eq!(numbers("3-1").unwrap(), [1, 2, 3]);
        assert_eq!(numbers("all").unwrap().len(), 64);
        assert_eq!(numbers("x").unwrap_err(), "'x' is not a valid number/range.");
        assert!(numbers("0").unwrap_err().contains("from 1 to 64"));
        assert_eq!(cpu_range("0-3"), Ok(0..=3));
        assert_eq!(cpu_range("2-"), Ok(2..=1023));
        assert_eq!(cpu_range("x").unwrap_err(), "'x' is not a CPU range.");
        assert_eq!(cpu_range("1024").unwrap_err(), "supports CPU numbers from 0 to 1023.");
    }

    #[test]
    fn one_processor_a_thread_with_auto() {
        let map = CpuMap { groups: vec![1], threads: Some(vec![1, 2]), cpus: vec![4, 5], auto: true };
        assert_eq!(map.bindings(), [(1, 1, vec![4]), (1, 2, vec![5])]);
        let map = CpuMap { auto: false, ..map };
        assert_eq!(map.bindings(), [(1, 1, vec![4, 5]), (1, 2, vec![4, 5])]);
    }
}
