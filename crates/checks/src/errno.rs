//! System errors as check messages write them: the constant's name and the system's words.

use std::io;

/// Such as `("ECONNRESET", "Connection reset by peer")`.
pub(crate) fn name_and_text(error: &io::Error) -> (&'static str, String) {
    let code = error.raw_os_error().unwrap_or(0);
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" (os error {code})")).map_or_else(|| text.clone(), str::to_owned);
    (name(code), text)
}

/// Linux numbers of the errors that a stream socket gives.
fn name(code: i32) -> &'static str {
    match code {
        4 => "EINTR",
        12 => "ENOMEM",
        13 => "EACCES",
        22 => "EINVAL",
        24 => "EMFILE",
        32 => "EPIPE",
        97 => "EAFNOSUPPORT",
        98 => "EADDRINUSE",
        99 => "EADDRNOTAVAIL",
        100 => "ENETDOWN",
        101 => "ENETUNREACH",
        103 => "ECONNABORTED",
        104 => "ECONNRESET",
        105 => "ENOBUFS",
        110 => "ETIMEDOUT",
        111 => "ECONNREFUSED",
        113 => "EHOSTUNREACH",
        _ => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_words() {
        let reset = io::Error::from_raw_os_error(104);
        assert_eq!(name_and_text(&reset), ("ECONNRESET", "Connection reset by peer".to_owned()));
        assert_eq!(name_and_text(&io::Error::other("odd")), ("error", "odd".to_owned()));
    }
}
