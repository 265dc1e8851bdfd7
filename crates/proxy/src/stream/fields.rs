//! What options do to the request's fields: odd names are taken out, and fields are added, in this order: unique id, forwarded,
//! forwardfor, originalto (haproxy-stream, part 1.5).

use super::{Step, Stop, Stream};
use haproxy_config::runtime::{ForwardFor, Proxy, RestrictNames};
use log_format::termination::Cause;
use std::net::IpAddr;

impl Stream<'_> {
    /// `option http-restrict-req-hdr-names` of one proxy, after its `http-request` rules.
    pub(super) fn restrict_names(&mut self, proxy: &Proxy) -> Step<()> {
        let plain = |name: &[u8]| name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
        match proxy.restrict_names {
            RestrictNames::Preserve => {}
            RestrictNames::Delete => self.request.retain(|field| plain(field.name)),
            RestrictNames::Reject => {
                if self.request.fields().any(|field| !plain(field.name)) {
                    self.count_denied_request();
                    self.log.timers.request.get_or_insert(self.elapsed());
                    self.note(Cause::Proxy);
                    return Err(Stop::Answer(self.error_reply(403)));
                }
            }
        }
        Ok(())
    }

    /// The fields that options add.
    pub(super) fn add_fields(&mut self, frontend: &Proxy, backend: &Proxy) {
        self.add_unique_id(frontend);
        if let Some(option) = &backend.forwarded {
            let value = super::forwarded::value(option, self.session, &self.request, &self.cx());
            self.request.append(b"forwarded", &value);
        }
        let source = self.session.src.map(|src| src.ip());
        self.add_address(frontend.forwardfor.as_ref(), backend.forwardfor.as_ref(), source);
        let destination = self.session.dst.map(|dst| dst.ip());
        self.add_address(frontend.originalto.as_ref(), backend.originalto.as_ref(), destination);
    }

    fn add_unique_id(&mut self, frontend: &Proxy) {
        let Some(format) = &frontend.unique_id_format else { return };
        if self.view.unique_id.is_none() {
            let mut id = Vec::with_capacity(64);
            format.render(&self.log, &self.cx(), &mut id);
            id.truncate(127);
            self.view.unique_id = Some(id);
        }
        if let (Some(name), Some(id)) = (&frontend.unique_id_header, &self.view.unique_id) {
            self.request.append(name, id);
        }
    }

    /// What expressions see while the request is still here.
    fn cx(&self) -> sample::Cx<'_> {
        sample::Cx {
            session: self.session,
            stream: &self.view,
            request: Some(&self.request),
            response: None,
            request_payload: &[],
            response_payload: &[],
            complete: true,
            in_response: false,
            env: &self.front.thread.env,
        }
    }

    /// `option forwardfor`, `option originalto`.
    fn add_address(
        &mut self,
        of_frontend: Option<&ForwardFor>,
        of_backend: Option<&ForwardFor>,
        address: Option<IpAddr>,
    ) {
        let (Some(option), Some(address)) = (of_backend.or(of_frontend), address) else { return };
        // `if-none` counts when each side that has the option says it; an address excepted by either side is left out.
        let all = || [of_frontend, of_backend].into_iter().flatten();
        if all().all(|o| o.if_none) && self.request.value(&option.header).is_some() {
            return;
        }
        if all().any(|o| is_excepted(o, address)) {
            return;
        }
        let mut text = self.front.thread.take_text();
        log_format::write_ip(&mut text, address);
        self.request.append(&option.header, &text);
        self.front.thread.give_text(text);
    }
}

fn is_excepted(option: &ForwardFor, address: IpAddr) -> bool {
    option.except.iter().any(|(network, bits)| match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let shift = 32u32.saturating_sub(u32::from(*bits));
            let mask = u32::MAX.checked_shl(shift).unwrap_or(0);
            u32::from(*network) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let shift = 128u32.saturating_sub(u32::from(*bits));
            let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
            u128::from(*network) & mask == u128::from(address) & mask
        }
        _ => false,
    })
}
