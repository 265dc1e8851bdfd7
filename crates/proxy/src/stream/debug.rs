//! `-d`: shows on standard output what every stream receives and when its sides close (management manual, section 3).
//!
//! For an administrator in front of a terminal: it blocks, and costs one load of a flag a step when it is off.

use super::Stream;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static ON: AtomicBool = AtomicBool::new(false);

/// Shows streams from now on.
pub fn show_streams() {
    ON.store(true, Relaxed);
}

/// Whether streams are shown.
pub(super) fn on() -> bool {
    ON.load(Relaxed)
}

fn print(text: &str) {
    // Nobody is told when the terminal is gone.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

impl Stream<'_> {
    /// `NUMBER:PROXY.WHAT[CLIENT:SERVER]`
    fn tag(&self, what: &str) -> String {
        let proxy = self.backend.as_ref().map_or(&self.front.proxy.name, |backend| &backend.config.name);
        format!(
            "{:08x}:{proxy}.{what}[{:04x}:{:04x}]",
            self.view.number,
            self.client_descriptor(),
            self.server_descriptor
        )
    }

    fn client_descriptor(&self) -> i32 {
        self.client.as_fd().as_raw_fd()
    }

    /// The stream's begin, and the request of an HTTP stream.
    pub(super) fn show_request(&self) {
        if !on() {
            return;
        }
        let source = match self.session.src {
            Some(address) => address.to_string(),
            None => "unix:1".to_owned(),
        };
        let mut text = format!(
            "{:08x}:{}.accept({:04x})={:04x} from [{source}] ALPN=<none>\n",
            self.view.number,
            self.front.proxy.name,
            self.front.listener_descriptor,
            self.client_descriptor()
        );
        if self.http {
            let line = [self.request.method(), self.request.uri(), self.request.version_text()].join(&b' ');
            let _ = writeln!(text, "{}: {}", self.tag("clireq"), String::from_utf8_lossy(&line));
            self.fields(&mut text, "clihdr", &self.request);
        }
        print(&text);
    }

    /// A response's head.
    pub(super) fn show_response(&self) {
        if !on() {
            return;
        }
        let head = &self.response;
        let status = head.status().to_string();
        let line = [head.version_text(), status.as_bytes(), head.reason()].join(&b' ');
        let mut text = format!("{}: {}\n", self.tag("srvrep"), String::from_utf8_lossy(&line));
        self.fields(&mut text, "srvhdr", head);
        print(&text);
    }

    /// Both sides are done.
    pub(super) fn show_end(&self) {
        if !on() {
            return;
        }
        let server = if self.server_descriptor < 0 { String::new() } else { self.tag("srvcls") + "\n" };
        print(&format!("{}\n{server}{}\n", self.tag("clicls"), self.tag("closed")));
    }

    fn fields(&self, text: &mut String, what: &str, head: &http1::Head) {
        for field in head.fields() {
            let (name, value) = (String::from_utf8_lossy(field.name), String::from_utf8_lossy(field.value));
            let _ = writeln!(text, "{}: {name}: {value}", self.tag(what));
        }
    }
}
