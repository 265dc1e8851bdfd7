//! The header in front of a log line, for each `format` of a log target (configuration manual, `log`).

use sample::time::Civil;
use std::io::Write as _;

/// `format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 3164 without a host name.
    Local,
    /// RFC 3164 with a host name.
    Rfc3164,
    /// RFC 5424
    Rfc5424,
    /// `<PRI>` only.
    Priority,
    /// `<LEVEL>` only.
    Short,
    /// `<LEVEL>` and an ISO date.
    Timed,
    /// An ISO date.
    Iso,
    /// Nothing.
    Raw,
}

/// What a header shows.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Facility, 0 to 23.
    pub facility: u8,
    /// Level, 0 to 7.
    pub level: u8,
    /// Wall-clock time, microseconds since 1970.
    pub wall_us: u64,
    /// Seconds east of UTC of the local time.
    pub utc_offset: i32,
    /// Host name, when one is sent.
    pub hostname: Option<&'a [u8]>,
    /// Tag.
    pub tag: &'a [u8],
    /// Process id.
    pub pid: u32,
    /// Rendered structured data (`log-format-sd`).
    pub structured_data: Option<&'a [u8]>,
}

/// Appends the header.
pub fn header(format: Format, parts: &Parts<'_>, out: &mut Vec<u8>) {
    let priority = u32::from(parts.facility) * 8 + u32::from(parts.level);
    // Writing to a Vec cannot fail.
    let _ = match format {
        Format::Local | Format::Rfc3164 => {
            let seconds = i64::try_from(parts.wall_us / 1_000_000).unwrap_or(0);
            let t = Civil::new(seconds, parts.utc_offset);
            let _ = write!(
                out,
                "<{priority}>{} {:2} {:02}:{:02}:{:02} ",
                t.month_name(),
                t.day,
                t.hour,
                t.minute,
                t.second
            );
            if format == Format::Rfc3164 {
                out.extend_from_slice(parts.hostname.unwrap_or(b"localhost"));
                out.push(b' ');
            } else if let Some(hostname) = parts.hostname {
                out.extend_from_slice(hostname);
                out.push(b' ');
            }
            out.extend_from_slice(parts.tag);
            write!(out, "[{}]: ", parts.pid)
        }
        Format::Rfc5424 => {
            let _ = write!(out, "<{priority}>1 ");
            iso(parts, out);
            out.push(b' ');
            out.extend_from_slice(parts.hostname.unwrap_or(b"-"));
            out.push(b' ');
            out.extend_from_slice(parts.tag);
            let _ = write!(out, " {} - ", parts.pid);
            out.extend_from_slice(parts.structured_data.filter(|sd| !sd.is_empty()).unwrap_or(b"-"));
            out.push(b' ');
            Ok(())
        }
        Format::Priority => write!(out, "<{priority}>"),
        Format::Short => write!(out, "<{}>", parts.level),
        Format::Timed => {
            let _ = write!(out, "<{}>", parts.level);
            iso(parts, out);
            out.push(b' ');
            Ok(())
        }
        Format::Iso => {
            iso(parts, out);
            out.push(b' ');
            Ok(())
        }
        Format::Raw => Ok(()),
    };
}

/// `2026-11-22T23:07:24.116219+00:00`
fn iso(parts: &Parts<'_>, out: &mut Vec<u8>) {
    let seconds = i64::try_from(parts.wall_us / 1_000_000).unwrap_or(0);
    let t = Civil::new(seconds, parts.utc_offset);
    let minutes = parts.utc_offset.unsigned_abs() / 60;
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}{}{:02}:{:02}",
        t.year,
        t.month,
        t.day,
        t.hour,
        t.minute,
        t.second,
        parts.wall_us % 1_000_000,
        if parts.utc_offset < 0 { '-' } else { '+' },
        minutes / 60,
        minutes % 60
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of the reference for the same moment (haproxy.md, part 2).
    #[test]
    fn headers() {
        let parts = Parts {
            facility: 19,
            level: 6,
            wall_us: 1_795_384_499_336_766,
            utc_offset: 0,
            hostname: None,
            tag: b"haproxy",
            pid: 21685,
            structured_data: None,
        };
        let cases = [
            (Format::Local, "<158>Nov 22 21:54:59 haproxy[21685]: "),
            (Format::Rfc3164, "<158>Nov 22 21:54:59 localhost haproxy[21685]: "),
            (Format::Rfc5424, "<158>1 2026-11-22T21:54:59.336766+00:00 - haproxy 21685 - - "),
            (Format::Priority, "<158>"),
            (Format::Short, "<6>"),
            (Format::Timed, "<6>2026-11-22T21:54:59.336766+00:00 "),
            (Format::Iso, "2026-11-22T21:54:59.336766+00:00 "),
            (Format::Raw, ""),
        ];
        for (format, want) in cases {
            let mut out = Vec::new();
            header(format, &parts, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), want);
        }
    }
}
