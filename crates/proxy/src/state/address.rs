//! `set server … addr`, `check-addr` and `check-port`: addresses that change while the worker runs.

use super::server::{ServerRef, Target};
use super::world::{World, server_ring_key};
use std::net::{IpAddr, SocketAddr};
use units::Address;

impl World {
    /// Changes a server's address and, if one is written, port (`N`, or `+N`/`-N` to map the client's). The reply says what changed.
    ///
    /// # Errors
    /// The reply's text when nothing can be changed.
    pub fn set_address(
        &self,
        at: ServerRef,
        ip: &str,
        port: Option<&str>,
        updater: &str,
    ) -> Result<String, String> {
        let (Some(backend), Some(server)) = (self.backend(at.proxy), self.server(at)) else {
            return Err("No such server.".into());
        };
        let Ok(ip) = ip.parse::<IpAddr>() else { return Err(format!("Invalid addr '{ip}'")) };
        let old = server.target();
        let Address::Inet(old_address) = old.address else {
            return Err(
                "Update for the current server address family is only supported through configuration file."
                    .into(),
            );
        };
        let mut address = SocketAddr::new(ip, old_address.port());
        let mut port_offset = old.port_offset;
        let mut changes = Vec::new();
        if ip != old_address.ip() {
            changes.push(format!("IP changed from '{}' to '{ip}'", old_address.ip()));
        }
        if let Some(written) = port {
            let (mapped, number) =
                parse_port(written).ok_or(format!("problem converting port '{written}' to an int"))?;
            let status = server.status();
            // HAPROXY: a check with a port of its own is no reason to refuse; the server's own port is.
            if mapped && status.check_configured && status.check_port == 0 {
                changes.push(
                    "can't change <port> to port map because it is incompatible with current health check port \
                     configuration (use 'port' statement from the 'server' directive)."
                        .into(),
                );
            } else {
                let new_offset = mapped.then_some(i32::from(number));
                let was = shown_port(&old);
                address.set_port(if mapped { 0 } else { number });
                port_offset = new_offset;
                let now = shown_port(&Target { address: Address::Inet(address), port_offset });
                if was != now {
                    changes.push(format!("port changed from '{was}' to '{now}'"));
                }
            }
        }
        if changes.is_empty() {
            return Ok("nothing changed".into());
        }
        let cookie_key = self.config.proxies.get(at.proxy.0 as usize).and_then(|proxy| proxy.cookie.as_ref());
        let cookie_key = cookie_key.and_then(|cookie| cookie.dynamic_key.as_deref());
        server.store_target(Target { address: Address::Inet(address), port_offset }, cookie_key);
        let ring_key = server_ring_key(&server.config, Some(address));
        backend.shared.core().set_ring_key(at.server.0 as usize, ring_key);
        Ok(format!("{} by '{updater}'", changes.join(", ")))
    }

    /// Changes the port that a server's checks go to; 0 is the server's.
    ///
    /// # Errors
    /// The reply's text.
    pub fn set_check_port(&self, at: ServerRef, written: &str) -> Result<(), &'static str> {
        let Some(server) = self.server(at) else { return Err("No such server.") };
        let mut status = server.lock_status();
        if !status.check_configured {
            return Err("health checks are not enabled on this server");
        }
        let port: u16 = written.parse().map_err(|_| "provided port is invalid")?;
        if port == 0 && server.target().port_offset.is_some() {
            return Err("can't unset 'port' since MAPPORTS is in use");
        }
        status.check_port = port;
        Ok(())
    }

    /// Changes the address that a server's checks go to, and the port if one is written.
    ///
    /// # Errors
    /// The reply's text.
    pub fn set_check_address(&self, at: ServerRef, ip: &str, port: Option<&str>) -> Result<(), String> {
        let Some(server) = self.server(at) else { return Err("No such server.".into()) };
        if !server.lock_status().check_configured {
            return Err("health checks are not enabled on this server".into());
        }
        let parsed = ip.parse::<IpAddr>().map_err(|_| format!("invalid addr '{ip}'"))?;
        let port: Option<u16> = port.map(str::parse).transpose().map_err(|_| "provided port is invalid")?;
        let mut status = server.lock_status();
        status.check_address = Some(parsed);
        if let Some(port) = port {
            status.check_port = port;
        }
        Ok(())
    }
}

/// Whether it maps, and the number. Numbers wrap as in the reference.
fn parse_port(written: &str) -> Option<(bool, u16)> {
    let (mapped, negative, digits) = match written.as_bytes() {
        [b'+', ..] => (true, false, written.get(1..)?),
        [b'-', ..] => (true, true, written.get(1..)?),
        _ => (false, false, written),
    };
    let value: i64 = digits.parse().ok().filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()))?;
    Some((mapped, (if negative { -value } else { value }) as u16))
}

fn shown_port(target: &Target) -> String {
    match (target.port_offset, &target.address) {
        (Some(offset), _) => format!("+{offset}"),
        (None, Address::Inet(address)) => address.port().to_string(),
        (None, _) => "0".into(),
    }
}
