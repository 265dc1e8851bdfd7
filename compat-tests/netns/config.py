"""keepalived.conf texts for the scenarios."""

VIP = "10.9.0.100"


def router_config(router, *blocks, extra="", version=None):
    """global_defs and the blocks. The second burst of announcements is off: where it comes in a log depends on the test's pace."""
    version_line = f"    vrrp_version {version}\n" if version else ""
    return (f"global_defs {{\n    router_id {router.name}\n    enable_script_security\n    script_user root\n"
            f"    vrrp_garp_master_delay 0\n{version_line}{extra}}}\n" + "\n".join(blocks))


def instance(router, name="VI_1", vrid=51, priority=100, version=2, advert_int=1, vips=(f"{VIP}/24",), state="BACKUP", body="",
             interface=None):
    """A vrrp_instance; `body` goes in as it is."""
    lines = [f"state {state}", f"interface {interface or router.INTERFACE}", f"virtual_router_id {vrid}", f"priority {priority}",
             f"version {version}", f"advert_int {advert_int}", *body.splitlines()]
    if vips:
        lines += ["virtual_ipaddress {", *(f"    {vip}" for vip in vips), "}"]
    return f"vrrp_instance {name} {{\n" + "".join(f"    {line}\n" for line in lines) + "}\n"
