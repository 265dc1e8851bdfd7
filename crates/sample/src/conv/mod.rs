//! Converters, one file a group (configuration manual, section 7.3.1). Each file ends with its table.

mod encoding;
mod hash;
mod http;
mod map;
mod number;
mod rows;
mod split;
mod string;
mod time;
mod var;

pub(crate) use encoding::base64_decode;
pub(crate) use hash::hash_of_parts;
pub use rows::ConverterRow;
pub(crate) use rows::row;
pub use var::{SetIf, parse_set_conditions};

use crate::{Arg, Cx, VarName};

/// Every converter that exists.
pub fn converters() -> impl Iterator<Item = &'static ConverterRow> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// The converter of a name.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static ConverterRow> {
    converters().find(|row| row.name.as_bytes() == name)
}

const TABLES: &[&[ConverterRow]] = &[
    encoding::CONVERTERS,
    hash::CONVERTERS,
    http::CONVERTERS,
    map::CONVERTERS,
    number::CONVERTERS,
    split::CONVERTERS,
    string::CONVERTERS,
    time::CONVERTERS,
    var::CONVERTERS,
];

fn arg(args: &[Arg], index: usize) -> &Arg {
    args.get(index).unwrap_or(&Arg::None)
}

/// Turns a text argument into a number or a variable.
fn number_or_variable(slot: &mut Arg) -> Result<(), String> {
    let text = slot.text().to_vec();
    if let Some(n) = std::str::from_utf8(&text).ok().and_then(|t| t.parse::<i64>().ok()) {
        *slot = Arg::Int(n);
        return Ok(());
    }
    match VarName::parse(&text) {
        Ok(name) => *slot = Arg::Var(name),
        // HAPROXY: an argument that was left out counts as 0.
        Err(_) if text.is_empty() => *slot = Arg::Int(0),
        Err(_) => return Err("expects an integer or a variable name".to_owned()),
    }
    Ok(())
}

/// The number of such an argument now; none when the variable has none.
fn number(arg: &Arg, cx: &Cx<'_>) -> Option<i64> {
    match arg {
        Arg::Int(n) => Some(*n),
        Arg::Var(name) => name.value(cx)?.to_int(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_known_and_documented() {
        let mut names: Vec<&str> = converters().map(|row| row.name).collect();
        for row in converters() {
            assert!(
                crate::known::CONVERTERS.contains(&row.name),
                "{} is not a converter of the reference",
                row.name
            );
            assert!(!row.doc.is_empty(), "{}", row.name);
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
