//! Threads, their groups, and sets of them: the numbers behind `nbthread`, `thread-groups`, `thread-group`, `cpu-map` and the words
//! `thread` and `shards` of a `bind` line (configuration manual, sections 3.1 and 5.1). Threads count from 0 here, from 1 in texts.

/// Most threads.
pub const MAX_THREADS: usize = 256;
/// Most groups.
pub const MAX_GROUPS: usize = 16;
/// Most threads of a group.
pub const MAX_IN_GROUP: usize = 64;

/// A set of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadSet([u64; MAX_THREADS / 64]);

impl Default for ThreadSet {
    /// All.
    fn default() -> Self {
        Self::ALL
    }
}

impl ThreadSet {
    /// Every thread that there can be.
    pub const ALL: Self = Self([u64::MAX; MAX_THREADS / 64]);
    /// None.
    pub const EMPTY: Self = Self([0; MAX_THREADS / 64]);

    /// Whether a thread is in the set.
    #[must_use]
    pub fn contains(&self, thread: usize) -> bool {
        self.0.get(thread / 64).is_some_and(|word| word & (1 << (thread % 64)) != 0)
    }

    /// Adds a thread; of no effect beyond [`MAX_THREADS`].
    pub fn insert(&mut self, thread: usize) {
        if let Some(word) = self.0.get_mut(thread / 64) {
            *word |= 1 << (thread % 64);
        }
    }

    /// The threads in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..MAX_THREADS).filter(|thread| self.contains(*thread))
    }

    /// How many threads are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no thread is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = *self;
        both.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
        both
    }

    /// At most `count` sets, of as many threads as one another and in their order, that are this one together.
    #[must_use]
    pub fn split(&self, count: usize) -> Vec<Self> {
        let threads: Vec<usize> = self.iter().collect();
        let count = count.clamp(1, threads.len().max(1));
        (0..count)
            .map(|part| {
                let from = part * threads.len() / count;
                let to = (part + 1) * threads.len() / count;
                threads.get(from..to).unwrap_or_default().iter().copied().collect()
            })
            .collect()
    }
}

impl FromIterator<usize> for ThreadSet {
    fn from_iter<I: IntoIterator<Item = usize>>(threads: I) -> Self {
        let mut set = Self::EMPTY;
        threads.into_iter().for_each(|thread| set.insert(thread));
        set
    }
}

/// How many sockets a `bind` line opens for one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shards {
    /// One.
    ByProcess,
    /// One for each thread group.
    #[default]
    ByGroup,
    /// One for each thread.
    ByThread,
    /// So many, threads permitting.
    Number(usize),
}

/// One word of `thread` as written: a group (0 when threads are counted over all groups) and what of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Threads {
    group: usize,
    which: Which,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    Odd,
    Even,
    /// First and last, counted from 1.
    Range(usize, usize),
}

impl Which {
    fn has(self, number: usize) -> bool {
        match self {
            Self::All => true,
            Self::Odd => number % 2 == 1,
            Self::Even => number.is_multiple_of(2),
            Self::Range(first, last) => (first..=last).contains(&number),
        }
    }
}

/// Reads a `thread` word: `all`, `odd`, `even`, `N`, `N-M`, each perhaps after `GROUP/`, with commas between them.
///
/// # Errors
/// The reference's text.
pub(crate) fn parse_threads(text: &str) -> Result<Vec<Threads>, String> {
    text.split(',').map(parse_one).filter_map(Result::transpose).collect()
}

fn parse_one(text: &str) -> Result<Option<Threads>, String> {
    let (group, rest, most) = match text.split_once('/') {
        Some(("", _)) => return Err(format!("thread group number expected before '{text}'")),
        Some((group, rest)) if group.bytes().all(|b| b.is_ascii_digit()) => match group.parse() {
            Ok(number) if (1..=MAX_GROUPS).contains(&number) => (number, rest, MAX_IN_GROUP),
            _ => {
                return Err(format!(
                    "invalid thread group number '{group}', permitted range is 1..{MAX_GROUPS} in '{text}'"
                ));
            }
        },
        _ => (0, text, MAX_THREADS),
    };
    let which = match rest {
        "" if group == 0 => return Ok(None),
        "" | "all" => Which::All,
        "odd" => Which::Odd,
        "even" => Which::Even,
        _ => {
            let (first, last) = rest.split_once('-').map_or((rest, None), |(a, b)| (a, Some(b)));
            let in_range = |text: &str| text.parse().ok().filter(|n| (1..=most).contains(n));
            let low = in_range(first).ok_or_else(|| {
                format!(
                    "invalid first thread number '{first}', permitted range is 1..{most}, or 'all', 'odd', 'even'"
                )
            })?;
            let high = match last {
                None | Some("") => low,
                Some(last) => {
                    if let Some((_, after)) = last.split_once('/') {
                        let _ = after;
                        return Err(format!(
                            "invalid character '/' after thread set specification: '{last}'"
                        ));
                    }
                    in_range(last).ok_or_else(|| {
                        format!("invalid last thread number '{last}', permitted range is 1..{most}")
                    })?
                }
            };
            Which::Range(low.min(high), low.max(high))
        }
    };
    Ok(Some(Threads { group, which }))
}

/// The threads of a process and the groups that they are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups(Vec<ThreadSet>);

impl Groups {
    /// Spreads `threads` threads over `wanted` groups, of which `written` (by group, counted from 0) have their threads.
    ///
    /// # Errors
    /// The reference's text.
    pub(crate) fn assign(threads: usize, wanted: usize, written: &[ThreadSet]) -> Result<Self, String> {
        let existing: ThreadSet = (0..threads).collect();
        let last = written.iter().rposition(|set| !set.is_empty()).map_or(0, |index| index + 1);
        let count = wanted.max(last).max(1);
        let mut groups: Vec<ThreadSet> = (0..count)
            .map(|group| written.get(group).map_or(ThreadSet::EMPTY, |set| set.and(&existing)))
            .collect();
        let is_free = |group: usize| written.get(group).is_none_or(ThreadSet::is_empty);
        let taken: ThreadSet = groups.iter().flat_map(|set| set.iter().collect::<Vec<_>>()).collect();
        let mut left: Vec<usize> = existing.iter().filter(|thread| !taken.contains(*thread)).collect();
        let free: Vec<usize> = (0..count).filter(|group| is_free(*group)).collect();
        if free.len() > left.len() {
            return Err(format!(
                "More unassigned thread-groups ({}) than threads ({}). Please reduce thread-groups",
                free.len(),
                left.len()
            ));
        }
        if free.is_empty() && !left.is_empty() {
            return Err(format!(
                "Remaining unassigned threads found ({}) because all groups are in use. Please increase 'thread-groups', reduce 'nbthreads' or remove or extend 'thread-group' enumerations.",
                left.len()
            ));
        }
        let all = left.len();
        for (done, group) in free.iter().enumerate() {
            let share = left.len().div_ceil(free.len() - done);
            if share > MAX_IN_GROUP {
                return Err(format!(
                    "Too many remaining unassigned threads ({all}) for thread groups ({}). Please increase thread-groups or make sure to keep thread numbers contiguous",
                    free.len()
                ));
            }
            let rest = left.split_off(share.min(left.len()));
            if let Some(slot) = groups.get_mut(*group) {
                *slot = left.into_iter().collect();
            }
            left = rest;
        }
        Ok(Self(groups))
    }

    /// How many groups there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The threads of all groups.
    #[must_use]
    pub fn all(&self) -> ThreadSet {
        self.0.iter().flat_map(|set| set.iter().collect::<Vec<_>>()).collect()
    }

    /// The thread with a number, counted from 1, of a group.
    pub(crate) fn thread(&self, group: usize, number: usize) -> Option<usize> {
        self.0.get(group)?.iter().nth(number.checked_sub(1)?)
    }

    /// The threads that a `bind` line's `thread` words mean; all when there is none.
    ///
    /// # Errors
    /// What the reference says after `'thread' directive `.
    pub(crate) fn select(&self, written: &[Threads]) -> Result<ThreadSet, String> {
        if written.is_empty() {
            return Ok(self.all());
        }
        let mut chosen = ThreadSet::EMPTY;
        for threads in written {
            match threads.group.checked_sub(1) {
                None => self.all().iter().filter(|t| threads.which.has(t + 1)).for_each(|t| chosen.insert(t)),
                Some(index) => {
                    let Some(group) = self.0.get(index) else {
                        return Err(format!("references non-existing thread group {}", threads.group));
                    };
                    let of_group = group.iter().zip(1..).filter(|(_, number)| threads.which.has(*number));
                    of_group.for_each(|(thread, _)| chosen.insert(thread));
                    if chosen.is_empty() {
                        return Err(format!(
                            "only references threads not belonging to group {}",
                            threads.group
                        ));
                    }
                }
            }
        }
        if chosen.is_empty() {
            return Err("only references non-existing threads".to_owned());
        }
        Ok(chosen)
    }

    /// The sockets that a `bind` line with these threads opens for one address: the threads of each.
    #[must_use]
    pub fn shard(&self, threads: &ThreadSet, shards: Shards) -> Vec<ThreadSet> {
        match shards {
            Shards::ByProcess => vec![*threads],
            Shards::ByGroup => {
                self.0.iter().map(|group| group.and(threads)).filter(|set| !set.is_empty()).collect()
            }
            Shards::ByThread => threads.split(threads.len()),
            Shards::Number(count) => threads.split(count),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn set(threads: &[usize]) -> ThreadSet {
        threads.iter().copied().collect()
    }

    #[test]
    fn threads_are_spread_over_free_groups() {
        let groups = Groups::assign(5, 2, &[]).unwrap();
        assert_eq!(groups.0, [set(&[0, 1, 2]), set(&[3, 4])]);
        let groups = Groups::assign(4, 2, &[set(&[0, 1])]).unwrap();
        assert_eq!(groups.0, [set(&[0, 1]), set(&[2, 3])]);
        let groups = Groups::assign(2, 0, &[ThreadSet::EMPTY, set(&[0])]).unwrap();
        assert_eq!(groups.0, [set(&[1]), set(&[0])]);
        for (threads, wanted, written, text) in [
            (65, 1, vec![], "Too many remaining unassigned threads (65) for thread groups (1)."),
            (2, 3, vec![], "More unassigned thread-groups (3) than threads (2)."),
            (2, 0, vec![set(&[0])], "Remaining unassigned threads found (1)"),
            (130, 2, vec![], "Too many remaining unassigned threads (130) for thread groups (2)."),
        ] {
            assert!(Groups::assign(threads, wanted, &written).unwrap_err().starts_with(text), "{text}");
        }
    }

    #[test]
    fn thread_words() {
        let groups = Groups::assign(4, 2, &[]).unwrap();
        let of = |text: &str| parse_threads(text).and_then(|t| groups.select(&t));
        assert_eq!(of(""), Ok(set(&[0, 1, 2, 3])));
        assert_eq!(of("odd"), Ok(set(&[0, 2])));
        assert_eq!(of("2/all"), Ok(set(&[2, 3])));
        assert_eq!(of("2/2,1"), Ok(set(&[0, 3])));
        assert_eq!(of("3-2"), Ok(set(&[1, 2])));
        assert_eq!(of("1-"), Ok(set(&[0])));
        for (text, want) in [
            ("9", "only references non-existing threads"),
            ("3/1", "references non-existing thread group 3"),
            ("1/3", "only references threads not belonging to group 1"),
            ("x", "invalid first thread number 'x', permitted range is 1..256, or 'all', 'odd', 'even'"),
            ("1-300", "invalid last thread number '300', permitted range is 1..256"),
            ("1/65", "invalid first thread number '65', permitted range is 1..64, or 'all', 'odd', 'even'"),
            ("17/1", "invalid thread group number '17', permitted range is 1..16 in '17/1'"),
            ("1-2/1", "invalid character '/' after thread set specification: '2/1'"),
            ("/1", "thread group number expected before '/1'"),
        ] {
            assert_eq!(of(text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn shards_are_of_all_threads_together() {
        let groups = Groups::assign(5, 2, &[]).unwrap();
        let all = groups.all();
        assert_eq!(groups.shard(&all, Shards::ByProcess), [all]);
        assert_eq!(groups.shard(&all, Shards::ByGroup), [set(&[0, 1, 2]), set(&[3, 4])]);
        assert_eq!(groups.shard(&all, Shards::ByThread).len(), 5);
        assert_eq!(groups.shard(&all, Shards::Number(2)), [set(&[0, 1]), set(&[2, 3, 4])]);
        assert_eq!(groups.shard(&set(&[3]), Shards::Number(9)), [set(&[3])]);
    }
}
