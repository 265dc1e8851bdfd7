//! Traps: what is told of a change of state, of a new master and of bad adverts.

use std::net::IpAddr;

use agentx::session::trap;
use agentx::{Oid, Value, VarBind};
use keepalived_config::resolved::Config;
use vrrp::InstanceId;
use vrrp::event::StateName;
use vrrp::instance::{AdvertError, Instance};
use vrrp::router::Who;

use super::mib::{KEEPALIVED, VRRP_MIB, VRRPV3_MIB};
use super::objects::inet;
use super::{rfc2787, rfc6527};

/// VrrpState of KEEPALIVED-MIB.
pub(crate) fn state_number(state: StateName) -> i32 {
    match state {
        StateName::Init => 0,
        StateName::Backup => 1,
        StateName::Master => 2,
        StateName::Fault => 3,
        StateName::Stop => 5,
        StateName::Deleted => 6,
    }
}

fn object(root: &[u32], below: &[u32], value: Value) -> VarBind {
    VarBind { name: Oid::new(root).child(below), value }
}

/// vrrpInstanceStateChange and vrrpSyncGroupStateChange. Their objects have no index, as in the reference.
pub(crate) fn state_change(config: &Config, who: Who, state: StateName) -> Option<Vec<VarBind>> {
    let number = Value::Integer(state_number(state));
    let router = object(&KEEPALIVED, &[1, 2, 0], Value::from(config.global.router_id.as_str()));
    let (kind, mut objects) = match who {
        Who::Group(id) => {
            let name = config.sync_groups.get(id.0)?.name.as_str();
            let entry = |column, value| object(&KEEPALIVED, &[2, 1, 1, column], value);
            (1, vec![entry(2, Value::from(name)), entry(3, number)])
        }
        Who::Instance(id) => {
            let instance = config.instances.get(id.0)?;
            let initial = Value::Integer(if instance.wants_master { 2 } else { 1 });
            let entry = |column, value| object(&KEEPALIVED, &[2, 3, 1, column], value);
            (2, vec![entry(2, Value::from(instance.name.as_str())), entry(4, number), entry(5, initial)])
        }
    };
    objects.push(router);
    Some(trap(Oid::new(&KEEPALIVED).child(&[2, 10, 0, kind]), objects))
}

/// Where an instance is in the tables of the RFCs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) if_index: u32,
    pub(crate) vrid: u32,
    pub(crate) family: u32,
}

impl Place {
    pub(crate) fn new(config: &Config, id: InstanceId, instance: &Instance, if_index: u32) -> Option<Self> {
        let config = config.instances.get(id.0)?;
        let [if_index, vrid, family] = rfc6527::index_at(if_index, config, instance);
        Some(Self { if_index, vrid, family })
    }
}

/// vrrpTrapNewMaster, of the instances that VRRP-MIB shows.
pub(crate) fn new_master(
    config: &Config,
    id: InstanceId,
    instance: &Instance,
    at: Place,
) -> Option<Vec<VarBind>> {
    rfc2787::is_shown(config.instances.get(id.0)?).then_some(())?;
    let Some(IpAddr::V4(source)) = instance.source() else { return None };
    let master = object(&VRRP_MIB, &[1, 3, 1, 7, at.if_index, at.vrid], Value::IpAddress(source.octets()));
    Some(trap(Oid::new(&VRRP_MIB).child(&[0, 1]), vec![master]))
}

/// vrrpv3NewMaster.
pub(crate) fn v3_new_master(instance: &Instance, at: Place) -> Vec<VarBind> {
    let index = [at.if_index, at.vrid, at.family];
    let master =
        object(&VRRPV3_MIB, &[&[1, 1, 1, 1, 3], &index[..]].concat(), inet(rfc6527::master(instance)));
    let reason = Value::Integer(instance.new_master_reason().number());
    let reason = object(&VRRPV3_MIB, &[&[1, 2, 5, 1, 2], &index[..]].concat(), reason);
    trap(Oid::new(&VRRPV3_MIB).child(&[0, 1]), vec![master, reason])
}

/// vrrpTrapAuthFailure, which VRRPv2 alone has.
pub(crate) fn auth_failure(source: IpAddr, error: AdvertError, at: Place) -> Option<Vec<VarBind>> {
    let kind = match error {
        AdvertError::UnknownAuthType => 1,
        AdvertError::OtherAuthType => 2,
        AdvertError::AuthFailure => 3,
        AdvertError::Ttl | AdvertError::Version | AdvertError::Checksum => return None,
    };
    let IpAddr::V4(source) = source else { return None };
    let index = [at.if_index, at.vrid];
    let source = object(&VRRP_MIB, &[&[1, 5], &index[..]].concat(), Value::IpAddress(source.octets()));
    let kind = object(&VRRP_MIB, &[&[1, 6], &index[..]].concat(), Value::Integer(kind));
    Some(trap(Oid::new(&VRRP_MIB).child(&[0, 2]), vec![source, kind]))
}

/// vrrpv3ProtoError.
pub(crate) fn proto_error(error: AdvertError, at: Place) -> Option<Vec<VarBind>> {
    let reason = Value::Integer(error.proto_error()?);
    let name = [&[1, 2, 5, 1, 6], &[at.if_index, at.vrid, at.family][..]].concat();
    Some(trap(Oid::new(&VRRPV3_MIB).child(&[0, 2]), vec![object(&VRRPV3_MIB, &name, reason)]))
}
