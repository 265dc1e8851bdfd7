//! Log lines: one enum, and the exact text of each line.
//!
//! Texts are interface facts that monitoring matches on; they are keepalived 2.3.3's, word for word. A line is either
//! always shown ([`Level::Normal`]) or only with `--log-detail` ([`Level::Detail`]).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Family;
use crate::packet::Reject;

/// When a line is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Always.
    Normal,
    /// Only with `--log-detail`.
    Detail,
}

/// A state as notifications and log lines name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateName {
    /// Waiting for the first results of tracked scripts.
    Init,
    /// Listening.
    Backup,
    /// Owning the virtual addresses.
    Master,
    /// Unable to take part.
    Fault,
    /// The daemon stops.
    Stop,
    /// Removed by a reload, with `notify_deleted`.
    Deleted,
}

impl StateName {
    /// The word in scripts' arguments, FIFO lines and log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "INIT",
            Self::Backup => "BACKUP",
            Self::Master => "MASTER",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
        }
    }

    /// The number in JSON dumps, D-Bus and SNMP.
    pub fn number(self) -> u8 {
        match self {
            Self::Init => 0,
            Self::Backup => 1,
            Self::Master => 2,
            Self::Fault => 3,
            Self::Deleted => 97,
            Self::Stop => 98,
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a script's run ended badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Exit status other than 0.
    Exited(i32),
    /// Ended by a signal that we did not send.
    Signalled(i32),
    /// Took longer than its timeout.
    TimedOut,
    /// Could not be executed.
    NotExecuted,
}

/// A log line.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// About an instance.
    Instance(Arc<str>, InstanceEvent),
    /// About a tracked script.
    Script(Arc<str>, ScriptEvent),
    /// What a session says to an instance that tracks it.
    Bfd {
        /// The instance.
        instance: Arc<str>,
        /// The session.
        bfd: Arc<str>,
        /// Up, or not.
        up: bool,
    },
    /// `VRRP_Group(G) Syncing instances to S state`.
    GroupSync(Arc<str>, StateName),
    /// `VRRP_Group(G): Syncing NAME to FAULT state`, at start.
    GroupStartsInFault(Arc<str>, Arc<str>),
    /// `Sync group G has some member(s) as address owner and some not ...`.
    GroupMixedOwners(Arc<str>),
    /// One gratuitous ARP or unsolicited neighbour advert leaves.
    SendingGarp {
        /// Interface it leaves by.
        link: Arc<str>,
        /// What it announces.
        address: IpAddr,
    },
    /// A tracked file or process that is a fault, or no longer.
    Tracker(Box<crate::tracker::FaultLine>),
    /// The start delay begins.
    DelayingStartup(Duration),
    /// An interface's change of state has to last before it counts.
    LinkDelayed {
        /// Interface.
        link: Arc<str>,
        /// It went up.
        up: bool,
        /// This long.
        delay: Duration,
    },
    /// It did not last.
    LinkDelayCancelled(Arc<str>),
    /// An instance's interface came, and lies on one on which another instance has the same VRID.
    VridConflict {
        /// Whose interface came.
        name: Arc<str>,
        /// Who was there.
        other: Arc<str>,
        /// Family of both.
        family: Family,
        /// VRID of both.
        vrid: u8,
    },
    /// The start delay is over.
    DelayedStartCompleted,
}

/// A line that begins with `(NAME)`.
#[derive(Clone, Debug, PartialEq)]
pub enum InstanceEvent {
    /// `Entering S STATE`.
    Entering(StateName),
    /// `Entering BACKUP STATE (init)`.
    EnteringInit,
    /// Why the state of the line before was entered. The reference has no such line; none of the words that its lines
    /// about states have are in it.
    Reason(String),
    /// An instance that starts in FAULT.
    StartsInFault,
    /// At start: a fault interface is down.
    StartsLinkDown(Arc<str>),
    /// At start: no source address.
    StartsNoAddress(Family),
    /// At start or reload: another instance has its VRID on the interface below its own.
    Duplicate {
        /// The other one.
        other: Arc<str>,
        /// Family of both.
        family: Family,
        /// VRID of both.
        vrid: u8,
    },
    /// Nobody sent adverts for the master down time.
    AdvertTimeout,
    /// Virtual addresses are added.
    SettingVips,
    /// Excluded virtual addresses are added.
    SettingExcluded,
    /// Virtual routes are added.
    SettingRoutes,
    /// Virtual routes are removed.
    RemovingRoutes,
    /// Virtual rules are added.
    SettingRules,
    /// Virtual rules are removed.
    RemovingRules,
    /// Packets to the virtual addresses are dropped from now on.
    SettingFirewall,
    /// They no longer are.
    RemovingFirewall,
    /// A peer has the old checksum of unicast VRRPv3; so have we from now on.
    OldChecksum,
    /// The event loop came so late that another router may have taken over.
    TimerExpired(Duration),
    /// Virtual addresses are removed.
    RemovingVips,
    /// Excluded virtual addresses are removed.
    RemovingExcluded,
    /// A priority 0 advert was sent on leaving MASTER.
    SentZero,
    /// BACKUP heard priority 0.
    BackupHeardZero,
    /// MASTER heard priority 0.
    MasterHeardZero,
    /// BACKUP heard a lower priority and goes on waiting for its own turn.
    LowerDiscarded {
        /// Its priority.
        priority: u8,
        /// Its sender.
        source: IpAddr,
    },
    /// MASTER heard a higher priority.
    HigherAdvert {
        /// Its sender.
        source: IpAddr,
        /// Its priority.
        priority: u8,
        /// Our effective priority.
        ours: u8,
    },
    /// MASTER heard its own priority from a higher address.
    SamePriorityHigherAddress {
        /// Its sender.
        source: IpAddr,
        /// The priority.
        priority: u8,
    },
    /// MASTER heard its own priority from its own address.
    SamePriorityOurAddress,
    /// An address owner drops what it hears: `owner_ignore_adverts`.
    OwnerIgnores(IpAddr),
    /// MASTER heard a lower priority.
    LowerAdvert {
        /// Its sender.
        source: IpAddr,
        /// Its priority.
        priority: u8,
        /// Our effective priority.
        ours: u8,
        /// An advert answers it (no `lower_prio_no_advert`).
        answered: bool,
    },
    /// The first master heard of.
    MasterSet(IpAddr),
    /// Another master than before.
    MasterChanged(IpAddr, IpAddr),
    /// Trackers changed the effective priority.
    PriorityChanged(u8, u8),
    /// `base priority changed from A to B via SNMP.`
    BasePrioritySet {
        /// Before.
        from: u8,
        /// Now.
        to: u8,
    },
    /// `preemption enabled with SNMP`.
    PreemptSet(bool),
    /// VRRPv3: the master's interval is learnt.
    IntervalLearnt {
        /// Before.
        from: Duration,
        /// The master's.
        to: Duration,
    },
    /// VRRPv3: back to our own interval on becoming master.
    IntervalOwn {
        /// The former master's.
        from: Duration,
        /// Ours.
        to: Duration,
    },
    /// VRRPv3: the sender's interval differs from ours (accepted).
    IntervalDiffers {
        /// Ours, centiseconds.
        ours: u64,
        /// Theirs, centiseconds.
        theirs: u64,
    },
    /// `preempt_delay` starts to count.
    PreemptDelayStarted(Duration),
    /// `preempt_delay` no longer matters.
    PreemptDelayStopped,
    /// An advert was dropped.
    Rejected(IpAddr, Reject),
    /// The number of addresses differs (accepted).
    CountDiffers {
        /// Ours.
        ours: usize,
        /// Theirs.
        theirs: u8,
    },
    /// One of our addresses is missing in the advert (accepted).
    VipMissing {
        /// The instance's VRID.
        vrid: u8,
        /// Who sent it.
        source: IpAddr,
        /// The missing address.
        address: IpAddr,
    },
    /// Two address owners.
    TwoOwners(IpAddr),
    /// The other owner goes on: we step down to 254.
    OwnerReduced(IpAddr),
    /// The other owner went silent.
    OwnerGone,
    /// 255 again since another router shows that it is no owner.
    OwnerRestoredByAdvert,
    /// 255 again since nobody else sends.
    OwnerRestoredByTimeout,
    /// First line of a burst for one address.
    QueueingGarp {
        /// Interface.
        link: Arc<str>,
        /// Address.
        address: IpAddr,
    },
    /// At start: a weight-0 script counts as failing.
    StartsInFaultByScript(Arc<str>),
}

/// A line about a tracked script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptEvent {
    /// Another exit status than last time.
    NowReturning(i32),
    /// Good from now on.
    Succeeded,
    /// Bad from now on.
    Failed(Failure),
    /// Still running when the next run is due.
    AlreadyRunning,
    /// Being killed when the next run is due.
    BeingTimedOut,
    /// Survived SIGKILL.
    FailedToDie(u32),
    /// Vanished without an exit status.
    Lost(u32),
    /// Keeps its result across a reload.
    GoodOnReload,
}

impl Event {
    /// When the line is shown.
    pub fn level(&self) -> Level {
        match self {
            Self::Instance(_, event) => event.level(),
            Self::Script(_, event) => event.level(),
            Self::Bfd { .. } => Level::Normal,
            Self::GroupSync(..)
            | Self::GroupStartsInFault(..)
            | Self::GroupMixedOwners(_)
            | Self::DelayingStartup(_)
            | Self::DelayedStartCompleted
            | Self::VridConflict { .. } => Level::Normal,
            Self::Tracker(line) if line.at_start => Level::Normal,
            Self::SendingGarp { .. }
            | Self::Tracker(_)
            | Self::LinkDelayed { .. }
            | Self::LinkDelayCancelled(_) => Level::Detail,
        }
    }
}

impl InstanceEvent {
    fn level(&self) -> Level {
        match self {
            Self::AdvertTimeout
            | Self::SettingVips
            | Self::SettingExcluded
            | Self::SettingRoutes
            | Self::RemovingRoutes
            | Self::SettingRules
            | Self::RemovingRules
            | Self::SettingFirewall
            | Self::RemovingFirewall
            | Self::RemovingVips
            | Self::RemovingExcluded
            | Self::SentZero
            | Self::BackupHeardZero
            | Self::MasterHeardZero
            | Self::MasterSet(_)
            | Self::MasterChanged(..)
            | Self::IntervalLearnt { .. }
            | Self::IntervalOwn { .. }
            | Self::PreemptDelayStarted(_)
            | Self::PreemptDelayStopped
            | Self::QueueingGarp { .. } => Level::Detail,
            Self::Entering(_)
            | Self::EnteringInit
            | Self::Reason(_)
            | Self::StartsInFault
            | Self::StartsLinkDown(_)
            | Self::StartsNoAddress(_)
            | Self::Duplicate { .. }
            | Self::StartsInFaultByScript(_)
            | Self::OldChecksum
            | Self::TimerExpired(_)
            | Self::LowerDiscarded { .. }
            | Self::HigherAdvert { .. }
            | Self::SamePriorityHigherAddress { .. }
            | Self::SamePriorityOurAddress
            | Self::OwnerIgnores(_)
            | Self::LowerAdvert { .. }
            | Self::PriorityChanged(..)
            | Self::BasePrioritySet { .. }
            | Self::PreemptSet(_)
            | Self::IntervalDiffers { .. }
            | Self::Rejected(..)
            | Self::CountDiffers { .. }
            | Self::VipMissing { .. }
            | Self::TwoOwners(_)
            | Self::OwnerReduced(_)
            | Self::OwnerGone
            | Self::OwnerRestoredByAdvert
            | Self::OwnerRestoredByTimeout => Level::Normal,
        }
    }
}

impl ScriptEvent {
    fn level(&self) -> Level {
        match self {
            Self::NowReturning(_) => Level::Detail,
            Self::Succeeded
            | Self::Failed(_)
            | Self::AlreadyRunning
            | Self::BeingTimedOut
            | Self::FailedToDie(_)
            | Self::Lost(_)
            | Self::GoodOnReload => Level::Normal,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(name, event) => event.write(name, f),
            Self::Script(name, event) => event.write(name, f),
            Self::Bfd { instance, bfd, up } => {
                let state = if *up { "UP" } else { "DOWN" };
                write!(f, "VRRP_Instance({instance}) Tracked BFD instance {bfd} is {state}")
            }
            Self::GroupSync(name, state) => {
                write!(f, "VRRP_Group({name}) Syncing instances to {state} state")
            }
            Self::GroupStartsInFault(name, member) => {
                write!(f, "VRRP_Group({name}): Syncing {member} to FAULT state")
            }
            Self::GroupMixedOwners(name) => {
                write!(
                    f,
                    "Sync group {name} has some member(s) as address owner and some not as address owner. This won't work."
                )
            }
            Self::SendingGarp { link, address } => match Family::of(*address) {
                Family::V4 => write!(f, "Sending gratuitous ARP on {link} for {address}"),
                Family::V6 => write!(f, "Sending unsolicited Neighbour Advert on {link} for {address}"),
            },
            Self::Tracker(line) => write!(f, "{line}"),
            Self::DelayingStartup(delay) => write!(f, "Delaying startup for {} seconds", delay.as_secs_f64()),
            Self::DelayedStartCompleted => f.write_str("Delayed start completed"),
            Self::LinkDelayed { link, up, delay } => {
                let state = if *up { "up" } else { "down" };
                write!(
                    f,
                    "{link}: delaying change of state to {state} by {}.{:06}",
                    delay.as_secs(),
                    delay.subsec_micros()
                )
            }
            Self::LinkDelayCancelled(link) => write!(f, "Delay timer for {link} cancelled"),
            Self::VridConflict { name, other, family, vrid } => {
                write!(f, "VRID conflict between {name} and {other} {family} vrid {vrid}")
            }
        }
    }
}

impl InstanceEvent {
    fn write(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartsLinkDown(link) => {
                return write!(f, "({name}): entering FAULT state (interface {link} down)");
            }
            Self::StartsInFaultByScript(script) => {
                return write!(f, "({name}): entering FAULT state due to script {script}");
            }
            Self::OwnerGone => {
                return write!(f, "({name}): rogue address owner appears to have stopped advertising");
            }
            _ => write!(f, "({name}) ")?,
        }
        match self {
            Self::StartsLinkDown(_) | Self::StartsInFaultByScript(_) | Self::OwnerGone => Ok(()),
            Self::Entering(state) => write!(f, "Entering {state} STATE"),
            Self::EnteringInit => f.write_str("Entering BACKUP STATE (init)"),
            Self::Reason(why) => write!(f, "reason: {why}"),
            Self::StartsInFault => f.write_str("entering FAULT state"),
            Self::StartsNoAddress(family) => {
                write!(f, "entering FAULT state (no {family} address for interface)")
            }
            Self::Duplicate { other, family, vrid } => {
                write!(f, "- warning, VRID {vrid} for {family} is currently duplicated on {other}")
            }
            Self::AdvertTimeout => f.write_str("Receive advertisement timeout"),
            Self::SettingVips => f.write_str("setting VIPs."),
            Self::SettingExcluded => f.write_str("setting E-VIPs."),
            Self::SettingRoutes => f.write_str("setting Virtual Routes"),
            Self::RemovingRoutes => f.write_str("removing Virtual Routes"),
            Self::SettingRules => f.write_str("setting Virtual Rules"),
            Self::RemovingRules => f.write_str("removing Virtual Rules"),
            Self::SettingFirewall => f.write_str("setting firewall drop rule"),
            Self::RemovingFirewall => f.write_str("removing firewall drop rule"),
            Self::OldChecksum => f.write_str("Setting unicast VRRPv3 checksum to old version"),
            Self::TimerExpired(late) => {
                write!(f, "timer expired {}.{:06} seconds ago", late.as_secs(), late.subsec_micros())?;
                f.write_str(" - another router may be master, backing up")
            }
            Self::RemovingVips => f.write_str("removing VIPs."),
            Self::RemovingExcluded => f.write_str("removing E-VIPs."),
            Self::SentZero => f.write_str("sent 0 priority"),
            Self::BackupHeardZero => f.write_str("Backup received priority 0 advertisement"),
            Self::MasterHeardZero => f.write_str("Master received priority 0 message"),
            Self::LowerDiscarded { priority, source } => {
                write!(f, "received lower priority ({priority}) advert from {source} - discarding")
            }
            Self::HigherAdvert { source, priority, ours } => {
                write!(f, "Master received advert from {source} with higher priority {priority}, ours {ours}")
            }
            Self::SamePriorityHigherAddress { source, priority } => write!(
                f,
                "Master received advert from {source} with same priority {priority} but higher IP address than ours"
            ),
            Self::SamePriorityOurAddress => {
                f.write_str("WARNING - equal priority advert received from remote host with our IP address.")
            }
            Self::OwnerIgnores(source) => {
                write!(f, "Dropping packet(s) from {source} since we are address owner")
            }
            Self::LowerAdvert { source, priority, ours, answered } => {
                write!(f, "Received advert from {source} with lower priority {priority}, ours {ours}")?;
                if *answered { f.write_str(", forcing new election") } else { Ok(()) }
            }
            Self::MasterSet(source) => write!(f, "master set to {source}"),
            Self::MasterChanged(from, to) => write!(f, "master changed from {from} to {to}"),
            Self::BasePrioritySet { from, to } => {
                write!(f, "base priority changed from {from} to {to} via SNMP.")
            }
            Self::PreemptSet(on) => {
                write!(f, "preemption {} with SNMP", if *on { "enabled" } else { "disabled" })
            }
            Self::PriorityChanged(from, to) => write!(f, "Changing effective priority from {from} to {to}"),
            Self::IntervalLearnt { from, to } => write!(
                f,
                "advertisement interval updated from {}ms to {}ms by master",
                from.as_millis(),
                to.as_millis()
            ),
            Self::IntervalOwn { from, to } => write!(
                f,
                "changing advert interval from {}ms to locally configured {}ms",
                from.as_millis(),
                to.as_millis()
            ),
            Self::IntervalDiffers { ours, theirs } => {
                write!(f, "advertisement interval mismatch ours = {ours} centi-sec rcv'd={theirs} centi-sec")
            }
            Self::PreemptDelayStarted(delay) => {
                write!(f, "start preempt delay ({}.{:06})", delay.as_secs(), delay.subsec_micros())
            }
            Self::PreemptDelayStopped => f.write_str("stop preempt delay"),
            Self::Rejected(source, reject) => reject.write(*source, f),
            Self::CountDiffers { ours, theirs } => write!(f, "expected {ours} VIPs but received {theirs}"),
            Self::VipMissing { vrid, source, address } => write!(
                f,
                "ip address associated with VRID {vrid} not present in advert from {source}: {address}"
            ),
            Self::TwoOwners(source) => write!(
                f,
                "CONFIGURATION ERROR: local instance and {source} are both configured as address owner, please resolve"
            ),
            Self::OwnerReduced(source) => write!(
                f,
                "{source} is still advertising as address owner, please resolve - reducing our priority"
            ),
            Self::OwnerRestoredByAdvert => {
                f.write_str("Restoring our priority to 255 since received advert with lower priority")
            }
            Self::OwnerRestoredByTimeout => {
                f.write_str("Restoring our priority to 255 since other address owner has disappeared")
            }
            Self::QueueingGarp { link, address } => match Family::of(*address) {
                Family::V4 => write!(f, "Sending/queueing gratuitous ARPs on {link} for {address}"),
                Family::V6 => {
                    write!(f, "Sending/queueing Unsolicited Neighbour Adverts on {link} for {address}")
                }
            },
        }
    }
}

impl ScriptEvent {
    fn write(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NowReturning(status) => write!(f, "Script `{name}` now returning {status}"),
            Self::Succeeded => write!(f, "VRRP_Script({name}) succeeded"),
            Self::Failed(Failure::Exited(status)) => {
                write!(f, "VRRP_Script({name}) failed (exited with status {status})")
            }
            Self::Failed(Failure::Signalled(signal)) => {
                write!(f, "VRRP_Script({name}) failed (due to signal {signal})")
            }
            Self::Failed(Failure::TimedOut) => write!(f, "VRRP_Script({name}) timed_out"),
            Self::Failed(Failure::NotExecuted) => {
                write!(f, "VRRP_Script({name}) failed (could not be executed)")
            }
            Self::AlreadyRunning => {
                write!(f, "Track script {name} is already running, expect idle - skipping run")
            }
            Self::BeingTimedOut => {
                write!(f, "Track script {name} is being timed out, expect idle - skipping run")
            }
            Self::FailedToDie(pid) => {
                write!(f, "Script {name} child (PID {pid}) failed to terminate after kill")
            }
            Self::Lost(pid) => write!(f, "Script {name} child (PID {pid}) lost"),
            Self::GoodOnReload => write!(f, "VRRP_Script({name}) considered successful on reload"),
        }
    }
}
