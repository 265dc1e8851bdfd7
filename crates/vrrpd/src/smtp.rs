//! Mail about changes of state. keepalived.conf(5), `smtp_alert`; RFC 5321 as far as one message a connection goes.
//!
//! Each mail is a task of its own that the event loop never waits for. A server that hangs costs a mail, nothing else.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use keepalived_config::resolved::{Config, Mail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vrrp::event::StateName;
use vrrp::router::Who;

use crate::log::{detail, normal};

/// Mails that are on their way at the same time.
const CONNECTIONS_MAX: usize = 16;
/// Mails that wait or are on their way; more are dropped, with a line.
const WAITING_MAX: usize = 1024;
/// A reply line longer than this is none.
const REPLY_BYTES_MAX: u64 = 4096;

/// Sends mails.
#[derive(Debug)]
pub(crate) struct Mailer {
    tasks: JoinSet<()>,
    connections: Arc<Semaphore>,
}

/// A mail without its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) body: &'static str,
}

impl Mailer {
    pub(crate) fn new() -> Self {
        Self { tasks: JoinSet::new(), connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }

    /// Sends a letter, if there is a server and somebody to read it. Call it in a tokio runtime.
    pub(crate) fn send(&mut self, mail: &Mail, letter: Letter) {
        while self.tasks.try_join_next().is_some() {}
        if mail.server.is_none() || mail.to.is_empty() {
            return;
        }
        if self.tasks.len() >= WAITING_MAX {
            normal!("Too many mails are waiting for the SMTP server - dropping '{}'", letter.subject);
            return;
        }
        let (mail, connections) = (mail.clone(), Arc::clone(&self.connections));
        self.tasks.spawn(async move {
            let _turn = connections.acquire().await;
            match deliver(&mail, &letter).await {
                Ok(()) => detail!("SMTP alert successfully sent."),
                Err(why) => normal!("{why}"),
            }
        });
    }

    /// Waits until all mails are sent or given up. Cancel safe.
    pub(crate) async fn finish(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What a change of state is worth a letter, if anything.
pub(crate) fn letter(config: &Config, who: Who, state: StateName) -> Option<Letter> {
    if state == StateName::Fault && !config.global.daemon.mail.faults {
        return None;
    }
    let (is_wanted, kind, name) = match who {
        Who::Instance(id) => {
            let instance = config.instances.get(id.0)?;
            (instance.smtp_alert, "Instance", &instance.name)
        }
        Who::Group(id) => {
            let group = config.sync_groups.get(id.0)?;
            (group.smtp_alert, "Group", &group.name)
        }
    };
    let is_group = matches!(who, Who::Group(_));
    let (what, body) = match state {
        StateName::Master if is_group => {
            ("Entering MASTER state", "=> All VRRP group instances are now in MASTER state <=")
        }
        StateName::Master => ("Entering MASTER state", "=> VRRP Instance is now owning VRRP VIPs <="),
        StateName::Backup if is_group => {
            ("Entering BACKUP state", "=> All VRRP group instances are now in BACKUP state <=")
        }
        StateName::Backup => ("Entering BACKUP state", "=> VRRP Instance is no longer owning VRRP VIPs <="),
        StateName::Fault if is_group => {
            ("Entering FAULT state", "=> All VRRP group instances are now in FAULT state <=")
        }
        StateName::Fault => ("Entering FAULT state", "=> VRRP Instance is no longer owning VRRP VIPs <="),
        StateName::Stop if is_group => ("Stopping", "=> All VRRP group instances are now stopping <="),
        StateName::Stop => ("Stopping", "=> VRRP Instance stopping <="),
        StateName::Deleted => ("Deleted", "=> VRRP Deleted at reload <="),
        StateName::Init => return None,
    };
    let subject = format!("[{}] VRRP {kind} {name} - {what}", config.global.router_id);
    is_wanted.then_some(Letter { subject, body })
}

/// One conversation with the server. The error is a log line.
async fn deliver(mail: &Mail, letter: &Letter) -> Result<(), String> {
    let Some((host, port)) = &mail.server else { return Ok(()) };
    let lookup = tokio::net::lookup_host((host.as_str(), *port));
    let address = match tokio::time::timeout(mail.connect_timeout, lookup).await {
        Ok(Ok(mut addresses)) => addresses.next(),
        Ok(Err(_)) | Err(_) => None,
    };
    let Some(address) = address else { return Err(format!("SMTP server {host} cannot be found")) };
    let server = shown(address);
    let stream = match tokio::time::timeout(mail.connect_timeout, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return Err(format!(
                "Error connecting to SMTP server {server} - {}",
                sys::process::error_text(&error)
            ));
        }
        Err(_) => return Err(format!("Timeout connecting to SMTP server {server}")),
    };
    detail!("Remote SMTP server {server} connected.");
    let mut talk = Talk { stream: BufReader::new(stream), timeout: mail.connect_timeout, server };
    talk.expect("CONNECT", 220).await?;
    for (command, text, code) in conversation(mail) {
        talk.say(&text).await?;
        talk.expect(command, code).await?;
    }
    talk.say(&message(mail, letter, &date())).await?;
    talk.expect("BODY", 250).await?;
    talk.say("QUIT\r\n").await?;
    talk.expect("QUIT", 221).await
}

/// The commands up to the text, each with the reply that it needs.
fn conversation(mail: &Mail) -> Vec<(&'static str, String, u16)> {
    let mut commands = vec![
        ("HELO", format!("HELO {}\r\n", plain(&mail.helo)), 250),
        ("MAIL", format!("MAIL FROM:<{}>\r\n", address_of(&mail.from)), 250),
    ];
    let recipients = mail.to.iter().map(|to| ("RCPT", format!("RCPT TO:<{}>\r\n", address_of(to)), 250));
    commands.extend(recipients);
    commands.push(("DATA", "DATA\r\n".to_owned(), 354));
    commands
}

/// The text with its head and the dot that ends it.
fn message(mail: &Mail, letter: &Letter, date: &str) -> String {
    let to = mail.to.iter().map(|to| plain(to)).collect::<Vec<_>>().join(",\r\n ");
    format!(
        "Date: {date}\r\nFrom: {}\r\nSubject: {}\r\nX-Mailer: Keepalived\r\nTo: {to}\r\n\r\n{}\r\n\r\n.\r\n",
        plain(&mail.from),
        plain(&letter.subject),
        letter.body
    )
}

/// `Name <address>` or an address.
fn address_of(text: &str) -> String {
    let inside = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address);
    plain(inside.unwrap_or(text))
}

/// A line break from a configuration must not become one in the conversation.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `Mon, 23 Nov 2026 03:05:08 +0000`. RFC 5322, section 3.3.
fn date() -> String {
    let date = sys::clock::local_date(sys::clock::wall().seconds);
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} {}",
        date.weekday_name(),
        date.day,
        date.month_name(),
        date.year,
        date.hour,
        date.minute,
        date.second,
        String::from_utf8_lossy(&date.zone())
    )
}

fn shown(address: SocketAddr) -> String {
    format!("[{}]:{}", address.ip(), address.port())
}

struct Talk {
    stream: BufReader<TcpStream>,
    timeout: Duration,
    server: String,
}

impl Talk {
    async fn say(&mut self, text: &str) -> Result<(), String> {
        match tokio::time::timeout(self.timeout, self.stream.write_all(text.as_bytes())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_) => Err(format!("Timeout writing data to SMTP server {}", self.server)),
        }
    }

    /// Reads a reply of one or more lines. Another code than the wanted one ends the conversation politely.
    async fn expect(&mut self, command: &str, wanted: u16) -> Result<(), String> {
        let code = match tokio::time::timeout(self.timeout, self.reply()).await {
            Ok(Ok(code)) => code,
            Ok(Err(error)) => return Err(self.broken(&error)),
            Err(_) => return Err(format!("Timeout reading data from SMTP server {}", self.server)),
        };
        if code == wanted {
            return Ok(());
        }
        let why = format!(
            "Error processing {command} cmd on SMTP server {}. SMTP status code = {code}",
            self.server
        );
        let _ = self.say("QUIT\r\n").await;
        Err(why)
    }

    async fn reply(&mut self) -> io::Result<u16> {
        loop {
            let mut line = Vec::new();
            let mut limited = tokio::io::AsyncReadExt::take(&mut self.stream, REPLY_BYTES_MAX);
            limited.read_until(b'\n', &mut line).await?;
            if !line.ends_with(b"\n") {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // `250-more` goes on, `250 last` and `250` do not.
            if line.get(3) != Some(&b'-') {
                let code = line.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
                return code.ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
        }
    }

    fn broken(&self, error: &io::Error) -> String {
        format!("Error talking to SMTP server {} - {error}", self.server)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::io::{BufRead, Write};

    fn mail(port: u16) -> Mail {
        Mail {
            server: Some(("127.0.0.1".into(), port)),
            helo: "helo.example".into(),
            from: "From Z <z@z>".into(),
            to: vec!["Admin X <x@y>".into(), "b@c".into()],
            connect_timeout: Duration::from_secs(20),
            ..Mail::default()
        }
    }

    fn some_letter() -> Letter {
        Letter { subject: "[R] VRRP Instance VI_1 - Entering MASTER state".into(), body: "=> text <=" }
    }

    /// A server that refuses one command; returns what it heard.
    fn server(refused: &'static str) -> (u16, std::thread::JoinHandle<String>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut answers = stream.try_clone().unwrap();
            answers.write_all(b"220 ready\r\n").unwrap();
            let (mut heard, mut is_text) = (String::new(), false);
            for line in std::io::BufReader::new(stream).lines() {
                let line = line.unwrap();
                heard.push_str(&line);
                heard.push('\n');
                let answer = if is_text && line != "." {
                    continue;
                } else if line.starts_with(refused) {
                    "550 no"
                } else if line.starts_with("DATA") {
                    is_text = true;
                    "354 go on"
                } else if line == "QUIT" {
                    "221 bye"
                } else {
                    is_text = false;
                    "250-first\r\n250 ok"
                };
                answers.write_all(format!("{answer}\r\n").as_bytes()).unwrap();
                if line == "QUIT" {
                    break;
                }
            }
            heard
        });
        (port, thread)
    }

    fn deliver_to(port: u16) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(deliver(&mail(port), &some_letter()))
    }

    #[test]
    fn a_mail_is_delivered_word_by_word() {
        let (port, server) = server("-");
        deliver_to(port).unwrap();
        let heard = server.join().unwrap();
        let (commands, text) = heard.split_once("DATA\n").unwrap();
        assert_eq!(commands, "HELO helo.example\nMAIL FROM:<z@z>\nRCPT TO:<x@y>\nRCPT TO:<b@c>\n");
        let (date, rest) = text.split_once('\n').unwrap();
        assert!(date.starts_with("Date: ") && date.len() == 37, "{date}");
        assert_eq!(
            rest,
            "From: From Z <z@z>\nSubject: [R] VRRP Instance VI_1 - Entering MASTER state\nX-Mailer: Keepalived\nTo: Admin X <x@y>,\n b@c\n\n=> text <=\n\n.\nQUIT\n"
        );
    }

    #[test]
    fn a_refusal_ends_the_conversation_with_a_line() {
        for command in ["HELO", "MAIL", "RCPT", "DATA"] {
            let (port, server) = server(command);
            let why = deliver_to(port).unwrap_err();
            assert_eq!(
                why,
                format!(
                    "Error processing {command} cmd on SMTP server [127.0.0.1]:{port}. SMTP status code = 550"
                )
            );
            assert!(server.join().unwrap().ends_with("QUIT\n"));
        }
    }

    #[test]
    fn line_breaks_do_not_reach_the_conversation() {
        let mut mail = mail(1);
        mail.to = vec!["a@b>\r\nRCPT TO:<evil@x".into()];
        assert!(conversation(&mail).iter().all(|(_, text, _)| text.matches('\n').count() == 1));
        let text = message(&mail, &some_letter(), "D");
        assert!(!text.contains("\nRCPT"), "{text}");
    }

    #[test]
    fn letters_are_for_those_who_asked() {
        let mut config = Config::default();
        config.global.router_id = "R".into();
        let group = keepalived_config::resolved::SyncGroup {
            name: "G".into(),
            members: Vec::new(),
            notify: Default::default(),
            smtp_alert: true,
            track_bfds: Vec::new(),
            track_scripts: Vec::new(),
            track_interfaces: Vec::new(),
            trackers: Vec::new(),
            tracking_weight: false,
        };
        config.sync_groups.push(group);
        let who = Who::Group(vrrp::GroupId(0));
        let master = letter(&config, who, StateName::Master).unwrap();
        assert_eq!(master.subject, "[R] VRRP Group G - Entering MASTER state");
        assert_eq!(master.body, "=> All VRRP group instances are now in MASTER state <=");
        assert!(letter(&config, who, StateName::Fault).is_some());
        config.global.daemon.mail.faults = false;
        assert!(letter(&config, who, StateName::Fault).is_none());
        config.sync_groups[0].smtp_alert = false;
        assert!(letter(&config, who, StateName::Master).is_none());
    }
}
