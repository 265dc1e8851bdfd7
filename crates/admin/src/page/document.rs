//! The HTML document around the tables: style, process information, legend, links.

use super::html::{age, escape, number};
use super::query::Query;
use super::table::Table;
use crate::info_line::Info;
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");

/// Classes of the legend with their texts, two a line.
const LEGEND: [(&str, &str); 10] = [
    ("active_up", "active UP"),
    ("backup_up", "backup UP"),
    ("active_going_down", "active UP, going down"),
    ("backup_going_down", "backup UP, going down"),
    ("active_going_up", "active DOWN, going up"),
    ("backup_going_up", "backup DOWN, going up"),
    ("active_down", "active or backup DOWN"),
    ("active_no_check", "not checked"),
    ("maintain", "DOWN for maintenance (MAINT)"),
    ("active_draining", "SOFT STOPPED for maintenance"),
];

/// What the document needs beside the tables.
pub struct Document<'a> {
    /// `stats uri`
    pub uri: &'a str,
    /// What was asked for.
    pub query: &'a Query,
    /// Version to show; none with `stats hide-version`.
    pub version: Option<&'a str>,
    /// `stats show-node`
    pub node: Option<&'a str>,
    /// `stats show-desc`
    pub description: Option<&'a str>,
    /// `stats refresh`, seconds.
    pub refresh: Option<u64>,
    /// The process.
    pub info: &'a Info,
    /// The proxies.
    pub tables: &'a [Table<'a>],
}

impl Document<'_> {
    /// The whole text.
    #[must_use]
    pub fn html(&self) -> String {
        let mut out = String::with_capacity(16384);
        let on_node = self.node.map_or_else(String::new, |node| format!(" on {}", escape(node)));
        let _ = write!(
            out,
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\"\n\"http://www.w3.org/TR/html4/loose.dtd\">\n\
             <html><head><title>Statistics Report for HAProxy{on_node}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
             <meta http-equiv=\"content-type\" content=\"text/html; charset=utf-8\">\n\
             <style type=\"text/css\"><!--\n{STYLE}--></style></head>\n<body><h1>HAProxy"
        );
        if let Some(version) = self.version {
            let _ = write!(out, " version {}", escape(version));
        }
        let _ = write!(out, "</h1>\n<h2>Statistics Report for pid {}{on_node}", self.fact("Pid"));
        if let Some(text) = self.description {
            let _ = write!(out, ": {}", escape(text));
        }
        out.push_str("</h2>\n<hr width=\"100%\" class=\"hr\">\n<h3>&gt; General process information</h3>\n<table border=0><tr>");
        self.process(&mut out);
        legend(&mut out);
        self.links(&mut out);
        out.push_str("</tr></table>\n");
        if let Some(outcome) = self.query.outcome {
            let again = escape(&self.query.link(self.uri, self.query.up, self.query.norefresh, ""));
            let _ = writeln!(
                out,
                "<p><div class=\"banner\"><a class=lfsb href=\"{again}\" title=\"Remove this message\">[X]</a> {}</div>",
                outcome.text()
            );
        }
        for table in self.tables {
            table.write(&mut out);
        }
        out.push_str("</body></html>\n");
        out
    }

    fn fact(&self, name: &str) -> String {
        self.info
            .iter()
            .find(|(line, _)| line.name == name)
            .map_or_else(String::new, |(_, value)| value.to_string())
    }

    fn number(&self, name: &str) -> u64 {
        self.fact(name).parse().unwrap_or(0)
    }

    fn process(&self, out: &mut String) {
        let memmax = match self.number("Memmax_MB") {
            0 => "unlimited".to_owned(),
            mb => format!("{mb} MB"),
        };
        let _ = write!(
            out,
            "<td align=\"left\" nowrap width=\"1%\">\n<p><b>pid = </b> {} (process #1, nbproc = 1, nbthread = {})<br>\n\
             <b>uptime = </b> {}; warnings = {}<br>\n<b>system limits:</b> memmax = {memmax}; ulimit-n = {}<br>\n\
             <b>maxsock = </b> {}; <b>maxconn = </b> {}; <b>reached = </b> {}; <b>maxpipes = </b> {}<br>\n\
             current conns = {}; current pipes = {}/{}; conn rate = {}/sec; bit rate = {}<br>\n\
             Running tasks: {}/{} ({} niced); idle = {} %<br>\n</td>",
            self.fact("Pid"),
            self.fact("Nbthread"),
            self.fact("Uptime"),
            self.fact("TotalWarnings"),
            self.fact("Ulimit-n"),
            self.fact("Maxsock"),
            self.fact("Maxconn"),
            self.fact("MaxconnReached"),
            self.fact("Maxpipes"),
            self.fact("CurrConns"),
            self.fact("PipesUsed"),
            self.number("PipesUsed") + self.number("PipesFree"),
            self.fact("ConnRate"),
            bit_rate(self.number("BytesOutRate")),
            self.fact("Run_queue"),
            self.fact("Tasks"),
            self.fact("Niced_tasks"),
            self.fact("Idle_pct"),
        );
    }

    fn links(&self, out: &mut String) {
        let (query, uri) = (self.query, escape(self.uri));
        let _ = writeln!(
            out,
            "<td align=\"left\" valign=\"top\" nowrap width=\"1%\"><b>Display option:</b><ul style=\"margin-top: 0.25em;\">\
             <li><form method=\"GET\">Scope : <input value=\"{}\" name=\"scope\" size=\"8\" maxlength=\"20\" tabindex=\"1\"/></form>",
            escape(&query.scope)
        );
        let mut item = |target: String, text: &str| {
            let _ = writeln!(out, "<li><a href=\"{}\">{text}</a><br>", escape(&target));
        };
        let down = if query.up { "Show all servers" } else { "Hide 'DOWN' servers" };
        item(query.link(&uri, !query.up, query.norefresh, ""), down);
        if let Some(seconds) = self.refresh {
            let text = if query.norefresh {
                format!("Enable refresh ({})", age(seconds))
            } else {
                "Disable refresh".to_owned()
            };
            item(query.link(&uri, query.up, !query.norefresh, ""), &text);
        }
        item(query.link(&uri, query.up, query.norefresh, ""), "Refresh now");
        item(query.link(&uri, query.up, false, ";csv;norefresh"), "CSV export");
        let json = escape(&query.link(&uri, query.up, false, ";json;norefresh"));
        let _ = write!(
            out,
            "<li><a href=\"{json}\">JSON export</a> (<a href=\"{uri};json-schema\">schema</a>)<br>\n</ul></td>"
        );
    }
}

fn legend(out: &mut String) {
    out.push_str("<td align=\"center\" nowrap>\n<table class=\"lgd\">");
    for pair in LEGEND.chunks(2) {
        out.push_str("<tr>\n");
        for (class, text) in pair {
            let _ = write!(out, "<td class=\"{class}\">&nbsp;</td><td class=\"noborder\">{text} </td>");
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>\nNote: \"NOLB\"/\"DRAIN\" = UP with load-balancing disabled.</td>");
}

/// Bits per second out of bytes per second, with a unit that keeps the number small.
fn bit_rate(bytes: u64) -> String {
    let bits = bytes.saturating_mul(8);
    let (unit, scale) = match bits {
        1_000_000_000.. => ("Gbps", 1_000_000_000),
        1_000_000.. => ("Mbps", 1_000_000),
        _ => ("kbps", 1000),
    };
    format!("{}.{:03} {unit}", number(bits / scale), bits % scale / (scale / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_rates_have_three_decimals() {
        assert_eq!(bit_rate(0), "0.000 kbps");
        assert_eq!(bit_rate(1000), "8.000 kbps");
        assert_eq!(bit_rate(1_250_000), "10.000 Mbps");
    }

    #[test]
    fn what_the_client_sent_is_escaped() {
        let query = Query::parse("?scope=\"><script>");
        let info = Info::default();
        let document = Document {
            uri: "/st\"",
            query: &query,
            version: None,
            node: None,
            description: None,
            refresh: None,
            info: &info,
            tables: &[],
        };
        let html = document.html();
        assert!(!html.contains("<script>"));
        assert!(!html.contains("/st\""));
    }
}
