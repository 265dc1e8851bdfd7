//! The forms in which rows and info lines are printed: CSV, typed, JSON.

use super::column::{COLUMNS, SEPARATOR};
use super::{Row, Value};
use crate::info_line::Info;
use std::fmt::Write as _;

/// The CSV header line with its line feed.
#[must_use]
pub fn csv_header() -> String {
    let mut out = String::from("# ");
    for column in &COLUMNS {
        out.push_str(column.name);
        out.push(',');
    }
    out.push('\n');
    out
}

/// One CSV line with its line feed.
pub fn csv_row(out: &mut String, row: &Row) {
    for (index, cell) in row.cells.iter().enumerate() {
        if index == SEPARATOR {
            out.push('-');
        } else if let Value::Text(text) = cell {
            csv_text(out, text);
        } else {
            let _ = write!(out, "{cell}");
        }
        out.push(',');
    }
    out.push('\n');
}

/// RFC 4180: a text with a comma, a quote or a line break is quoted.
fn csv_text(out: &mut String, text: &str) {
    if text.contains([',', '"', '\r', '\n']) {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

/// The filled cells of a row with their positions in `typed` and `json`; the separator has none.
fn filled(row: &Row) -> impl Iterator<Item = (usize, &'static super::column::Column, &Value)> {
    row.cells.iter().zip(&COLUMNS).enumerate().filter_map(|(index, (cell, column))| {
        let position = if index > SEPARATOR { index - 1 } else { index };
        (index != SEPARATOR && *cell != Value::Empty).then_some((position, column, cell))
    })
}

/// `show stat typed`: one line a filled cell.
pub fn typed_row(out: &mut String, row: &Row, describe: bool) {
    for (position, column, cell) in filled(row) {
        let (object, name, tags, kind) = (row.object.letter(), column.name, column.tags, cell.kind());
        let _ = write!(out, "{object}.{}.{}.{position}.{name}.1:{tags}:{kind}:{cell}", row.iid, row.sid);
        if describe {
            let _ = write!(out, ":\"{}\"", column.description);
        }
        out.push('\n');
    }
}

/// `show stat json`: an array of rows, each an array of its filled cells.
pub fn json_rows(out: &mut String, rows: &[Row]) {
    out.push('[');
    for (index, row) in rows.iter().enumerate() {
        out.push_str(if index == 0 { "[" } else { ",[" });
        for (count, (position, column, cell)) in filled(row).enumerate() {
            if count > 0 {
                out.push(',');
            }
            let (object, iid, id, name) = (row.object.name(), row.iid, row.sid, json_text(column.name));
            let _ = write!(out, "{{\"objType\":\"{object}\",\"proxyId\":{iid},\"id\":{id},");
            let _ = write!(out, "\"field\":{{\"pos\":{position},\"name\":{name}}},");
            json_tail(out, column.tags, cell);
        }
        out.push(']');
    }
    out.push(']');
}

/// `show info`, plain.
#[must_use]
pub fn info_plain(info: &Info, describe: bool) -> String {
    let mut out = String::new();
    for (line, value) in info.iter() {
        let _ = write!(out, "{}: {value}", line.name);
        if describe {
            let _ = write!(out, ":\"{}\"", line.description);
        }
        out.push('\n');
    }
    out
}

/// `show info typed`.
#[must_use]
pub fn info_typed(info: &Info, describe: bool) -> String {
    let mut out = String::new();
    for (line, value) in info.iter() {
        let _ = write!(out, "{}.{}.1:{}:{}:{value}", line.position, line.name, line.tags, line.kind);
        if describe {
            let _ = write!(out, ":\"{}\"", line.description);
        }
        out.push('\n');
    }
    out
}

/// `show info json`.
#[must_use]
pub fn info_json(info: &Info) -> String {
    let mut out = String::from("[");
    for (index, (line, value)) in info.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let _ = write!(out, "{{\"field\":{{\"pos\":{},\"name\":{}}},", line.position, json_text(line.name));
        json_tail(&mut out, line.tags, &value);
    }
    out.push(']');
    out
}

fn json_tail(out: &mut String, tags: &str, value: &Value) {
    let mut tags = tags.chars();
    let (origin, nature, scope) = (tags.next(), tags.next(), tags.next());
    let _ = write!(
        out,
        "\"processNum\":1,\"tags\":{{\"origin\":\"{}\",\"nature\":\"{}\",\"scope\":\"{}\"}},\"value\":{{\"type\":\"{}\",\"value\":",
        origin_name(origin),
        nature_name(nature),
        scope_name(scope),
        value.kind()
    );
    match value {
        Value::Text(text) => out.push_str(&json_text(text)),
        other => {
            let _ = write!(out, "{other}");
        }
    }
    out.push_str("}}");
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn origin_name(letter: Option<char>) -> &'static str {
    match letter {
        Some('M') => "Metric",
        Some('S') => "Status",
        Some('K') => "Key",
        Some('C') => "Config",
        Some('P') => "Product",
        _ => "Unknown",
    }
}

fn nature_name(letter: Option<char>) -> &'static str {
    match letter {
        Some('A') => "Age",
        Some('a') => "Avg",
        Some('C') => "Counter",
        Some('D') => "Duration",
        Some('G') => "Gauge",
        Some('L') => "Limit",
        Some('M') => "Max",
        Some('m') => "Min",
        Some('N') => "Name",
        Some('O') => "Output",
        Some('R') => "Rate",
        Some('T') => "Time",
        _ => "Unknown",
    }
}

fn scope_name(letter: Option<char>) -> &'static str {
    match letter {
        Some('C') => "Cluster",
        Some('S') => "Service",
        Some('P') => "Process",
        Some('s') => "System",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::super::column::at as column;
    use super::super::{Object, Row};
    use super::*;

    #[test]
    fn csv_has_the_reference_s_shape() {
        let header = csv_header();
        assert!(header.starts_with("# pxname,svname,qcur,qmax,"));
        assert!(header.ends_with(",h1_spliced_bytes_out,\n"));
        let mut row = Row::new(Object::Server, 3, 1);
        row.text(column::PXNAME, "b,1");
        row.u32(column::QCUR, 7u32);
        let mut line = String::new();
        csv_row(&mut line, &row);
        assert!(line.starts_with("\"b,1\",,7,,"));
        assert_eq!(
            line.matches(',').count(),
            header.matches(',').count() + 1,
            "one comma is in the quoted text"
        );
        assert!(line.contains(",-,"));
    }

    #[test]
    fn typed_names_object_proxy_server_and_position() {
        let mut row = Row::new(Object::Server, 3, 1);
        row.u32(column::QCUR, 7u32);
        row.u64(SEPARATOR + 1, 5);
        let mut out = String::new();
        typed_row(&mut out, &row, false);
        assert_eq!(out, "S.3.1.2.qcur.1:MGP:u32:7\nS.3.1.113.ssl_sess.1:MCP:u64:5\n");
    }

    #[test]
    fn json_is_valid_and_tagged() {
        let mut row = Row::new(Object::Frontend, 2, 0);
        row.text(column::PXNAME, "a\"b");
        let mut out = String::new();
        json_rows(&mut out, &[row]);
        let parsed: serde_json::Value = serde_json::from_str(&out).unwrap_or_default();
        assert_eq!(parsed[0][0]["tags"]["origin"], "Key");
        assert_eq!(parsed[0][0]["value"]["value"], "a\"b");
    }
}
