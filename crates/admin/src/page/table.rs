//! The table of one proxy, made of the rows that `show stat` prints. Classes, anchors and the order of the cells are those that
//! scripts written for the reference's page look for.

use super::html::{age, count, details, escape, last, limit, number, share, td, tip};
use super::modules;
use crate::stat::column::at as c;
use crate::stat::{Object, Row, Value};
use std::fmt::Write as _;

const HEAD: &str = "<th colspan=3>Queue</th><th colspan=3>Session rate</th><th colspan=6>Sessions</th><th colspan=2>Bytes</th>\
<th colspan=2>Denied</th><th colspan=3>Errors</th><th colspan=2>Warnings</th><th colspan=9>Server</th></tr>\n\
<tr class=\"titre\"><th>Cur</th><th>Max</th><th>Limit</th><th>Cur</th><th>Max</th><th>Limit</th><th>Cur</th><th>Max</th>\
<th>Limit</th><th>Total</th><th>LbTot</th><th>Last</th><th>In</th><th>Out</th><th>Req</th><th>Resp</th><th>Req</th><th>Conn</th>\
<th>Resp</th><th>Retr</th><th>Redis</th><th>Status</th><th>LastChk</th><th>Wght</th><th>Act</th><th>Bck</th><th>Chk</th>\
<th>Dwn</th><th>Dwntme</th><th>Thrtle</th>\n</tr>";

/// Actions of the form below a table: value and text.
const ACTIONS: [(&str, &str); 14] = [
    ("", ""),
    ("ready", "Set state to READY"),
    ("drain", "Set state to DRAIN"),
    ("maint", "Set state to MAINT"),
    ("dhlth", "Health: disable checks"),
    ("ehlth", "Health: enable checks"),
    ("hrunn", "Health: force UP"),
    ("hnolb", "Health: force NOLB"),
    ("hdown", "Health: force DOWN"),
    ("dagent", "Agent: disable checks"),
    ("eagent", "Agent: enable checks"),
    ("arunn", "Agent: force UP"),
    ("adown", "Agent: force DOWN"),
    ("shutdown", "Kill Sessions"),
];

/// One proxy's part of the page.
pub struct Table<'a> {
    /// Name.
    pub name: &'a str,
    /// `description`, when it is shown.
    pub description: Option<&'a str>,
    /// Its rows in the order of `show stat`.
    pub rows: &'a [Row],
    /// Whether servers may be acted on here.
    pub admin: bool,
    /// Whether addresses and cookies are shown.
    pub legends: bool,
    /// Whether there are columns with the counters of protocol modules.
    pub modules: bool,
}

impl Table<'_> {
    /// Appends it.
    pub fn write(&self, out: &mut String) {
        let name = escape(self.name);
        let has_servers = self.rows.iter().any(|row| row.object == Object::Server);
        let iid = self.rows.first().map_or(0, |row| row.iid);
        let form = self.admin && has_servers;
        if form {
            out.push_str("<form method=\"post\">");
        }
        let _ = write!(
            out,
            "<table class=\"tbl\" width=\"100%\">\n<tr class=\"titre\"><th class=\"pxname\" width=\"10%\"><a name=\"{name}\"></a>\
             <a class=px href=\"#{name}\">{name}</a></th>"
        );
        match self.description {
            Some(text) => {
                let _ = write!(out, "<th class=\"desc\" width=\"90%\">{}</th>", escape(text));
            }
            None => out.push_str("<th class=\"empty\" width=\"90%\"></th>"),
        }
        out.push_str("</tr>\n</table>\n<table class=\"tbl\" width=\"100%\">\n<tr class=\"titre\">");
        if form {
            let _ = write!(
                out,
                "<th rowspan=2 width=1><input type=\"checkbox\" onclick=\"for(c in document.getElementsByClassName('{name}-checkbox')) \
                 document.getElementsByClassName('{name}-checkbox').item(c).checked = this.checked\"></th>"
            );
        } else {
            out.push_str("<th rowspan=2></th>");
        }
        out.push_str("<th rowspan=2></th>");
        modules::write_head(out, HEAD, self.modules);
        for row in self.rows {
            match row.object {
                Object::Frontend => self.frontend(out, row),
                Object::Listener => self.listener(out, row),
                Object::Server => self.server(out, row, form),
                Object::Backend => self.backend(out, row),
            }
            if self.modules {
                modules::extend_row(out, row);
            }
        }
        out.push_str("</table>");
        if form {
            out.push_str("Choose the action to perform on the checked servers : <select name=action>");
            for (value, text) in ACTIONS {
                let _ = write!(out, "<option value=\"{value}\">{text}</option>");
            }
            let _ = write!(
                out,
                "</select><input type=\"hidden\" name=\"b\" value=\"#{iid}\">&nbsp;<input type=\"submit\" value=\"Apply\"></form>"
            );
        }
        out.push_str("<p>\n");
    }

    fn name_cell(&self, out: &mut String, class: &str, label: &str, legend: &str) {
        let anchor = format!("{}/{}", escape(self.name), escape(label));
        let link = format!("<a name=\"{anchor}\"></a><a class=lfsb href=\"#{anchor}\">{}</a>", escape(label));
        let _ = write!(
            out,
            "<td class={class}>{}</td>",
            if legend.is_empty() { link } else { tip(&link, legend) }
        );
    }

    fn frontend(&self, out: &mut String, row: &Row) {
        out.push_str("<tr class=\"frontend\"><td></td>");
        self.name_cell(out, "ac", "Frontend", &self.legend(row, &[("mode", c::MODE)]));
        let per_second = |column: usize| td(format!("{}/s", count(row.cell(column))));
        let now = details(&[
            ("Current connection rate:", per_second(c::CONN_RATE)),
            ("Current session rate:", per_second(c::RATE)),
            ("Current request rate:", per_second(c::REQ_RATE)),
        ]);
        let max = details(&[
            ("Max connection rate:", per_second(c::CONN_RATE_MAX)),
            ("Max session rate:", per_second(c::RATE_MAX)),
            ("Max request rate:", per_second(c::REQ_RATE_MAX)),
        ]);
        let _ = write!(
            out,
            "<td colspan=3></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td></td><td></td>",
            tip(&count(row.cell(c::RATE)), &now),
            tip(&count(row.cell(c::RATE_MAX)), &max),
            limit(row.cell(c::RATE_LIM)),
            count(row.cell(c::SCUR)),
            count(row.cell(c::SMAX)),
            count(row.cell(c::SLIM)),
            tip(&count(row.cell(c::STOT)), &frontend_totals(row)),
        );
        self.bytes_and_denied(out, row);
        let _ = writeln!(
            out,
            "<td>{}</td><td></td><td></td><td></td><td></td><td class=ac>{}</td><td class=ac colspan=8></td></tr>",
            count(row.cell(c::EREQ)),
            escape(&row.cell(c::STATUS).to_string()),
        );
    }

    fn listener(&self, out: &mut String, row: &Row) {
        out.push_str("<tr class=socket><td></td>");
        let label = row.cell(c::SVNAME).to_string();
        self.name_cell(out, "ac", &label, &self.legend(row, &[("address", c::ADDR)]));
        let _ = write!(
            out,
            "<td colspan=3></td><td colspan=3></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td></td><td></td>",
            count(row.cell(c::SCUR)),
            count(row.cell(c::SMAX)),
            count(row.cell(c::SLIM)),
            count(row.cell(c::STOT)),
        );
        self.bytes_and_denied(out, row);
        let _ = writeln!(
            out,
            "<td>{}</td><td></td><td></td><td></td><td></td><td class=ac>{}</td><td class=ac colspan=8></td></tr>",
            count(row.cell(c::EREQ)),
            escape(&row.cell(c::STATUS).to_string()),
        );
    }

    fn server(&self, out: &mut String, row: &Row, form: bool) {
        let status = row.cell(c::STATUS).to_string();
        let name = row.cell(c::SVNAME).to_string();
        let _ = write!(out, "<tr class=\"{}\"><td>", server_class(row, &status));
        if form {
            let _ = write!(
                out,
                "<input class='{}-checkbox' type=\"checkbox\" name=\"s\" value=\"{}\">",
                escape(self.name),
                escape(&name)
            );
        }
        out.push_str("</td>");
        self.name_cell(out, "ac", &name, &self.legend(row, &[("address", c::ADDR), ("cookie", c::COOKIE)]));
        let connections = details(&[
            ("Current active connections:", td(count(row.cell(c::SCUR)))),
            ("Current used connections:", td(count(row.cell(c::USED_CONN_CUR)))),
            ("Current idle connections:", td(count(row.cell(c::SRV_ICUR)))),
            ("- unsafe:", td(count(row.cell(c::IDLE_CONN_CUR)))),
            ("- safe:", td(count(row.cell(c::SAFE_CONN_CUR)))),
            ("Estimated need of connections:", td(count(row.cell(c::NEED_CONN_EST)))),
            ("Active connections limit:", td(limit(row.cell(c::SLIM)))),
            ("Idle connections limit:", td(limit(row.cell(c::SRC_ILIM)))),
        ]);
        let _ = write!(
            out,
            "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td><td>{}</td>",
            count(row.cell(c::QCUR)),
            count(row.cell(c::QMAX)),
            limit(row.cell(c::QLIMIT)),
            count(row.cell(c::RATE)),
            count(row.cell(c::RATE_MAX)),
            tip(&count(row.cell(c::SCUR)), &connections),
            count(row.cell(c::SMAX)),
            limit(row.cell(c::SLIM)),
            tip(&count(row.cell(c::STOT)), &totals(row, true)),
            count(row.cell(c::LBTOT)),
            last(row.cell(c::LASTSESS)),
        );
        self.bytes_and_denied(out, row);
        errors_and_warnings(out, row);
        let arrow = match going(&status) {
            Going::Up => " &uarr;",
            Going::Down => " &darr;",
            Going::Nowhere => "",
        };
        let _ = write!(
            out,
            "<td class=ac>{} {}{arrow}</td>",
            age(row.cell(c::LASTCHG).number().unwrap_or(0).unsigned_abs()),
            escape(&status)
        );
        last_check(out, row);
        let _ = write!(
            out,
            "<td class=ac>{}/{}</td><td class=ac>{}</td><td class=ac>{}</td>",
            count(row.cell(c::WEIGHT)),
            count(row.cell(c::UWEIGHT)),
            if row.cell(c::BCK).number() == Some(1) { "-" } else { "Y" },
            if row.cell(c::BCK).number() == Some(1) { "Y" } else { "-" },
        );
        if *row.cell(c::CHKFAIL) == Value::Empty {
            out.push_str("<td colspan=3></td>");
        } else {
            let _ = write!(
                out,
                "<td>{}</td><td>{}</td><td>{}</td>",
                tip(&count(row.cell(c::CHKFAIL)), "Failed Health Checks"),
                count(row.cell(c::CHKDOWN)),
                age(row.cell(c::DOWNTIME).number().unwrap_or(0).unsigned_abs()),
            );
        }
        match row.cell(c::THROTTLE).number() {
            Some(percent) => {
                let _ = writeln!(out, "<td class=ac>{percent} %</td></tr>");
            }
            None => out.push_str("<td class=ac>-</td></tr>\n"),
        }
    }

    fn backend(&self, out: &mut String, row: &Row) {
        out.push_str("<tr class=\"backend\"><td></td>");
        self.name_cell(
            out,
            "ac",
            "Backend",
            &self.legend(row, &[("balancing", c::ALGO), ("cookie", c::COOKIE)]),
        );
        let _ = write!(
            out,
            "<td>{}</td><td>{}</td><td></td><td>{}</td><td>{}</td><td></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td>",
            count(row.cell(c::QCUR)),
            count(row.cell(c::QMAX)),
            count(row.cell(c::RATE)),
            count(row.cell(c::RATE_MAX)),
            count(row.cell(c::SCUR)),
            count(row.cell(c::SMAX)),
            count(row.cell(c::SLIM)),
            tip(&count(row.cell(c::STOT)), &totals(row, false)),
            count(row.cell(c::LBTOT)),
            last(row.cell(c::LASTSESS)),
        );
        self.bytes_and_denied(out, row);
        errors_and_warnings(out, row);
        let _ = writeln!(
            out,
            "<td class=ac>{} {}</td><td class=ac>&nbsp;</td><td class=ac>{}/{}</td><td class=ac>{}</td><td class=ac>{}</td>\
             <td class=ac>&nbsp;</td><td>{}</td><td>{}</td><td></td></tr>",
            age(row.cell(c::LASTCHG).number().unwrap_or(0).unsigned_abs()),
            escape(&row.cell(c::STATUS).to_string()),
            count(row.cell(c::WEIGHT)),
            count(row.cell(c::UWEIGHT)),
            count(row.cell(c::ACT)),
            count(row.cell(c::BCK)),
            count(row.cell(c::CHKDOWN)),
            row.cell(c::DOWNTIME).number().map_or_else(|| "&nbsp;".to_owned(), |s| age(s.unsigned_abs())),
        );
    }

    fn bytes_and_denied(&self, out: &mut String, row: &Row) {
        let _ = write!(
            out,
            "<td>{}</td><td>{}</td><td>{}</td><td>{}</td>",
            count(row.cell(c::BIN)),
            count(row.cell(c::BOUT)),
            count(row.cell(c::DREQ)),
            count(row.cell(c::DRESP)),
        );
    }

    fn legend(&self, row: &Row, parts: &[(&str, usize)]) -> String {
        if !self.legends {
            return String::new();
        }
        let shown = parts.iter().filter(|(_, column)| *row.cell(*column) != Value::Empty);
        let texts: Vec<String> = shown
            .map(|(name, column)| format!("{name}: {}", escape(&row.cell(*column).to_string())))
            .collect();
        format!(
            "{}id: {}",
            texts.iter().map(|t| format!("{t}, ")).collect::<String>(),
            if row.sid > 0 { row.sid } else { row.iid }
        )
    }
}

fn plain(row: &Row, column: usize) -> u64 {
    row.cell(column).number().unwrap_or(0).unsigned_abs()
}

fn frontend_totals(row: &Row) -> String {
    let n = |column: usize| td(number(plain(row, column)));
    let mut rows = vec![
        ("Cum. connections:", n(c::CONN_TOT)),
        ("Cum. sessions:", n(c::STOT)),
        ("- HTTP/1 sessions:", n(c::H1SESS)),
        ("- other sessions:", n(c::SESS_OTHER)),
    ];
    if row.cell(c::MODE).to_string() == "http" {
        rows.extend([
            ("Cum. HTTP requests:", n(c::REQ_TOT)),
            ("- HTTP/1 requests:", n(c::H1REQ)),
            ("- other requests:", n(c::REQ_OTHER)),
            ("- HTTP 1xx responses:", n(c::HRSP_1XX)),
            ("- HTTP 2xx responses:", n(c::HRSP_2XX)),
            ("- HTTP 3xx responses:", n(c::HRSP_3XX)),
            ("- HTTP 4xx responses:", n(c::HRSP_4XX)),
            ("- HTTP 5xx responses:", n(c::HRSP_5XX)),
            ("- other responses:", n(c::HRSP_OTHER)),
            ("Intercepted requests:", n(c::INTERCEPTED)),
            ("Failed hdr rewrites:", n(c::WREW)),
        ]);
    }
    rows.push(("Internal errors:", n(c::EINT)));
    details(&rows)
}

/// The box of a server's or backend's total: a server's answers carry their share of all.
fn totals(row: &Row, server: bool) -> String {
    let n = |column: usize| td(number(plain(row, column)));
    let connections = plain(row, c::CONNECT) + plain(row, c::REUSE);
    let mut rows = vec![
        ("Cum. sessions:", n(c::STOT)),
        ("New connections:", n(c::CONNECT)),
        ("Reused connections:", share(plain(row, c::REUSE), connections)),
    ];
    if row.cell(c::MODE).to_string() == "http" {
        let answers = [
            ("- HTTP 1xx responses:", c::HRSP_1XX),
            ("- HTTP 2xx responses:", c::HRSP_2XX),
            ("- HTTP 3xx responses:", c::HRSP_3XX),
            ("- HTTP 4xx responses:", c::HRSP_4XX),
            ("- HTTP 5xx responses:", c::HRSP_5XX),
            ("- other responses:", c::HRSP_OTHER),
        ];
        rows.push(("Cum. HTTP requests:", n(c::REQ_TOT)));
        let total = answers.iter().map(|(_, column)| plain(row, *column)).sum();
        rows.extend(
            answers.map(|(name, column)| {
                (name, if server { share(plain(row, column), total) } else { n(column) })
            }),
        );
        rows.push(("Failed hdr rewrites:", n(c::WREW)));
    }
    rows.push((if server { "Internal error:" } else { "Internal errors:" }, n(c::EINT)));
    let mut out = details(&rows);
    let times = [
        ("- Queue time:", c::QTIME_MAX, c::QTIME),
        ("- Connect time:", c::CTIME_MAX, c::CTIME),
        ("- Responses time:", c::RTIME_MAX, c::RTIME),
        ("- Total time:", c::TTIME_MAX, c::TTIME),
    ];
    out.truncate(out.len() - "</table>".len());
    out.push_str("<tr><th colspan=3>Max / Avg over last 1024 success. conn.</th></tr>");
    for (name, max, average) in times {
        let _ = write!(
            out,
            "<tr><th>{name}</th><td>{} / {}</td><td>ms</td></tr>",
            number(plain(row, max)),
            number(plain(row, average))
        );
    }
    out.push_str("</table>");
    out
}

fn errors_and_warnings(out: &mut String, row: &Row) {
    let resets = format!(
        "Connection resets during transfers: {} client, {} server",
        plain(row, c::CLI_ABRT),
        plain(row, c::SRV_ABRT)
    );
    let _ = write!(
        out,
        "<td></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>",
        count(row.cell(c::ECON)),
        tip(&count(row.cell(c::ERESP)), &resets),
        count(row.cell(c::WRETR)),
        count(row.cell(c::WREDIS)),
    );
}

fn last_check(out: &mut String, row: &Row) {
    let status = row.cell(c::CHECK_STATUS);
    if *status == Value::Empty {
        out.push_str("<td></td>");
        return;
    }
    let mut text = format!(" {}", escape(&status.to_string()));
    if let Some(code) = row.cell(c::CHECK_CODE).number() {
        let _ = write!(text, "/{code}");
    }
    if let Some(ms) = row.cell(c::CHECK_DURATION).number() {
        let _ = write!(text, " in {ms}ms");
    }
    let mut box_text = escape(&row.cell(c::CHECK_DESC).to_string());
    let details = row.cell(c::LAST_CHK).to_string();
    if !details.is_empty() {
        let _ = write!(box_text, ": {}", escape(&details));
    }
    let _ = write!(out, "<td class=ac>{}</td>", tip(&text, &box_text));
}

enum Going {
    Up,
    Down,
    Nowhere,
}

/// Whether the status is on its way: `UP 1/3` goes down, `DOWN 1/2` goes up.
fn going(status: &str) -> Going {
    match status.split_once(' ') {
        Some(("UP", rest)) if rest.contains('/') => Going::Down,
        Some(("DOWN", rest)) if rest.contains('/') => Going::Up,
        _ => Going::Nowhere,
    }
}

fn server_class(row: &Row, status: &str) -> String {
    if status.starts_with("MAINT") {
        return "maintain".to_owned();
    }
    let kind = if row.cell(c::BCK).number() == Some(1) { "backup" } else { "active" };
    let state = match status.split(' ').next().unwrap_or_default() {
        "no" => "no_check",
        "DRAIN" => "draining",
        "NOLB" => "nolb",
        "DOWN" => match going(status) {
            Going::Up => "going_up",
            _ => "down",
        },
        _ => match going(status) {
            Going::Down => "going_down",
            _ => "up",
        },
    };
    format!("{kind}_{state}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(status: &str, backup: u32) -> Row {
        let mut row = Row::new(Object::Server, 3, 1);
        row.text(c::SVNAME, "s<1>");
        row.text(c::STATUS, status);
        row.u32(c::BCK, backup);
        row
    }

    #[test]
    fn a_row_s_class_tells_its_state() {
        for (status, backup, class) in [
            ("UP", 0, "active_up"),
            ("UP 1/3", 0, "active_going_down"),
            ("DOWN", 0, "active_down"),
            ("DOWN 1/2", 1, "backup_going_up"),
            ("no check", 0, "active_no_check"),
            ("MAINT", 1, "maintain"),
            ("MAINT (via b/s)", 0, "maintain"),
            ("DRAIN", 0, "active_draining"),
            ("NOLB 1/2", 0, "active_nolb"),
        ] {
            assert_eq!(server_class(&server(status, backup), status), class, "{status}");
        }
    }

    #[test]
    fn the_form_is_there_for_admins_only_and_names_are_escaped() {
        let rows = [server("UP", 0)];
        for admin in [true, false] {
            let mut out = String::new();
            Table { name: "b&e", description: None, rows: &rows, admin, legends: false, modules: true }
                .write(&mut out);
            assert_eq!(out.contains("name=\"b\" value=\"#3\""), admin);
            assert!(out.contains("<a name=\"b&amp;e/s&lt;1&gt;\"></a>"));
            assert_eq!(out.matches("<tr").count(), out.matches("</tr>").count());
        }
    }
}
