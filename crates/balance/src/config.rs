//! What `balance`, `hash-type` and `hash-balance-factor` say (configuration manual, sections 4.2 and 5.2).

/// `balance <algorithm> [arguments]`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// Dynamic smooth weighted round robin.
    #[default]
    RoundRobin,
    /// None at all: only persistence and `use-server` find a server (`dispatch`, `option transparent`).
    None,
    /// Weighted round robin on a fixed map.
    StaticRoundRobin,
    /// Fewest connections.
    LeastConn,
    /// First server with a free slot.
    First,
    /// Hash of the client's address.
    Source,
    /// Hash of the request target.
    Uri {
        /// Bytes to look at; 0 means all.
        len: u32,
        /// Directory levels to look at; 0 means all.
        depth: u32,
        /// Whether the query counts.
        whole: bool,
        /// Whether scheme and authority are left out.
        path_only: bool,
    },
    /// Hash of a query (or POST body) parameter.
    UrlParam {
        /// The parameter's name.
        name: Vec<u8>,
    },
    /// Hash of a header.
    Header {
        /// Its name in lower case.
        name: Vec<u8>,
        /// Hash only the main part of the domain name.
        use_domain_only: bool,
    },
    /// Hash of an RDP cookie.
    RdpCookie {
        /// Its name.
        name: Vec<u8>,
    },
    /// Power of n random choices.
    Random {
        /// Number of draws, at least 1.
        draws: u32,
    },
}

/// `hash-type`'s method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HashType {
    /// A static map of all servers.
    #[default]
    MapBased,
    /// A ring.
    Consistent,
}

/// `hash-type`'s function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HashFunction {
    /// sdbm
    #[default]
    Sdbm,
    /// djb2
    Djb2,
    /// wt6
    Wt6,
    /// crc32
    Crc32,
    /// none
    None,
}

/// `hash-type`, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Hash {
    /// Map or ring.
    pub hash_type: HashType,
    /// The function.
    pub function: HashFunction,
    /// Whether the avalanche modifier applies.
    pub avalanche: bool,
}

/// `hash-key` of a server: what places it on the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HashKey {
    /// Its id.
    #[default]
    Id,
    /// Its address.
    Addr,
    /// Its address and port.
    AddrPort,
}

/// Everything a backend says about balancing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Config {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The hash.
    pub hash: Hash,
    /// `hash-balance-factor` in percent; 0 means off.
    pub hash_balance_factor: u32,
}
