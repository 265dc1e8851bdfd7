//! Counters of one instance, as keepalived.stats and the JSON dump show them.

/// Counters since start or since they were last cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Adverts that passed every check.
    pub advert_rcvd: u64,
    /// Adverts sent, priority 0 ones included.
    pub advert_sent: u64,
    /// Transitions to MASTER.
    pub become_master: u64,
    /// Transitions out of MASTER.
    pub release_master: u64,
    /// Wrong lengths.
    pub packet_len_err: u64,
    /// Advert interval mismatches.
    pub advert_interval_err: u64,
    /// Wrong TTL or hop limit.
    pub ip_ttl_err: u64,
    /// Packet types other than advert.
    pub invalid_type_rcvd: u64,
    /// Address lists that differ from ours.
    pub addr_list_err: u64,
    /// Unknown authentication types.
    pub invalid_authtype: u64,
    /// Authentication types other than ours.
    pub authtype_mismatch: u64,
    /// Wrong passwords, wrong or replayed authentication headers.
    pub auth_failure: u64,
    /// Priority 0 adverts received.
    pub pri_zero_rcvd: u64,
    /// Priority 0 adverts sent.
    pub pri_zero_sent: u64,
    /// Wrong checksums.
    pub checksum_err: u64,
    /// Wrong versions.
    pub version_err: u64,
}
