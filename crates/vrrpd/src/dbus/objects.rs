//! The objects on the bus: their paths, what is seen in them, and what a call to one of them comes to.
//!
//! Answers and errors are those of the reference, which has GDBus make them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use keepalived_config::resolved::{Config, Dbus, Family, VrrpInstance};
use vrrp::event::StateName;

/// Interface of the object for the whole process.
pub(super) const VRRP: &str = "org.keepalived.Vrrp1.Vrrp";
/// Interface of an instance's object.
pub(super) const INSTANCE: &str = "org.keepalived.Vrrp1.Instance";
const ROOT: &str = "/org/keepalived/Vrrp1";

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
const PEER: &str = "org.freedesktop.DBus.Peer";

/// What a bus client may ask of the event loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// `PrintData`.
    Data,
    /// `PrintStats`.
    Stats,
    /// `PrintStatsClear`.
    ClearStats,
    /// `ReloadConfig`.
    Reload,
    /// `SendGarp` of the instance at this place in the configuration.
    Garp(usize),
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its place in the configuration.
    pub(crate) position: usize,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) state: StateName,
}

/// All objects of one configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Objects {
    /// Path of the object for the whole process.
    pub(super) vrrp: String,
    pub(super) instances: Vec<Object>,
}

/// A method call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) path: &'a str,
    /// Absent: any interface that has the member.
    pub(super) interface: Option<&'a str>,
    pub(super) member: &'a str,
    /// Signature of its arguments.
    pub(super) signature: &'a str,
    /// Its first two arguments when they are texts, else empty.
    pub(super) texts: [&'a str; 2],
}

/// What a call comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing to return.
    Done,
    /// Nothing to return once the event loop has done this.
    Wish(Wish),
    Text(String),
    MachineId,
    Name(String),
    State(StateName),
    /// Both properties, or none.
    All(Option<(String, StateName)>),
    /// An error's name below `org.freedesktop.DBus.Error`, and its text.
    Error(&'static str, String),
}

/// A state as the property has it.
pub(super) fn state_word(state: StateName) -> &'static str {
    match state {
        StateName::Init => "Init",
        StateName::Backup => "Backup",
        StateName::Master => "Master",
        StateName::Fault => "Fault",
        StateName::Stop => "Stop",
        StateName::Deleted => "Deleted",
    }
}

/// A path has letters, digits and underscores only.
fn element(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

impl Objects {
    /// The objects of a configuration. `namespace` and `instance` tell daemons apart.
    pub(crate) fn new(
        config: &Config,
        dbus: &Dbus,
        identity: [Option<&str>; 2],
        state: impl Fn(usize) -> StateName,
    ) -> Self {
        let mut root = ROOT.to_owned();
        for part in identity.into_iter().flatten() {
            let _ = write!(root, "/{}", element(part));
        }
        let path = |instance: &VrrpInstance| {
            let interface = match instance.interface.as_str() {
                "" => dbus.no_interface_name.as_str(),
                name => name,
            };
            let family = match instance.family {
                Family::V4 => "IPv4",
                Family::V6 => "IPv6",
            };
            format!("{root}/Instance/{}/{}/{family}", element(interface), instance.virtual_router_id)
        };
        let mut instances: Vec<Object> = Vec::new();
        for (position, instance) in config.instances.iter().enumerate() {
            let path = path(instance);
            // Two instances may differ in what a path does not show.
            if !instances.iter().any(|other| other.path == path) {
                let (name, state) = (instance.name.clone(), state(position));
                instances.push(Object { position, path, name, state });
            }
        }
        Self { vrrp: format!("{root}/Vrrp"), instances }
    }

    pub(super) fn instance(&self, path: &str) -> Option<&Object> {
        self.instances.iter().find(|object| object.path == path)
    }

    /// What a call comes to.
    pub(super) fn call(&self, call: &Call<'_>) -> Answer {
        let instance = self.instance(call.path);
        let own = match instance {
            Some(_) => Some(INSTANCE),
            None if call.path == self.vrrp => Some(VRRP),
            None => None,
        };
        let is = |interface: &str, member: &str, signature: &str| {
            call.interface.is_none_or(|wanted| wanted == interface)
                && call.member == member
                && call.signature == signature
        };
        if is(INTROSPECTABLE, "Introspect", "") {
            return Answer::Text(self.introspection(call.path));
        }
        if is(PEER, "Ping", "") {
            return Answer::Done;
        }
        if is(PEER, "GetMachineId", "") {
            return Answer::MachineId;
        }
        let Some(own) = own else {
            return unknown(format!("Object does not exist at path “{}”", call.path));
        };
        if is(PROPERTIES, "Get", "ss") || is(PROPERTIES, "GetAll", "s") || is(PROPERTIES, "Set", "ssv") {
            return property(call, own, instance);
        }
        match call.interface {
            Some(other) if other != own => {
                unknown(format!("No such interface “{other}” on object at path {}", call.path))
            }
            _ => method(call, instance),
        }
    }

    /// What there is below a path.
    fn children(&self, path: &str) -> BTreeSet<String> {
        let base = if path == "/" { "" } else { path };
        let all = self.instances.iter().map(|object| &object.path).chain([&self.vrrp]);
        all.filter_map(|each| each.strip_prefix(base)?.strip_prefix('/'))
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect()
    }

    fn introspection(&self, path: &str) -> String {
        let mut text = HEAD.to_owned();
        if self.instance(path).is_some() {
            text.push_str(STANDARD);
            text.push_str(INSTANCE_INTERFACE);
        } else if path == self.vrrp {
            text.push_str(STANDARD);
            text.push_str(VRRP_INTERFACE);
        }
        for child in self.children(path) {
            let _ = writeln!(text, "  <node name=\"{child}\"/>");
        }
        text.push_str("</node>\n");
        text
    }
}

fn unknown(text: String) -> Answer {
    Answer::Error("UnknownMethod", text)
}

fn invalid(text: String) -> Answer {
    Answer::Error("InvalidArgs", text)
}

fn method(call: &Call<'_>, instance: Option<&Object>) -> Answer {
    let wish = match (call.member, instance) {
        ("SendGarp", Some(instance)) => Wish::Garp(instance.position),
        ("PrintData", None) => Wish::Data,
        ("PrintStats", None) => Wish::Stats,
        ("PrintStatsClear", None) => Wish::ClearStats,
        ("ReloadConfig", None) => Wish::Reload,
        (other, _) => return unknown(format!("No such method “{other}”")),
    };
    if call.signature.is_empty() {
        Answer::Wish(wish)
    } else {
        invalid(format!("Type of message, “({})”, does not match expected type “()”", call.signature))
    }
}

fn property(call: &Call<'_>, own: &str, instance: Option<&Object>) -> Answer {
    let [interface, name] = call.texts;
    if interface != own {
        return invalid(format!("No such interface “{interface}”"));
    }
    if call.member == "GetAll" {
        return Answer::All(instance.map(|object| (object.name.clone(), object.state)));
    }
    match (instance, name, call.member) {
        (Some(_), "Name" | "State", "Set") => invalid(format!("Property “{name}” is not writable")),
        (Some(object), "Name", _) => Answer::Name(object.name.clone()),
        (Some(object), "State", _) => Answer::State(object.state),
        _ => invalid(format!("No such property “{name}”")),
    }
}

const HEAD: &str = "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"
                      \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">
<node>
";

const STANDARD: &str = r#"  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get">
      <arg type="s" name="interface_name" direction="in"/>
      <arg type="s" name="property_name" direction="in"/>
      <arg type="v" name="value" direction="out"/>
    </method>
    <method name="GetAll">
      <arg type="s" name="interface_name" direction="in"/>
      <arg type="a{sv}" name="properties" direction="out"/>
    </method>
    <method name="Set">
      <arg type="s" name="interface_name" direction="in"/>
      <arg type="s" name="property_name" direction="in"/>
      <arg type="v" name="value" direction="in"/>
    </method>
    <signal name="PropertiesChanged">
      <arg type="s" name="interface_name"/>
      <arg type="a{sv}" name="changed_properties"/>
      <arg type="as" name="invalidated_properties"/>
    </signal>
  </interface>
  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect">
      <arg type="s" name="xml_data" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
    <method name="GetMachineId">
      <arg type="s" name="machine_uuid" direction="out"/>
    </method>
  </interface>
"#;

const VRRP_INTERFACE: &str = r#"  <interface name="org.keepalived.Vrrp1.Vrrp">
    <method name="PrintData">
    </method>
    <method name="PrintStats">
    </method>
    <method name="PrintStatsClear">
    </method>
    <method name="ReloadConfig">
    </method>
    <signal name="VrrpStarted">
    </signal>
    <signal name="VrrpReloaded">
    </signal>
    <signal name="VrrpStopped">
    </signal>
  </interface>
"#;

/// The reference declares `Name` as a text and returns a structure with one.
const INSTANCE_INTERFACE: &str = r#"  <interface name="org.keepalived.Vrrp1.Instance">
    <method name="SendGarp">
    </method>
    <signal name="VrrpStatusChange">
      <arg type="u" name="status">
      </arg>
    </signal>
    <property type="s" name="Name" access="read">
    </property>
    <property type="(us)" name="State" access="read">
    </property>
  </interface>
"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn objects() -> Objects {
        let object = |position: usize, path: &str, name: &str| Object {
            position,
            path: format!("{ROOT}/Instance/{path}"),
            name: name.to_owned(),
            state: StateName::Backup,
        };
        let instances = vec![object(0, "eth0/51/IPv4", "VI_1"), object(2, "none/52/IPv6", "V2")];
        Objects { vrrp: format!("{ROOT}/Vrrp"), instances }
    }

    fn call(path: &str, method: &str, signature: &str, texts: [&str; 2]) -> Answer {
        let (interface, member) = method.rsplit_once('.').unwrap();
        let path = &format!("{ROOT}{path}");
        objects().call(&Call { path, interface: Some(interface), member, signature, texts })
    }

    #[test]
    fn methods_are_wishes() {
        let wish = |path, method| match call(path, method, "", ["", ""]) {
            Answer::Wish(wish) => Some(wish),
            _ => None,
        };
        let one = "/Instance/none/52/IPv6";
        assert_eq!(wish(one, "org.keepalived.Vrrp1.Instance.SendGarp"), Some(Wish::Garp(2)));
        assert_eq!(wish("/Vrrp", "org.keepalived.Vrrp1.Vrrp.ReloadConfig"), Some(Wish::Reload));
        assert_eq!(wish("/Vrrp", "org.keepalived.Vrrp1.Instance.SendGarp"), None);
        assert_eq!(wish(one, "org.keepalived.Vrrp1.Vrrp.PrintData"), None);
        assert_eq!(
            call("/Vrrp", "org.keepalived.Vrrp1.Vrrp.PrintData", "s", ["x", ""]),
            invalid("Type of message, “(s)”, does not match expected type “()”".to_owned())
        );
    }

    #[test]
    fn properties_belong_to_an_interface() {
        let get = |path, texts| call(path, "org.freedesktop.DBus.Properties.Get", "ss", texts);
        let one = "/Instance/eth0/51/IPv4";
        assert_eq!(get(one, [INSTANCE, "State"]), Answer::State(StateName::Backup));
        assert_eq!(get(one, [INSTANCE, "Name"]), Answer::Name("VI_1".to_owned()));
        assert_eq!(get(one, [VRRP, "Name"]), invalid(format!("No such interface “{VRRP}”")));
        assert_eq!(get("/Vrrp", [VRRP, "Name"]), invalid("No such property “Name”".to_owned()));
        let gone = "/Instance/eth0/51";
        let text = format!("Object does not exist at path “{ROOT}{gone}”");
        assert_eq!(get(gone, [INSTANCE, "Name"]), unknown(text));
    }

    #[test]
    fn every_path_shows_what_is_below_it() {
        let objects = objects();
        let children = |path: &str| objects.children(path).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(children("/"), "org");
        assert_eq!(children(ROOT), "Instance Vrrp");
        assert_eq!(children(&format!("{ROOT}/Instance")), "eth0 none");
        assert_eq!(children(&format!("{ROOT}/Inst")), "");
        assert_eq!(element("eth0.10"), "eth0_10");
    }
}
