//! What this program calls itself: `-v`, the lines at start and stop, and what it runs on.

use std::fmt::Write;

/// Level of compatibility, then our own version.
pub(crate) const VERSION: &str = concat!("2.3.3-rs", env!("CARGO_PKG_VERSION"));
/// Date of this version, month first as the reference writes it.
const DATE: &str = "11/22,2026";
/// The kernel whose interfaces this program knows, in the place where the reference names the headers it was built with.
const KERNEL_INTERFACE: &str = "6.12.21";

/// `Keepalived v2.3.3-rs0.1.0 (11/22,2026)`.
pub(crate) fn title() -> String {
    format!("Keepalived v{VERSION} ({DATE})")
}

/// `Running on Linux R V (built for Linux X)`, or a warning when the kernel is older than that.
pub(crate) fn running_on() -> String {
    running_on_kernel(&kernel())
}

fn running_on_kernel(kernel: &str) -> String {
    let release = kernel.split(' ').nth(1).unwrap_or_default();
    if numbers(release) < numbers(KERNEL_INTERFACE) {
        format!("WARNING - keepalived was built for newer Linux {KERNEL_INTERFACE}, running on {kernel}")
    } else {
        format!("Running on {kernel} (built for Linux {KERNEL_INTERFACE})")
    }
}

/// The first three numbers of a release such as `6.1.0-57-amd64`.
fn numbers(release: &str) -> [u32; 3] {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

/// The text of `-v`.
pub(crate) fn long() -> String {
    let mut text = title();
    text.push_str("\n\nkeepalived-rs, an implementation of its own in Rust; not a product of the keepalived project\n\n");
    let _ = writeln!(text, "Built with kernel headers for Linux {KERNEL_INTERFACE}");
    let _ = writeln!(text, "Running on {}", kernel());
    if let Some(name) = distribution() {
        let _ = writeln!(text, "Distro: {name}");
    }
    let _ = writeln!(text, "\nConfig options:  {}", CONFIG_OPTIONS.join(" "));
    let _ = writeln!(text, "\nSystem options:  {}", SYSTEM_OPTIONS.join(" "));
    text
}

/// The reference's names of what it was built with, in its order: those that are true of this program.
const CONFIG_OPTIONS: [&str; 18] = [
    "NFTABLES",
    "VRRP",
    "VRRP_AUTH",
    "VRRP_VMAC",
    "JSON",
    "BFD",
    "OLD_CHKSUM_COMPAT",
    "SNMP_V3_FOR_V2",
    "SNMP_VRRP",
    "SNMP_RFCV2",
    "SNMP_RFCV3",
    "DBUS",
    "IPROUTE_ETC_DIR=/etc/iproute2",
    "IPROUTE_USR_DIR=/usr/share/iproute2",
    "FILE_LOGGING",
    "LOG_FILE_APPEND",
    "INIT=systemd",
    "SYSTEMD_NOTIFY",
];

/// Its names of what it uses of the kernel and the C library, likewise.
const SYSTEM_OPTIONS: [&str; 26] = [
    "RTA_ENCAP",
    "RTA_EXPIRES",
    "RTA_PREF",
    "FRA_SUPPRESS_PREFIXLEN",
    "FRA_SUPPRESS_IFGROUP",
    "FRA_TUN_ID",
    "RTAX_CC_ALGO",
    "RTAX_QUICKACK",
    "FRA_L3MDEV",
    "FRA_UID_RANGE",
    "RTAX_FASTOPEN_NO_COOKIE",
    "RTA_VIA",
    "FRA_PROTOCOL",
    "FRA_IP_PROTO",
    "FRA_SPORT_RANGE",
    "FRA_DPORT_RANGE",
    "RTA_TTL_PROPAGATE",
    "IFA_FLAGS",
    "F_OFD_SETLK",
    "IFA_PROTO",
    "LWTUNNEL_ENCAP_MPLS",
    "LWTUNNEL_ENCAP_ILA",
    "VRRP_IPVLAN",
    "GLOB_BRACE",
    "INET6_ADDR_GEN_MODE",
    "VRF",
];

fn kernel() -> String {
    match nix::sys::utsname::uname() {
        Ok(name) => format!(
            "{} {} {}",
            name.sysname().to_string_lossy(),
            name.release().to_string_lossy(),
            name.version().to_string_lossy()
        ),
        Err(_) => "Linux".to_owned(),
    }
}

fn distribution() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::running_on_kernel;

    #[test]
    fn an_older_kernel_is_warned_of() {
        let old = running_on_kernel("Linux 6.1.0-57-amd64 #1 SMP");
        assert_eq!(
            old,
            "WARNING - keepalived was built for newer Linux 6.12.21, running on Linux 6.1.0-57-amd64 #1 SMP"
        );
        let new = running_on_kernel("Linux 6.18.44 #1");
        assert_eq!(new, "Running on Linux 6.18.44 #1 (built for Linux 6.12.21)");
    }
}
