//! The columns of `stats show-modules`: the counters of each protocol module, as a box behind its name.

use super::html::{details, number, td, tip};
use crate::stat::column::COLUMNS;
use crate::stat::{Row, Value};

/// The modules in the reference's order; their columns of `show stat` begin with these names.
const MODULES: [&str; 5] = ["ssl", "h3", "quic", "h2", "h1"];

/// The two lines above a table's rows, which end in `</tr>` each, with the modules' names when they are shown.
pub(super) fn write_head(out: &mut String, head: &str, shown: bool) {
    match head.split_once("</tr>").filter(|_| shown) {
        Some((first, second)) => {
            out.push_str(first);
            out.push_str("<th colspan=5>Extra modules</th></tr>");
            out.push_str(second.strip_suffix("</tr>").unwrap_or(second));
            for module in MODULES {
                out.push_str("<th>");
                out.push_str(module);
                out.push_str("</th>");
            }
            out.push_str("</tr>");
        }
        None => out.push_str(head),
    }
}

/// Adds the modules' cells to the row that ends the text.
pub(super) fn extend_row(out: &mut String, row: &Row) {
    let end = out.trim_end().strip_suffix("</tr>").map_or(out.len(), str::len);
    out.truncate(end);
    for module in MODULES {
        out.push_str("<td>");
        let columns = COLUMNS.iter().enumerate();
        let own = columns
            .filter(|(_, column)| column.name.strip_prefix(module).is_some_and(|rest| rest.starts_with('_')));
        let lines: Vec<(&str, String)> = own
            .filter(|(index, _)| *row.cell(*index) != Value::Empty)
            .map(|(index, column)| (column.description, value(row.cell(index))))
            .collect();
        if !lines.is_empty() {
            out.push_str(&tip(module, &details(&lines)));
        }
        out.push_str("</td>");
    }
    out.push_str("</tr>\n");
}

fn value(cell: &Value) -> String {
    td(cell.number().map_or_else(|| cell.to_string(), |n| number(n.unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stat::Object;

    #[test]
    fn cells_are_added_to_a_row() {
        let mut out = "<tr><td>x</td></tr>\n".to_owned();
        let mut row = Row::new(Object::Server, 2, 1);
        let index = COLUMNS.iter().position(|c| c.name == "h1_open_streams").unwrap_or_default();
        row.u64(index, 1234);
        extend_row(&mut out, &row);
        assert!(out.starts_with("<tr><td>x</td><td></td><td></td><td></td><td></td><td><u>h1<div"), "{out}");
        assert!(out.contains("<th>Count of currently open streams</th>") && out.ends_with("</td></tr>\n"));
        let mut head = String::new();
        write_head(&mut head, "<th>a</th></tr>\n<tr><th>b</th></tr>", true);
        assert!(head.contains("<th>a</th><th colspan=5>Extra modules</th></tr>\n<tr><th>b</th><th>ssl</th>"));
        assert!(head.ends_with("<th>h1</th></tr>"));
    }
}
