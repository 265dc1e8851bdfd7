//! Objects in order, and the answers to questions about them. RFC 2741, sections 7.2.3.1 to 7.2.3.3.

use crate::oid::Oid;
use crate::pdu::SearchRange;
use crate::value::{Value, VarBind};

/// The most variables that one answer has; a master that wants more asks again.
pub const ANSWERS_MAX: usize = 1024;

/// All objects with their values, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View(Vec<(Oid, Value)>);

impl View {
    /// A view of these; of two with the same name the first one counts.
    pub fn new(mut objects: Vec<(Oid, Value)>) -> Self {
        objects.sort_by(|one, other| one.0.cmp(&other.0));
        objects.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(objects)
    }

    /// All of them, in order.
    pub fn objects(&self) -> &[(Oid, Value)] {
        &self.0
    }

    /// The value of one.
    pub fn get(&self, name: &Oid) -> Option<&Value> {
        let position = self.0.binary_search_by(|(known, _)| known.cmp(name)).ok()?;
        self.0.get(position).map(|(_, value)| value)
    }

    /// The first in a range.
    pub fn next(&self, range: &SearchRange) -> Option<&(Oid, Value)> {
        let position = self
            .0
            .partition_point(|(known, _)| *known < range.start || (*known == range.start && !range.include));
        self.0.get(position).filter(|(known, _)| range.end.is_null() || *known < range.end)
    }

    /// The answer to a Get.
    pub fn answer_get(&self, ranges: &[SearchRange]) -> Vec<VarBind> {
        ranges
            .iter()
            .map(|range| {
                let value = self.get(&range.start).cloned().unwrap_or(Value::NoSuchInstance);
                VarBind { name: range.start.clone(), value }
            })
            .collect()
    }

    /// The answer to a GetNext.
    pub fn answer_next(&self, ranges: &[SearchRange]) -> Vec<VarBind> {
        ranges.iter().map(|range| self.answer_one(range)).collect()
    }

    fn answer_one(&self, range: &SearchRange) -> VarBind {
        match self.next(range) {
            Some((name, value)) => VarBind { name: name.clone(), value: value.clone() },
            None => VarBind { name: range.start.clone(), value: Value::EndOfMibView },
        }
    }

    /// The answer to a GetBulk: `repetitions` rounds over the ranges after the first `single` ones, until nothing is left.
    pub fn answer_bulk(&self, single: usize, repetitions: usize, ranges: &[SearchRange]) -> Vec<VarBind> {
        let (once, often) = ranges.split_at(single.min(ranges.len()));
        let mut found = self.answer_next(once);
        let mut often = often.to_vec();
        for _ in 0..repetitions {
            if often.is_empty() || found.len() + often.len() > ANSWERS_MAX {
                break;
            }
            let round = self.answer_next(&often);
            let is_over = round.iter().all(|answer| answer.value == Value::EndOfMibView);
            for (range, answer) in often.iter_mut().zip(&round) {
                range.start = answer.name.clone();
                range.include = false;
            }
            found.extend(round);
            if is_over {
                break;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(parts: &[u32]) -> Oid {
        Oid::new(parts)
    }

    fn range(start: &[u32], include: bool, end: &[u32]) -> SearchRange {
        SearchRange { start: oid(start), include, end: oid(end) }
    }

    fn view() -> View {
        let objects = [[1, 2, 2], [1, 1, 1], [1, 2, 1], [1, 1, 1], [2, 1, 1]];
        View::new((0..).zip(objects).map(|(number, name)| (oid(&name), Value::Integer(number))).collect())
    }

    fn names(answers: &[VarBind]) -> Vec<String> {
        let text = |answer: &VarBind| match &answer.value {
            Value::EndOfMibView => format!("{} end", answer.name),
            _ => answer.name.to_string(),
        };
        answers.iter().map(text).collect()
    }

    #[test]
    fn one_object() {
        let view = view();
        assert_eq!(view.objects().len(), 4);
        assert_eq!(view.get(&oid(&[1, 1, 1])), Some(&Value::Integer(1)), "the first of two");
        assert_eq!(view.get(&oid(&[1, 1])), None);
        let answers = view.answer_get(&[range(&[1, 2, 1], false, &[]), range(&[1, 2], false, &[])]);
        assert_eq!(answers[0].value, Value::Integer(2));
        assert_eq!(answers[1], VarBind { name: oid(&[1, 2]), value: Value::NoSuchInstance });
    }

    #[test]
    fn the_next_object() {
        let rows: &[(&[u32], bool, &[u32], &str)] = &[
            (&[1], false, &[], ".1.1.1"),
            (&[1, 1, 1], true, &[], ".1.1.1"),
            (&[1, 1, 1], false, &[], ".1.2.1"),
            (&[1, 1, 1], false, &[1, 2], ".1.1.1 end"),
            (&[1, 1, 1], false, &[1, 2, 1], ".1.1.1 end"),
            (&[1, 1, 1], false, &[1, 2, 2], ".1.2.1"),
            (&[2, 1, 1], false, &[], ".2.1.1 end"),
            (&[], false, &[], ".1.1.1"),
        ];
        for (start, include, end, expected) in rows {
            assert_eq!(names(&view().answer_next(&[range(start, *include, end)])), [*expected], "{start:?}");
        }
    }

    #[test]
    fn many_objects() {
        let view = view();
        let ranges = [range(&[1, 1], false, &[]), range(&[1, 2], false, &[2]), range(&[2], false, &[])];
        let expected = [".1.1.1", ".1.2.1", ".2.1.1", ".1.2.2", ".2.1.1 end", ".1.2.2 end", ".2.1.1 end"];
        assert_eq!(names(&view.answer_bulk(1, 10, &ranges)), expected);
        assert_eq!(names(&view.answer_bulk(9, 10, &ranges[..1])), [".1.1.1"]);
        assert_eq!(view.answer_bulk(0, 0, &ranges), []);
        let wide = vec![range(&[1], false, &[]); 600];
        assert_eq!(view.answer_bulk(0, 5, &wide).len(), 600, "no more than an answer holds");
    }
}
