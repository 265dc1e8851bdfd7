//! What a manager may set: base priority and preemption of an instance, until the next reload.
//!
//! The MIB calls more objects writable; the reference refuses those, and so does this.

use std::collections::VecDeque;

use agentx::{Oid, Value, VarBind, View, pdu};

use super::keepalived::{BASE_PRIORITY, PREEMPT};
use super::mib::KEEPALIVED;

/// Transactions at a time; a master has one.
const TRANSACTIONS_MAX: usize = 16;

/// One setting, of an instance by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// 1 to 255.
    BasePriority(usize, u8),
    /// Whether it preempts.
    Preempt(usize, bool),
}

/// A setting and what was set before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked {
    new: Write,
    old: Write,
}

/// What was tested and may be committed.
#[derive(Debug, Default)]
pub(super) struct Transactions(VecDeque<(u32, Vec<Checked>)>);

impl Transactions {
    /// What variables would set; else the error and which of them it is about, from 1.
    pub(super) fn check(view: &View, var_binds: &[VarBind]) -> Result<Vec<Checked>, (u16, u16)> {
        let one = |(position, var_bind): (usize, &VarBind)| {
            let index = u16::try_from(position).unwrap_or(u16::MAX).saturating_add(1);
            checked(view, var_bind).map_err(|error| (error, index))
        };
        var_binds.iter().enumerate().map(one).collect()
    }

    /// Keeps them for a CommitSet.
    pub(super) fn keep(&mut self, transaction: u32, writes: Vec<Checked>) {
        if self.0.len() >= TRANSACTIONS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((transaction, writes));
    }

    /// What to set.
    pub(super) fn commit(&self, transaction: u32) -> Result<Vec<Write>, u16> {
        self.find(transaction).map(|of| of.iter().map(|write| write.new).collect()).ok_or(pdu::COMMIT_FAILED)
    }

    /// What to set back, the last one first.
    pub(super) fn undo(&self, transaction: u32) -> Result<Vec<Write>, u16> {
        self.find(transaction)
            .map(|of| of.iter().rev().map(|write| write.old).collect())
            .ok_or(pdu::UNDO_FAILED)
    }

    /// It is over.
    pub(super) fn forget(&mut self, transaction: u32) {
        self.0.retain(|(known, _)| *known != transaction);
    }

    fn find(&self, transaction: u32) -> Option<&[Checked]> {
        self.0.iter().rfind(|(known, _)| *known == transaction).map(|(_, writes)| writes.as_slice())
    }
}

fn checked(view: &View, var_bind: &VarBind) -> Result<Checked, u16> {
    let entry = Oid::new(&KEEPALIVED).child(&[2, 3, 1]);
    let is_object = var_bind.name.is_below(&entry);
    let (true, [.., column, row], Some(Value::Integer(old))) =
        (is_object, var_bind.name.parts(), view.get(&var_bind.name))
    else {
        return Err(pdu::NOT_WRITABLE);
    };
    let position = usize::try_from(row.saturating_sub(1)).map_err(|_| pdu::NOT_WRITABLE)?;
    let write = |number: i32| match *column {
        BASE_PRIORITY => match u8::try_from(number) {
            Ok(priority @ 1..) => Ok(Write::BasePriority(position, priority)),
            Ok(0) | Err(_) => Err(pdu::WRONG_VALUE),
        },
        PREEMPT => match number {
            1 => Ok(Write::Preempt(position, true)),
            2 => Ok(Write::Preempt(position, false)),
            _ => Err(pdu::WRONG_VALUE),
        },
        _ => Err(pdu::NOT_WRITABLE),
    };
    // An object that is read only says so whatever it is given.
    let old = write(*old)?;
    let Value::Integer(number) = var_bind.value else { return Err(pdu::WRONG_TYPE) };
    Ok(Checked { new: write(number)?, old })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(below: &[u32]) -> Oid {
        Oid::new(&KEEPALIVED).child(below)
    }

    fn view() -> View {
        View::new(vec![
            (name(&[2, 3, 1, 7, 1]), Value::Integer(100)),
            (name(&[2, 3, 1, 7, 2]), Value::Integer(90)),
            (name(&[2, 3, 1, 13, 1]), Value::Integer(1)),
            (name(&[2, 3, 1, 8, 1]), Value::Integer(100)),
            (name(&[1, 4, 0]), Value::Integer(1)),
        ])
    }

    #[test]
    fn what_can_be_set() {
        let rows: &[(&[u32], Value, Result<Write, u16>)] = &[
            (&[2, 3, 1, 7, 1], Value::Integer(1), Ok(Write::BasePriority(0, 1))),
            (&[2, 3, 1, 7, 2], Value::Integer(255), Ok(Write::BasePriority(1, 255))),
            (&[2, 3, 1, 7, 1], Value::Integer(0), Err(pdu::WRONG_VALUE)),
            (&[2, 3, 1, 7, 1], Value::Integer(256), Err(pdu::WRONG_VALUE)),
            (&[2, 3, 1, 7, 1], Value::from("7"), Err(pdu::WRONG_TYPE)),
            (&[2, 3, 1, 7, 3], Value::Integer(7), Err(pdu::NOT_WRITABLE)),
            (&[2, 3, 1, 13, 1], Value::Integer(2), Ok(Write::Preempt(0, false))),
            (&[2, 3, 1, 13, 1], Value::Integer(3), Err(pdu::WRONG_VALUE)),
            (&[2, 3, 1, 8, 1], Value::Integer(7), Err(pdu::NOT_WRITABLE)),
            (&[1, 4, 0], Value::Integer(2), Err(pdu::NOT_WRITABLE)),
        ];
        for (below, value, expected) in rows {
            let good = VarBind { name: name(&[2, 3, 1, 7, 1]), value: Value::Integer(5) };
            let var_bind = VarBind { name: name(below), value: value.clone() };
            let found = Transactions::check(&view(), &[good, var_bind]);
            let expected = expected.map_err(|error| (error, 2));
            assert_eq!(found.map(|writes| writes[1].new), expected, "{below:?}");
        }
    }

    #[test]
    fn commit_and_undo() {
        let mut transactions = Transactions::default();
        let var_binds = [
            VarBind { name: name(&[2, 3, 1, 7, 2]), value: Value::Integer(5) },
            VarBind { name: name(&[2, 3, 1, 13, 1]), value: Value::Integer(2) },
        ];
        assert_eq!(transactions.commit(4), Err(pdu::COMMIT_FAILED));
        let writes = Transactions::check(&view(), &var_binds).unwrap_or_default();
        transactions.keep(4, writes);
        assert_eq!(transactions.commit(4), Ok(vec![Write::BasePriority(1, 5), Write::Preempt(0, false)]));
        assert_eq!(transactions.undo(4), Ok(vec![Write::Preempt(0, true), Write::BasePriority(1, 90)]));
        transactions.forget(4);
        assert_eq!(transactions.undo(4), Err(pdu::UNDO_FAILED));
        for number in 0..100 {
            transactions.keep(number, Vec::new());
        }
        assert_eq!(transactions.0.len(), TRANSACTIONS_MAX);
    }
}
