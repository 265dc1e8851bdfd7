//! The task that owns the connection.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use vrrp::event::StateName;
use zbus::fdo::{RequestNameFlags, RequestNameReply};
use zbus::message::{Flags, Header, Type};
use zbus::zvariant::Value;
use zbus::{Connection, Message, MessageStream};

use super::objects::{Answer, Call, INSTANCE, Objects, VRRP, state_word};
use super::{Change, Request};
use crate::log::{detail, normal};

/// How long to wait for a bus that is not there, or that went away.
const RETRY: Duration = Duration::from_secs(5);
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until told to stop, on one connection after the other.
pub(super) async fn run(
    name: String,
    mut objects: Objects,
    mut changes: mpsc::Receiver<Change>,
    wishes: mpsc::Sender<Request>,
) {
    let mut said = false;
    loop {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, connect(&name)).await;
        if let Ok(Some(connection)) = connected {
            said = false;
            match serve(&connection, &mut objects, &mut changes, &wishes).await {
                End::Stopped(done) => {
                    let _ = connection.release_name(name.as_str()).await;
                    drop(connection);
                    normal!("Released DBus");
                    let _ = done.send(());
                    return;
                }
                End::ShellGone => return,
                End::BusGone => {}
            }
        }
        if !std::mem::replace(&mut said, true) {
            normal!("Lost the name {name} on the session bus");
        }
        // What happens meanwhile is known when the bus is back.
        let wait = tokio::time::sleep(RETRY);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => break,
                change = changes.recv() => match change {
                    Some(Change::State(position, state)) => note(&mut objects, position, state),
                    Some(Change::Reloaded(new)) => objects = new,
                    Some(Change::Stopped(done)) => {
                        normal!("Released DBus");
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
            }
        }
    }
}

/// A connection to the system bus that owns the name.
async fn connect(name: &str) -> Option<Connection> {
    let connection = zbus::connection::Builder::system().ok()?.build().await.ok()?;
    normal!("Acquired DBus bus {name}");
    let reply = connection.request_name_with_flags(name, RequestNameFlags::DoNotQueue.into()).await.ok()?;
    match reply {
        RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner => {}
        RequestNameReply::InQueue | RequestNameReply::Exists => return None,
    }
    normal!("Acquired the name {name} on the session bus");
    Some(connection)
}

/// Why a connection is no longer served.
enum End {
    Stopped(oneshot::Sender<()>),
    ShellGone,
    BusGone,
}

async fn serve(
    connection: &Connection,
    objects: &mut Objects,
    changes: &mut mpsc::Receiver<Change>,
    wishes: &mpsc::Sender<Request>,
) -> End {
    let mut messages = MessageStream::from(connection);
    if signal(connection, &objects.vrrp, VRRP, "VrrpStarted", None).await.is_none() {
        return End::BusGone;
    }
    for object in &objects.instances {
        status(connection, &object.path, object.state).await;
    }
    loop {
        tokio::select! {
            // Changes first: what a client asks about is what it was told.
            biased;
            change = changes.recv() => match change {
                None => return End::ShellGone,
                Some(Change::Stopped(done)) => {
                    signal(connection, &objects.vrrp, VRRP, "VrrpStopped", None).await;
                    return End::Stopped(done);
                }
                Some(Change::State(position, state)) => {
                    note(objects, position, state);
                    let found = objects.instances.iter().find(|object| object.position == position);
                    if let Some(object) = found {
                        status(connection, &object.path, state).await;
                    }
                }
                Some(Change::Reloaded(new)) => {
                    for gone in objects.instances.iter().filter(|old| new.instance(&old.path).is_none()) {
                        detail!("Deleted DBus object for instance {}", gone.name);
                    }
                    *objects = new;
                    signal(connection, &objects.vrrp, VRRP, "VrrpReloaded", None).await;
                }
            },
            message = messages.next() => match message {
                Some(Ok(message)) if message.message_type() == Type::MethodCall => {
                    answer(connection, objects, wishes, &message).await;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return End::BusGone,
            },
        }
    }
}

fn note(objects: &mut Objects, position: usize, state: StateName) {
    for object in objects.instances.iter_mut().filter(|object| object.position == position) {
        object.state = state;
    }
}

async fn status(connection: &Connection, path: &str, state: StateName) {
    signal(connection, path, INSTANCE, "VrrpStatusChange", Some(state)).await;
}

/// `None`: the bus is gone, which the stream of messages says, too.
async fn signal(
    connection: &Connection,
    path: &str,
    interface: &str,
    member: &str,
    state: Option<StateName>,
) -> Option<()> {
    let to: Option<&str> = None;
    match state {
        Some(state) => {
            connection.emit_signal(to, path, interface, member, &u32::from(state.number())).await.ok()
        }
        None => connection.emit_signal(to, path, interface, member, &()).await.ok(),
    }
}

async fn answer(
    connection: &Connection,
    objects: &Objects,
    wishes: &mpsc::Sender<Request>,
    message: &Message,
) {
    let header = message.header();
    let (Some(path), Some(member)) = (header.path(), header.member()) else { return };
    let signature = header.signature().to_string_no_parens();
    let body = message.body();
    let texts = texts(&body, &signature);
    let call = Call {
        path: path.as_str(),
        interface: header.interface().map(|interface| interface.as_str()),
        member: member.as_str(),
        signature: &signature,
        texts: [texts.0.as_str(), texts.1.as_str()],
    };
    let mut answer = objects.call(&call);
    if let Answer::Wish(wish) = answer {
        let (done, is_done) = oneshot::channel();
        if wishes.send(Request { wish, done }).await.is_ok() {
            let _ = is_done.await;
        }
        answer = Answer::Done;
    }
    if !header.primary().flags().contains(Flags::NoReplyExpected) {
        // Who asked may be gone.
        let _ = reply(connection, &header, answer).await;
    }
}

/// The first two arguments when they are texts.
fn texts(body: &zbus::message::Body, signature: &str) -> (String, String) {
    match signature {
        "s" => body.deserialize::<String>().map(|text| (text, String::new())),
        "ss" => body.deserialize::<(String, String)>(),
        "ssv" => body.deserialize::<(String, String, Value<'_>)>().map(|(one, two, _)| (one, two)),
        _ => return Default::default(),
    }
    .unwrap_or_default()
}

async fn reply(connection: &Connection, call: &Header<'_>, answer: Answer) -> zbus::Result<()> {
    let state = |state: StateName| Value::from((u32::from(state.number()), state_word(state)));
    match answer {
        Answer::Done | Answer::Wish(_) => connection.reply(call, &()).await,
        Answer::Text(text) => connection.reply(call, &text).await,
        Answer::MachineId => match machine_id() {
            Some(id) => connection.reply(call, &id).await,
            None => {
                let name = "org.freedesktop.DBus.Error.Failed";
                connection.reply_error(call, name, &"Unable to load the machine id").await
            }
        },
        Answer::Name(name) => connection.reply(call, &Value::from((name,))).await,
        Answer::State(of) => connection.reply(call, &state(of)).await,
        Answer::All(properties) => {
            let mut all = BTreeMap::new();
            if let Some((name, of)) = properties {
                all.insert("Name", Value::from((name,)));
                all.insert("State", state(of));
            }
            connection.reply(call, &all).await
        }
        Answer::Error(name, text) => {
            connection.reply_error(call, format!("org.freedesktop.DBus.Error.{name}"), &text).await
        }
    }
}

fn machine_id() -> Option<String> {
    ["/var/lib/dbus/machine-id", "/etc/machine-id"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .map(|text| text.trim().to_owned())
}
