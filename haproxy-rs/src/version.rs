//! What `-v`, `-vv`, `-h` and `-dMhelp` print. Scripts, `varnishtest` and bug reports read these texts, so their layout is the reference's;
//! what they say is true for this program.

use std::fmt::Write as _;

/// The full version. The first three numbers are the level of compatibility, which scripts and `version_atleast()` compare.
pub(crate) const VERSION: &str = concat!("3.0.11-rs", env!("CARGO_PKG_VERSION"));
/// The branch (`HAPROXY_BRANCH`).
pub(crate) const BRANCH: &str = "3.0";
/// Date of the release, year/month/day.
pub(crate) const DATE: &str = "2026/11/23";

/// Every feature name of the reference with whether this program has it: the `Feature list` of `-vv` and `feature()` in conditions.
pub(crate) const FEATURES: &[(&str, bool)] = &[
    ("51DEGREES", false),
    ("ACCEPT4", true),
    ("BACKTRACE", false),
    ("CLOSEFROM", false),
    ("CPU_AFFINITY", true),
    ("CRYPT_H", true),
    ("DEVICEATLAS", false),
    ("DL", false),
    ("ENGINE", false),
    ("EPOLL", true),
    ("EVPORTS", false),
    ("GETADDRINFO", true),
    ("KQUEUE", false),
    ("LIBATOMIC", false),
    ("LIBCRYPT", true),
    ("LINUX_CAP", true),
    ("LINUX_SPLICE", true),
    ("LINUX_TPROXY", true),
    ("LUA", false),
    ("MATH", true),
    ("MEMORY_PROFILING", false),
    ("NETFILTER", false),
    ("NS", true),
    ("OBSOLETE_LINKER", false),
    ("OPENSSL", false),
    ("OPENSSL_AWSLC", false),
    ("OPENSSL_WOLFSSL", false),
    ("OT", false),
    ("PCRE", false),
    ("PCRE2", true),
    ("PCRE2_JIT", true),
    ("PCRE_JIT", false),
    ("POLL", false),
    ("PRCTL", true),
    ("PROCCTL", false),
    ("PROMEX", false),
    ("PTHREAD_EMULATION", false),
    ("QUIC", false),
    ("QUIC_OPENSSL_COMPAT", false),
    ("RT", true),
    ("SHM_OPEN", false),
    ("SLZ", false),
    ("SSL", false),
    ("STATIC_PCRE", false),
    ("STATIC_PCRE2", false),
    ("SYSTEMD", true),
    ("TFO", true),
    ("THREAD", true),
    ("THREAD_DUMP", false),
    ("TPROXY", true),
    ("WURFL", false),
    ("ZLIB", false),
];

/// The most threads that `nbthread` accepts.
const MAX_THREADS: u32 = 256;

/// The four lines of `-v`.
pub(crate) fn banner() -> String {
    let system = nix::sys::utsname::uname().map_or_else(
        |_| "unknown".to_owned(),
        |u| {
            let part = |s: &std::ffi::OsStr| s.to_string_lossy().into_owned();
            [part(u.sysname()), part(u.release()), part(u.version()), part(u.machine())].join(" ")
        },
    );
    format!(
        "HAProxy version {VERSION} {DATE} - haproxy-rs\n\
         Status: haproxy-rs, an independent implementation of HAProxy 3.0 in Rust.\n\
         Known bugs: see the documentation of the package haproxy-rs.\n\
         Running on: {system}\n"
    )
}

/// What `-vv` prints. `cpus` is the default of `nbthread`.
pub(crate) fn build_options(cpus: u32) -> String {
    let mut text = banner();
    let features: Vec<String> =
        FEATURES.iter().map(|(name, on)| format!("{}{name}", if *on { '+' } else { '-' })).collect();
    let options: Vec<String> =
        ["PCRE2", "PCRE2_JIT", "SYSTEMD"].iter().map(|name| format!("USE_{name}=1")).collect();
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let _ = write!(
        text,
        "Build options :\n  TARGET  = linux-glibc\n  CC      = rustc\n  CFLAGS  = {profile}\n  OPTIONS = {}\n  DEBUG   = \n\n\
         Feature list : {}\n\n\
         Default settings :\n  bufsize = 16384, maxrewrite = 1024, maxpollevents = 200\n\n\
         Built with multi-threading support (MAX_TGROUPS=16, MAX_THREADS={MAX_THREADS}, default={cpus}).\n\
         Built with network namespace support.\n\
         Built with transparent proxy support using: IP_TRANSPARENT IPV6_TRANSPARENT\n\
         Built with PCRE2 version : 10\n\
         PCRE2 library supports JIT : yes\n\
         Encrypted password support via crypt(3): yes\n\n",
        options.join(" "),
        features.join(" "),
    );
    text.push_str(&pollers());
    text.push_str(
        "\nAvailable multiplexer protocols :\n\
         (protocols marked as <default> cannot be specified using 'proto' keyword)\n  \
         <default> : mode=HTTP  side=FE|BE  mux=H1    flags=HTX\n         \
         h1 : mode=HTTP  side=FE|BE  mux=H1    flags=HTX|NO_UPG\n  \
         <default> : mode=TCP   side=FE|BE  mux=PASS  flags=\n       \
         none : mode=TCP   side=FE|BE  mux=PASS  flags=NO_UPG\n\n\
         Available services : none\n",
    );
    text.push_str(FILTERS);
    text.push('\n');
    text
}

/// What a start with `-V` or `-d` prints on standard error before it serves.
pub(crate) fn start_report() -> String {
    format!("{}\n{FILTERS}", pollers())
}

fn pollers() -> String {
    "Available polling systems :\n      epoll : pref=300,  test result OK\nTotal: 1 (1 usable), will use epoll.\n".to_owned()
}

const FILTERS: &str = "Available filters :\n\tnone\n";

/// The usage that goes to standard error; `program` is the base name it was called by.
pub(crate) fn usage(program: &str) -> String {
    format!(
        "Usage : {program} [-f <cfgfile|cfgdir>]* [ -vdVD ] [ -n <maxconn> ] [ -N <maxpconn> ]\n{USAGE}\n"
    )
}

const USAGE: &str = "        \
[ -p <pidfile> ] [ -m <max megs> ] [ -C <dir> ] [-- <cfgfile>*]
        -v displays version ; -vv shows known build options.
        -d enters debug mode ; -db only disables background mode.
        -dM[<byte>,help,...] debug memory (default: poison with <byte>/0x50)
        -dt activate traces on stderr
        -V enters verbose mode (disables quiet mode)
        -D goes daemon ; -C changes to <dir> before loading files.
        -W master-worker mode.
        -Ws master-worker mode with systemd notify support.
        -q quiet mode : don't display messages
        -c check mode : only check config files and exit
        -cc check condition : evaluate a condition and exit
        -n sets the maximum total # of connections (uses ulimit -n)
        -m limits the usable amount of memory (in MB)
        -N sets the default, per-proxy maximum # of connections (0)
        -L set local peer name (default to hostname)
        -p writes pids of all children to this file
        -dC[[key],line] display the configuration file, if there is a key, the file will be anonymised
        -de disables epoll() usage even when available
        -dp disables poll() usage even when available
        -dS disables splice usage (broken on old kernels)
        -dG disables getaddrinfo() usage
        -dR disables SO_REUSEPORT usage
        -dL dumps loaded object files after config checks
        -dK{class[,...]} dump registered keywords (use 'help' for list)
        -dr ignores server address resolution failures
        -dV disables SSL verify on servers side
        -dW fails if any warning is emitted
        -dD diagnostic mode : warn about suspicious configuration statements
        -dF disable fast-forward
        -dI enable insecure fork
        -dZ disable zero-copy forwarding
        -sf/-st [pid ]* finishes/terminates old pids.
        -x <unix_socket> get listening sockets from a unix socket
        -S <bind>[,<bind options>...] new master CLI
";

/// What `-dMhelp` prints: the reference's words, with the one setting that holds here.
pub(crate) const MEMORY_HELP: &str = "\
-dM alone enables memory poisonning with byte 0x50 on allocation. A numeric
value may be appended immediately after -dM to use another value (0 supported).
Then an optional list of comma-delimited keywords may be appended to set or
clear some debugging options ('*' marks the current setting):

    set               clear            description
  -----------------+-----------------+-----------------------------------------
    fail           |* no-fail        | randomly fail allocations
  * no-merge       |  merge          | disable merging of similar pools
    cold-first     |* hot-first      | pick cold objects first
    integrity      |* no-integrity   | enable cache integrity checks
  * no-global      |  global         | disable global shared cache
  * no-cache       |  cache          | disable thread-local cache
    caller         |* no-caller      | save caller information in cache
    tag            |* no-tag         | add tag at end of allocated objects
    poison         |* no-poison      | poison newly allocated objects
    uaf            |* no-uaf         | enable use-after-free checks (slow)
  -----------------+-----------------+-----------------------------------------
haproxy-rs has no pools: these options are accepted and change nothing.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_has_four_lines_and_starts_with_the_level_of_compatibility() {
        let banner = banner();
        assert!(banner.starts_with("HAProxy version 3.0.11-rs"));
        assert_eq!(banner.lines().count(), 4);
    }

    #[test]
    fn features_are_sorted_as_in_the_reference() {
        assert!(FEATURES.is_sorted_by_key(|(name, _)| name));
        let text = build_options(2);
        assert!(text.contains("\nFeature list : -51DEGREES +ACCEPT4 "));
        assert!(text.contains("MAX_THREADS=256, default=2)."));
    }

    #[test]
    fn the_usage_has_as_many_lines_as_the_reference_s() {
        assert_eq!(usage("haproxy").lines().count(), 37);
    }
}
