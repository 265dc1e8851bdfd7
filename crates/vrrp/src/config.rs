//! What the core runs on: resolved settings with names replaced by indices.
//!
//! The shell builds these from the resolved configuration; nothing here is optional unless its absence has a meaning
//! of its own. Keyword meanings: keepalived.conf(5).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub usize);
    };
}

index!(
    /// Index of an instance in [`RouterConfig::instances`].
    InstanceId
);
index!(
    /// Index of a sync group in [`RouterConfig::groups`].
    GroupId
);
index!(
    /// Index of a script in [`RouterConfig::scripts`].
    ScriptId
);
index!(
    /// Index of a BFD session in [`RouterConfig::bfds`].
    BfdId
);
index!(
    /// Index of a network interface in [`RouterConfig::links`].
    LinkId
);

/// The wire version of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 3768.
    V2,
    /// RFC 5798.
    V3,
}

impl Version {
    /// The number in the packet's first half byte.
    pub fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

/// The address family of an instance's adverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// VRRPv2 authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Type 0.
    None,
    /// Type 1: the password, NUL padded.
    Pass([u8; 8]),
    /// Type 2: HMAC-MD5 in an IPsec authentication header, keyed with the NUL-padded password.
    Ah([u8; 8]),
}

impl Auth {
    /// The number in the packet's authentication type byte.
    pub fn number(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Pass(_) => 1,
            Self::Ah(_) => 2,
        }
    }
}

/// A virtual address as the core needs it: the address and where it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vip {
    /// The address.
    pub address: IpAddr,
    /// The interface that carries it.
    pub link: LinkId,
}

/// A unicast peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where adverts go.
    pub address: IpAddr,
    /// The least TTL accepted with `check_unicast_src`.
    pub min_ttl: u8,
    /// The greatest.
    pub max_ttl: u8,
}

/// A tracked object and what it does to the instance that tracks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracked<T> {
    /// What is tracked.
    pub object: T,
    /// -253 to 253. 0: the object's failure is a fault of the instance.
    pub weight: i32,
    /// Inverts the contribution, or the meaning of good when the weight is 0.
    pub reverse: bool,
}

/// `garp_*` of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GarpConfig {
    /// `garp_master_delay`: from becoming master to the second burst. Zero: no second burst.
    pub delay: Duration,
    /// `garp_master_repeat`.
    pub repeat: u32,
    /// `garp_master_refresh`. Zero: never.
    pub refresh: Duration,
    /// `garp_master_refresh_repeat`.
    pub refresh_repeat: u32,
    /// `garp_lower_prio_delay`. Zero: no second burst.
    pub lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`.
    pub lower_prio_repeat: u32,
}

impl Default for GarpConfig {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5),
            repeat: 5,
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            lower_prio_delay: Duration::from_secs(5),
            lower_prio_repeat: 5,
        }
    }
}

/// `garp_extra_if`: announcements where no advert goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GarpExtra {
    /// How often.
    pub interval: Duration,
    /// One address for each interface that needs it.
    pub vips: Vec<Vip>,
}

/// `old_unicast_checksum`: VRRPv3 unicast adverts over IPv4 once had the multicast group in their checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OldChecksum {
    /// From the first advert on that has it.
    #[default]
    Detect,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Least times between two announcements of interfaces that share a pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// `garp_interval`.
    pub garp: Option<Duration>,
    /// `gna_interval`.
    pub gna: Option<Duration>,
}

/// `interface_up_down_delays` of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkDelay {
    /// How long it must stay down to count as down.
    pub down: Duration,
    /// How long it must stay up to count as up.
    pub up: Duration,
}

/// One `vrrp_instance`.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceConfig {
    /// The block's name.
    pub name: Arc<str>,
    /// `interface`; none for unicast instances without one.
    pub link: Option<LinkId>,
    /// `virtual_router_id`.
    pub vrid: u8,
    /// `version`.
    pub version: Version,
    /// Family of the adverts.
    pub family: Family,
    /// `priority`, 1 to 255. 255: the address owner.
    pub base_priority: u8,
    /// `state MASTER`.
    pub wants_master: bool,
    /// `advert_int`: whole seconds in VRRPv2, multiples of 10 ms in VRRPv3.
    pub advert_interval: Duration,
    /// `authentication`.
    pub auth: Auth,
    /// `virtual_ipaddress`: what adverts carry.
    pub vips: Vec<Vip>,
    /// `virtual_ipaddress_excluded`.
    pub excluded: Vec<Vip>,
    /// It has virtual routes, for the log.
    pub has_routes: bool,
    /// It has virtual rules, for the log.
    pub has_rules: bool,
    /// `no_accept`: packets to its addresses are dropped, for the log.
    pub has_firewall: bool,
    /// Something without which it can never run: it stays in FAULT.
    pub config_fault: bool,
    /// Unicast, even without peers.
    pub unicast: bool,
    /// `old_unicast_checksum`.
    pub old_checksum: OldChecksum,
    /// `timer_expired_backup`: the highest priority of the others.
    pub expired_backup: Option<u8>,
    /// `garp_extra_if`.
    pub garp_extra: Option<GarpExtra>,
    /// Interfaces whose being down is a fault, the instance's own first.
    pub fault_links: Vec<LinkId>,
    /// `track_interface` entries, weight 0 ones included.
    pub track_links: Vec<Tracked<LinkId>>,
    /// `track_bfd` entries.
    pub track_bfds: Vec<Tracked<BfdId>>,
    /// `track_script` entries.
    pub track_scripts: Vec<Tracked<ScriptId>>,
    /// `track_file` and `track_process` entries.
    pub trackers: Vec<Tracked<crate::tracker::TrackerId>>,
    /// How many of each of these are its own; its group's follow.
    pub own: OwnTracking,
    /// The sync group this instance belongs to.
    pub group: Option<GroupId>,
    /// `nopreempt`.
    pub nopreempt: bool,
    /// `preempt_delay`. Zero: none.
    pub preempt_delay: Duration,
    /// `down_timer_adverts`, 1 to 100.
    pub down_timer_adverts: u32,
    /// `garp_*`.
    pub garp: GarpConfig,
    /// `lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// `skip_check_adv_addr`.
    pub skip_check_adv_addr: bool,
    /// `owner_ignore_adverts`.
    pub owner_ignore_adverts: bool,
    /// `v3_checksum_as_v2`: no pseudo header in the checksum of VRRPv3 over IPv4.
    pub v3_checksum_as_v2: bool,
    /// `unicast_peer`. Not empty: unicast.
    pub peers: Vec<Peer>,
    /// `check_unicast_src`.
    pub check_unicast_src: bool,
    /// TTL of sent adverts: 255, or `unicast_ttl`.
    pub ttl: u8,
    /// The multicast group adverts are sent to.
    pub group_address: IpAddr,
}

/// How many tracked objects of each kind are an instance's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnTracking {
    /// Of `track_links`.
    pub links: usize,
    /// Of `track_bfds`.
    pub bfds: usize,
    /// Of `track_scripts`.
    pub scripts: usize,
    /// Of `trackers`.
    pub trackers: usize,
}

impl OwnTracking {
    /// All of them.
    pub const ALL: Self =
        Self { links: usize::MAX, bfds: usize::MAX, scripts: usize::MAX, trackers: usize::MAX };
}

/// Whether `object` is tracked only because the group does; none when it is not tracked.
fn by_group<T: PartialEq>(tracked: &[Tracked<T>], object: &T, own: usize) -> Option<bool> {
    tracked.iter().position(|tracked| tracked.object == *object).map(|position| position >= own)
}

impl InstanceConfig {
    /// Whether it uses an interface only because its group does; none when it does not.
    pub fn uses_link(&self, link: LinkId) -> Option<bool> {
        if self.fault_links.contains(&link) {
            return Some(false);
        }
        by_group(&self.track_links, &link, self.own.links)
    }

    /// The same for a BFD session.
    pub fn uses_bfd(&self, bfd: BfdId) -> Option<bool> {
        by_group(&self.track_bfds, &bfd, self.own.bfds)
    }

    /// The same for a script.
    pub fn uses_script(&self, script: ScriptId) -> Option<bool> {
        by_group(&self.track_scripts, &script, self.own.scripts)
    }

    /// The same for a file or process.
    pub fn uses_tracker(&self, tracker: crate::tracker::TrackerId) -> Option<bool> {
        by_group(&self.trackers, &tracker, self.own.trackers)
    }

    /// An instance with the defaults of keepalived.conf(5): VRRPv2, priority 100, one advert a second.
    pub fn new(name: &str, vrid: u8) -> Self {
        Self {
            name: name.into(),
            link: None,
            vrid,
            version: Version::V2,
            family: Family::V4,
            base_priority: 100,
            wants_master: false,
            advert_interval: Duration::from_secs(1),
            auth: Auth::None,
            vips: Vec::new(),
            excluded: Vec::new(),
            has_routes: false,
            has_rules: false,
            has_firewall: false,
            config_fault: false,
            unicast: false,
            old_checksum: OldChecksum::Detect,
            expired_backup: None,
            garp_extra: None,
            fault_links: Vec::new(),
            track_links: Vec::new(),
            track_bfds: Vec::new(),
            track_scripts: Vec::new(),
            trackers: Vec::new(),
            own: OwnTracking::ALL,
            group: None,
            nopreempt: false,
            preempt_delay: Duration::ZERO,
            down_timer_adverts: 3,
            garp: GarpConfig::default(),
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            skip_check_adv_addr: false,
            owner_ignore_adverts: false,
            v3_checksum_as_v2: false,
            peers: Vec::new(),
            check_unicast_src: false,
            ttl: 255,
            group_address: IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
        }
    }

    /// True for the address owner.
    pub fn is_owner(&self) -> bool {
        self.base_priority == 255
    }

    /// True when adverts go to peers instead of the multicast group.
    pub fn is_unicast(&self) -> bool {
        self.unicast || !self.peers.is_empty()
    }
}

/// One `vrrp_script`.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptConfig {
    /// The block's name.
    pub name: Arc<str>,
    /// From start of run to start of run.
    pub interval: Duration,
    /// How long a run may take.
    pub timeout: Duration,
    /// Successes in a row that make it good, at least 1.
    pub rise: u32,
    /// Failures in a row that make it bad, at least 1.
    pub fall: u32,
    /// Counts as failing until its first success.
    pub init_fail: bool,
    /// What it runs and as whom, as one text: results survive a reload when name and this are the same.
    pub identity: Arc<str>,
}

/// One `vrrp_sync_group`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupConfig {
    /// The block's name.
    pub name: Arc<str>,
    /// Members in the order of `group { }`.
    pub members: Vec<InstanceId>,
}

/// Everything a [`crate::Router`] runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouterConfig {
    /// Names of all interfaces that instances use or track; [`LinkId`] indexes this.
    pub links: Vec<Arc<str>>,
    /// `vrrp_instance` blocks.
    pub instances: Vec<InstanceConfig>,
    /// `vrrp_script` blocks.
    pub scripts: Vec<ScriptConfig>,
    /// `vrrp_track_file` and `vrrp_track_process` blocks.
    pub trackers: Vec<crate::tracker::TrackerConfig>,
    /// Names of the `bfd_instance` blocks; [`BfdId`] indexes this.
    pub bfds: Vec<Arc<str>>,
    /// `vrrp_sync_group` blocks.
    pub groups: Vec<GroupConfig>,
    /// `vrrp_startup_delay`.
    pub startup_delay: Duration,
    /// `dynamic_interfaces allow_if_changes`: a duplicate VRID that is over is forgotten.
    pub allow_if_changes: bool,
    /// `garp_group`s, and one for each interface with the global intervals.
    pub paces: Vec<Pace>,
    /// For each of [`RouterConfig::links`] the index of its pace.
    pub pace_of: Vec<Option<usize>>,
    /// For each of [`RouterConfig::links`] its delays.
    pub delays: Vec<LinkDelay>,
}
