//! What a walk shows: the tables that are on, from the configuration and the state of everything.

use std::time::{Duration, Instant};

use agentx::{Oid, Value};
use keepalived_config::resolved::{Snmp, VrrpInstance};
use vrrp::InstanceId;
use vrrp::instance::Instance;

use super::objects::Objects;
use super::{keepalived, rfc2787, rfc6527};
use crate::dump::Sources;
use crate::processes::Processes;

/// KEEPALIVED-MIB: `debian.project.keepalived`.
pub(crate) const KEEPALIVED: [u32; 9] = [1, 3, 6, 1, 4, 1, 9586, 100, 5];
/// VRRP-MIB, RFC 2787.
pub(crate) const VRRP_MIB: [u32; 7] = [1, 3, 6, 1, 2, 1, 68];
/// VRRPV3-MIB, RFC 6527.
pub(crate) const VRRPV3_MIB: [u32; 7] = [1, 3, 6, 1, 2, 1, 207];

/// Everything that an object can show.
pub(crate) struct Mib<'a> {
    pub(crate) sources: Sources<'a>,
    pub(crate) processes: &'a Processes,
    pub(crate) settings: &'a Snmp,
    /// Name and version of the program.
    pub(crate) title: &'a str,
    pub(crate) namespace: Option<&'a str>,
    /// Since when each instance is neither in INIT nor in FAULT.
    pub(crate) up_since: &'a [Option<Instant>],
    /// Since when there is something to ask.
    pub(crate) began: Instant,
}

impl Mib<'_> {
    /// All objects that the settings want. Their order is made elsewhere: adverts wait while this is written.
    pub(crate) fn objects(&self) -> Vec<(Oid, Value)> {
        let mut objects = Objects::new();
        if self.settings.keepalived {
            keepalived::write(self, objects.below(&Oid::new(&KEEPALIVED)));
        }
        if self.settings.rfcv2 {
            rfc2787::write(self, objects.below(&Oid::new(&VRRP_MIB)));
        }
        if self.settings.rfcv3 {
            rfc6527::write(self, objects.below(&Oid::new(&VRRPV3_MIB)));
        }
        objects.into_list()
    }

    /// Instances with their settings.
    pub(crate) fn instances(&self) -> impl Iterator<Item = (usize, &VrrpInstance, &Instance)> {
        self.sources.config.instances.iter().enumerate().filter_map(|(index, config)| {
            Some((index, config, self.sources.router.instance(InstanceId(index))?))
        })
    }

    /// The index of an interface; 0 when it is not there.
    pub(crate) fn if_index(&self, name: &str) -> u32 {
        self.sources.interfaces.by_name(name).map_or(0, |link| link.index)
    }

    /// How long an instance has been neither in INIT nor in FAULT.
    pub(crate) fn up_time(&self, position: usize) -> Duration {
        let since = self.up_since.get(position).copied().flatten();
        since.map_or(Duration::ZERO, |since| self.sources.clock.now.saturating_duration_since(since))
    }

    /// When that began, counted from the beginning of the agent.
    pub(crate) fn up_at(&self, position: usize) -> Duration {
        let since = self.up_since.get(position).copied().flatten();
        since.map_or(Duration::ZERO, |since| since.saturating_duration_since(self.began))
    }

    /// The hardware address that an instance's adverts come from.
    pub(crate) fn mac(&self, config: &VrrpInstance) -> Vec<u8> {
        let name = config.vmac.as_ref().map_or(&config.interface, |vmac| &vmac.name);
        self.sources.interfaces.by_name(name).map(|link| link.hardware.clone()).unwrap_or_default()
    }
}

/// Hundredths of a second; they wrap.
pub(crate) fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / 10 % (1 << 32)).unwrap_or(0)
}

/// Hundredths of a second, as numbers that do not wrap.
pub(crate) fn centiseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / 10).unwrap_or(u32::MAX)
}
