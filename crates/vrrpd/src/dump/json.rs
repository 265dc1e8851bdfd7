//! keepalived.json: an array with `data` and `stats` of each instance, keys in the reference's order.

use std::fmt::Write as _;

use vrrp::{Auth, InstanceId};

use super::{Sources, address_text, seconds};

/// The text of keepalived.json.
pub(crate) fn json(sources: &Sources<'_>) -> String {
    let instances: Vec<String> = (0..sources.router.instances().len())
        .map(|index| format!("{{\"data\":{},\"stats\":{}}}", data(sources, index), stats(sources, index)))
        .collect();
    let list = format!("[{}]", instances.join(","));
    match sources.config.global.daemon.dumps.json_version {
        2 => format!("{{\"vrrp\":{list},\"track_process\":[]}}"),
        _ => list,
    }
}

/// An object under construction: the order of keys is the order of calls.
#[derive(Default)]
struct Object(String);

impl Object {
    fn raw(&mut self, key: &str, value: impl std::fmt::Display) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        let _ = write!(self.0, "\"{key}\":{value}");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.raw(key, quoted(value));
    }

    fn number(&mut self, key: &str, value: bool) {
        self.raw(key, u8::from(value));
    }

    fn list(&mut self, key: &str, values: impl Iterator<Item = String>) {
        let values: Vec<String> = values.map(|value| quoted(&value)).collect();
        if !values.is_empty() {
            self.raw(key, format!("[{}]", values.join(",")));
        }
    }

    fn end(self) -> String {
        format!("{{{}}}", self.0)
    }
}

/// Slashes are escaped, as the reference does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('/', "\\/")
}

fn data(sources: &Sources<'_>, index: usize) -> String {
    let mut o = Object::default();
    let id = InstanceId(index);
    let (Some(instance), Some(config)) = (sources.router.instance(id), sources.config.instances.get(index))
    else {
        return o.end();
    };
    let slots = sources.addresses.of(id);
    o.text("iname", &config.name);
    o.number("dont_track_primary", config.dont_track_primary);
    o.number("skip_check_adv_addr", config.skip_check_adv_addr);
    o.raw("strict_mode", 0);
    o.text("vmac_ifname", "");
    o.text("ifp_ifname", &config.interface);
    o.raw("master_priority", instance.master().map_or(0, |(_, priority)| priority));
    o.raw("last_transition", sources.changed.get(index).map_or_else(|| "0.0".into(), |at| seconds(*at)));
    o.raw("garp_delay", config.garp_master_delay.as_secs());
    o.raw("garp_refresh", config.garp_master_refresh.as_secs());
    o.raw("garp_rep", config.garp_master_repeat);
    o.raw("garp_refresh_rep", config.garp_master_refresh_repeat);
    o.raw("garp_lower_prio_delay", config.garp_lower_prio_delay.as_secs());
    o.raw("garp_lower_prio_rep", config.garp_lower_prio_repeat);
    o.number("lower_prio_no_advert", config.lower_prio_no_advert);
    o.number("higher_prio_send_advert", config.higher_prio_send_advert);
    o.raw("vrid", config.virtual_router_id);
    o.raw("base_priority", config.priority);
    o.raw("effective_priority", instance.effective_priority());
    o.raw("vipset", slots.iter().any(|slot| slot.set));
    o.raw("promote_secondaries", config.promote_secondaries);
    o.raw("adver_int", config.advert_int.as_secs_f64());
    o.raw("master_adver_int", instance.master_interval().as_secs_f64());
    o.raw("accept", 1);
    o.raw("nopreempt", config.nopreempt);
    o.raw("preempt_delay", config.preempt_delay.as_secs_f64());
    o.raw("state", instance.state().name().number());
    o.raw("wantstate", if instance.wants_master() { 2 } else { 1 });
    o.raw("version", instance.config().version.number());
    o.raw("smtp_alert", config.smtp_alert);
    o.raw("notify_deleted", config.notify.notify_deleted);
    for (key, command) in [
        ("script_backup", &config.notify.backup),
        ("script_master", &config.notify.master),
        ("script_fault", &config.notify.fault),
        ("script_stop", &config.notify.stop),
        ("script_deleted", &config.notify.deleted),
        ("script", &config.notify.any),
        ("script_master_rx_lower_pri", &config.notify.master_rx_lower_pri),
    ] {
        if let Some(command) = command {
            o.text(key, &super::data::quoted_command(command));
        }
    }
    let virtual_count = config.virtual_addresses.len();
    o.list("vips", slots.iter().take(virtual_count).map(address_text));
    o.list("evips", slots.iter().skip(virtual_count).map(address_text));
    o.list("vroutes", sources.routes.of(id).iter().map(|slot| crate::routes::route_text(&slot.what)));
    o.list("vrules", sources.routes.rules_of(id).iter().map(|slot| crate::routes::rule_text(&slot.what)));
    o.list("track_ifp", config.track_interfaces.iter().map(|tracked| tracked.name.clone()));
    let scripts =
        config.track_scripts.iter().filter_map(|tracked| sources.config.scripts.get(tracked.script));
    o.list("track_script", scripts.map(|script| super::data::quoted_command(&script.command)));
    o.raw("auth_type", instance.config().auth.number());
    match &instance.config().auth {
        Auth::None => {}
        Auth::Pass(password) | Auth::Ah(password) => o.text("auth_data", &super::data::password(password)),
    }
    o.end()
}

fn stats(sources: &Sources<'_>, index: usize) -> String {
    let mut o = Object::default();
    let Some(instance) = sources.router.instance(InstanceId(index)) else { return o.end() };
    let stats = instance.stats();
    o.raw("advert_rcvd", stats.advert_rcvd);
    o.raw("advert_sent", stats.advert_sent);
    o.raw("become_master", stats.become_master);
    o.raw("release_master", stats.release_master);
    o.raw("packet_len_err", stats.packet_len_err);
    o.raw("advert_interval_err", stats.advert_interval_err);
    o.raw("ip_ttl_err", stats.ip_ttl_err);
    o.raw("invalid_type_rcvd", stats.invalid_type_rcvd);
    o.raw("addr_list_err", stats.addr_list_err);
    o.raw("invalid_authtype", stats.invalid_authtype);
    o.raw("authtype_mismatch", stats.authtype_mismatch);
    o.raw("auth_failure", stats.auth_failure);
    o.raw("pri_zero_rcvd", stats.pri_zero_rcvd);
    o.raw("pri_zero_sent", stats.pri_zero_sent);
    o.end()
}
