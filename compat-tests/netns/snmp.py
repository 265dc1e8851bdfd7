"""SNMP beside a net-snmp master agent of the scenario's own: the same objects, answers and traps as the reference's."""

import os
import re
import shutil
import signal
import subprocess
import time

from lab import poll, undo

from . import wire
from .config import instance, router_config
from .elections import FAST
from .failures import end
from .rig import PATIENCE, is_advert
from .run import ALONE, scenario

MISSING = next((each for each in ("snmpd", "snmpwalk", "snmptrapd") if not shutil.which(each)), None)
"""What keeps the scenarios from running here."""

KEEPALIVED = ".1.3.6.1.4.1.9586.100.5"
VRRP_MIB = ".1.3.6.1.2.1.68"
VRRPV3_MIB = ".1.3.6.1.2.1.207"
AGENT, TRAPS = "127.0.0.1:1161", "127.0.0.1:1162"
FIRST_ROW_ONLY = (f"{VRRP_MIB}.1.3.1.", f"{VRRP_MIB}.2.4.1.")
"""Tables of which the reference shows the first row."""
WRONG = (f"{KEEPALIVED}.1.1.0 ", f"{KEEPALIVED}.1.3.5.", f"{KEEPALIVED}.2.6.1.11.")
"""The version; what the reference does not show, or shows of the first instance only (docs/keepalived/snmp.md)."""
SILENT = "down_timer_adverts 90"
"""Stays BACKUP for the whole run."""


def optional(register):
    """Registers a scenario where net-snmp is there."""
    return register if MISSING is None else lambda function: function


class Master:
    """A master agent for one router, and the traps that reached it."""

    def __init__(self, router, start=True):
        self.router, self.socket = router, router.path("agentx")
        self.environment = {**os.environ, "SNMP_PERSISTENT_DIR": router.path("persistent"), "SNMPCONFPATH": router.directory, "MIBS": ""}
        router.write("snmpd.conf", f"agentaddress udp:{AGENT}\nrwcommunity public 127.0.0.1\nmaster agentx\nagentXSocket unix:{self.socket}\n"
                     f"agentXPerms 0777 0777\ntrap2sink {TRAPS} public\n")
        router.write("snmptrapd.conf", "disableAuthorization yes\n")
        self.listener = self._run("traps", "snmptrapd", "-f", "-C", "-c", router.path("snmptrapd.conf"), "-On", "-Lo", "-n", "-F", "%v\\n",
                                  f"udp:{TRAPS}")
        self.daemon = None
        if start:
            self.start()

    def start(self):
        self.daemon = self._run("snmpd.log", "snmpd", "-f", "-C", "-c", self.router.path("snmpd.conf"), "-Lo", "-I", "-smux")
        poll.until("the master agent", lambda: os.path.exists(self.socket) and self.get(".1.3.6.1.2.1.1.3.0"), PATIENCE)

    def stop(self):
        undo.end(self.daemon)

    def pid(self):
        """The agent itself, which is what `setpriv` and `ip` became."""
        return self.daemon.pid

    def _run(self, log, *words):
        with open(self.router.path(log), "ab") as file:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.router.space.command(*words)], stdin=subprocess.DEVNULL,
                                       stdout=file, stderr=file, env=self.environment)
        self.router.rig.stack.callback(undo.end, process)
        return process

    def _ask(self, command, *words):
        done = subprocess.run(self.router.space.command(command, "-v2c", "-c", "public", "-On", "-t", "5", "-r", "3", AGENT, *words),
                              capture_output=True, text=True, check=False, timeout=PATIENCE, env=self.environment, stdin=subprocess.DEVNULL)
        return done.stdout + done.stderr

    def get(self, *names):
        return self._ask("snmpget", *names).strip()

    def set(self, *words):
        return self._ask("snmpset", *words).strip()

    def walk(self, root):
        """`OID = TYPE: VALUE` of everything below."""
        return [line for line in self._ask("snmpwalk", root).splitlines() if " = " in line]

    def wait(self, name, value):
        """Waits until an object's line ends so."""
        return poll.until(f"{name} {value} ({self.router.subject})", lambda: self.get(name).endswith(value), PATIENCE)

    def traps(self):
        """The variables of every trap of keepalived, without the time."""
        with open(self.router.path("traps"), encoding="utf-8", errors="replace") as file:
            lines = [line for line in file.read().splitlines() if line.startswith(".1.3.6.1.2.1.1.3.0")]
        bare = [re.sub(r"^\.1\.3\.6\.1\.2\.1\.1\.3\.0 = Timeticks: \S+ \S+\s", "", line) for line in lines]
        return [line for line in bare if any(f"OID: {root}." in line for root in (KEEPALIVED, VRRP_MIB, VRRPV3_MIB))]

    def trap_names(self):
        """Of every trap its name and its objects, in the order in which they came."""
        return [trap.removeprefix(".1.3.6.1.6.3.1.1.4.1.0 = OID: ") for trap in self.traps()]

    def wait_traps(self, text, count=1):
        return poll.until(f"{count} traps {text} ({self.router.subject})", lambda: sum(text in trap for trap in self.traps()) >= count, PATIENCE)

    def everything(self):
        """All three walks without what is time or known to differ."""
        return comparable(self.router.rig, [line for root in (KEEPALIVED, VRRP_MIB, VRRPV3_MIB) for line in self.walk(root)])


def comparable(rig, lines):
    kept, columns = [], set()
    for line in lines:
        table = next((each for each in FIRST_ROW_ONLY if line.startswith(each)), None)
        column = table and table + line.removeprefix(table).split(".")[0]
        if line.startswith(WRONG) or column in columns:
            continue
        if column:
            columns.add(column)
        kept.append(re.sub(r"Timeticks: .*", "Timeticks", line.replace(rig.directory, "DIR")))
    return kept


def options(master, *words):
    lines = words or ("enable_snmp_vrrp", "enable_snmp_rfc", "enable_traps")
    return "".join(f"    {line}\n" for line in (*lines, f"snmp_socket unix:{master.socket}"))


def block(head, *lines):
    return f"{head} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def rich_config(router, master):
    """Something in every table."""
    script = router.write("n.sh", "#!/bin/sh\n", 0o755)
    router.write("f1", "12\n")
    notify = tuple(f"{word} {script}" for word in ("notify_backup", "notify_fault", "notify_stop", "notify"))
    blocks = [
        block("vrrp_script one", f'script "{script} a b"', "interval 3", "timeout 2", "weight 5", "rise 2", "fall 3"),
        block("vrrp_script two", f"script {script}", "interval 2.5", "weight -7 reverse"),
        block("vrrp_track_file F1", f"file {router.path('f1')}", "weight 3"),
        block("vrrp_track_file F2", f"file {router.path('f2')}", "weight -2 reverse", "init_file 7"),
        block("vrrp_track_process P1", f"process {script}.none x y", "weight 11", "quorum 2", "quorum_max 5", "delay 3"),
        block("vrrp_track_process P2", "process hrs-no-such-thing", "param_match initial a b", "fork_delay 2.5", "terminate_delay 1.5", "weight 4"),
        block("bfd_instance B1", "neighbor_ip 10.9.0.99", f"source_ip {router.address}", "weight 5"),
        block("vrrp_sync_group G", "group {", "V3", "V6", "}", *notify, f'notify_master "{script} m"', "smtp_alert", "track_script {", "one", "}",
              "track_file {", "F1 weight 5", "}", "track_interface {", "x0 weight 6", "}", "track_process {", "P1 weight 3", "}"),
        instance(router, priority=200, body="\n".join((
            *notify, f'notify_master "{script} a 1"', f"notify_deleted {script}", f"notify_master_rx_lower_pri {script}", "smtp_alert",
            "promote_secondaries", "preempt_delay 6", block("track_script", "one", "two weight 3"), block("track_file", "F1", "F2 weight 2"),
            block("track_process", "P1", "P2 weight 8"), block("track_bfd", "B1"), block("track_interface", "x1 weight 4"),
            block("virtual_ipaddress_excluded", "10.9.0.120 dev x0", "fd09::77/64"),
            block("virtual_routes", "10.50.0.0/24 via 10.9.0.5 dev eth0 metric 5",
                  "10.51.0.0/24 dev eth0 src 10.9.0.100 scope link table 100 tos 0x10 mtu lock 1400 hoplimit 50 advmss 1000 rtt 400ms rttvar 300ms "
                  "reordering 3 window 6 cwnd lock 7 ssthresh lock 8 rto_min lock 300ms initcwnd 3 initrwnd 4 quickack 1 features ecn realms 3/4",
                  "blackhole 10.52.0.0/24", "unreachable 10.54.0.0/24", "prohibit 10.55.0.0/24",
                  "10.53.0.0/24 nexthop via 10.9.0.6 dev eth0 weight 3 onlink realms 5 nexthop via 10.9.0.7 dev eth0 weight 2"),
            block("virtual_rules", "from 10.50.0.0/24 table 100 priority 700",
                  "to 10.60.0.0/24 iif eth0 oif x0 fwmark 3/7 tos 8 lookup 101 realms 5/6 preference 701", "not from 10.61.0.0/24 blackhole priority 702",
                  "from 10.62.0.0/24 goto 702 priority 600 uidrange 5-9", "iif eth0 table main suppress_ifgroup 5 priority 650",
                  "from fd09::/64 l3mdev preference 703", "from fd09::/64 to fd10::/48 table 100 suppress_prefixlength 3 tunnel-id 12 preference 704",
                  "from 10.64.0.0/24 unreachable preference 706", "from 10.65.0.0/24 prohibit preference 707")))),
        instance(router, "V3", 52, 150, version=3, advert_int=0.5, body="nopreempt\nv3_checksum_as_v2",
                 vips=("10.9.0.101", "10.9.0.102/28 brd 10.9.0.111 label eth0:7", "10.9.0.103 peer 10.9.0.104 scope link")),
        instance(router, "V6", 53, 150, version=3, vips=("fe80::77/64", "fd09::88/64"), body="no_accept\ngarp_master_delay 4"),
        instance(router, "U", 54, 255, vips=("10.9.0.130",), state="MASTER",
                 body="unicast_peer { 10.9.0.40 }\nauthentication {\nauth_type PASS\nauth_pass abcd\n}"),
    ]
    extra = options(master) + "    notification_email {\n x@y.z\n }\n    notification_email_from a@b.c\n    smtp_server 127.0.0.1 2525\n" \
        "    smtp_connect_timeout 12\n    smtp_alert_vrrp on\n    dynamic_interfaces\n"
    return router_config(router, *blocks, extra=extra)


@optional(scenario(ALONE, logs="ignored", packets=False))
def snmp_walk(rig):
    """Every table, in master state."""
    a = rig.routers[0]
    master = Master(a)
    a.ip("link", "add", "x0", "type", "veth", "peer", "name", "x1")
    for name in ("x0", "x1"):
        a.ip("link", "set", name, "up")
    a.configure(rich_config(a, master))
    a.start()
    for number in (1, 2, 3, 4):
        master.wait(f"{KEEPALIVED}.2.3.1.4.{number}", "2")
    for number in (1, 2):
        master.wait(f"{KEEPALIVED}.2.9.1.6.{number}", "3")
    found = master.everything()
    rig.expect("there is something to see", len(found) > 500)
    rig.fact("walk", found)
    rig.fact("get", [master.get(f"{KEEPALIVED}.2.3.1.2.{number}") for number in (1, 4, 5)])
    rig.fact("bulk", master._ask("snmpbulkget", "-Cn1", "-Cr5", f"{KEEPALIVED}.1", f"{KEEPALIVED}.2.3.1", f"{KEEPALIVED}.2.6").replace(rig.directory, "DIR")
             .splitlines()[1:])
    end(rig)


@optional(scenario(ALONE, logs="ignored", packets=False))
def snmp_states(rig):
    """Backup, master and fault of a group: walks in each, and all traps in order."""
    a = rig.routers[0]
    master = Master(a)
    group = block("vrrp_sync_group G", "group {", "VI_1", "V2", "}")
    alone = instance(a, "V3", 53, version=3, vips=("10.9.0.53/24",), body=SILENT)
    a.configure(router_config(a, group, instance(a, priority=200, body="down_timer_adverts 5"), instance(a, "V2", 52, vips=("10.9.0.52/24",), body="down_timer_adverts 9"),
                              alone, extra=options(master)))
    a.start()
    master.wait(f"{KEEPALIVED}.2.3.1.4.3", "1")
    rig.fact("backup", master.everything())
    master.wait(f"{KEEPALIVED}.2.1.1.3.1", "2")
    rig.fact("master", master.everything())
    rig.unplug(a)
    master.wait(f"{KEEPALIVED}.2.3.1.4.3", "3")
    master.wait(f"{KEEPALIVED}.2.1.1.3.1", "3")
    rig.fact("fault", master.everything())
    rig.plug(a)
    master.wait(f"{KEEPALIVED}.2.1.1.3.1", "2")
    end(rig)
    master.wait_traps('.5.2.1.1.3 = INTEGER: 5')
    traps = master.trap_names()
    rig.expect("there are traps", len(traps) > 15)
    for name in ("VI_1", "V2", "V3", '"G"'):
        rig.fact(f"traps of {name}", [trap for trap in traps if name in trap])
    rig.fact("traps of the RFCs", sorted(trap for trap in traps if trap.startswith((VRRP_MIB, VRRPV3_MIB))))


@optional(scenario(ALONE, logs="ignored", packets=False))
def snmp_starts_in_fault(rig):
    """Interfaces that are down or have no address: the traps of the start, and what a walk shows."""
    a = rig.routers[0]
    master = Master(a)
    a.ip("link", "add", "x0", "type", "veth", "peer", "name", "x1")
    group = block("vrrp_sync_group G", "group {", "V2", "V3", "}")
    blocks = (instance(a, body=SILENT), instance(a, "V2", 52, vips=("10.9.0.52/24",), interface="x0"), instance(a, "V3", 53, vips=("10.9.0.53/24",)),
              instance(a, "V4", 54, vips=("10.9.0.54/24",), body=block("track_interface", "x1")))
    a.configure(router_config(a, group, *blocks, extra=options(master)))
    a.start()
    master.wait_traps('STRING: "VI_1"')
    # The hardware address of x0 is anything.
    rig.fact("walk", [line for line in master.everything() if not line.startswith(f"{VRRPV3_MIB}.1.1.1.1.5.4.")])
    end(rig)
    master.wait_traps('.5.2.1.1.3 = INTEGER: 5')
    rig.fact("traps", master.trap_names())


@optional(scenario(ALONE, logs="ignored", packets=False))
def snmp_errors(rig):
    """Traps and counters of bad adverts."""
    a = rig.routers[0]
    master = Master(a)
    auth = "\nauthentication {\n auth_type PASS\n auth_pass 123456\n}"
    a.configure(router_config(a, instance(a, body=SILENT + auth), instance(a, "V3", 52, version=3, vips=("10.9.0.52/24",), body=SILENT), extra=options(master)))
    a.start()
    master.wait(f"{KEEPALIVED}.2.3.1.4.2", "1")
    injector = wire.Injector(rig.stack, rig.lan, a.name)
    good = {"auth": 1, "data": b"123456\0\0", "priority": 200}
    rows = [(wire.v2(**{**good, **changes}), ends) for changes, ends in (
        ({"data": b"654321\0\0"}, {}), ({"auth": 0, "data": bytes(8)}, {}), ({"auth": 7}, {}), ({}, {"ttl": 254}), ({"bad_sum": True}, {}),
        ({"kind": 2}, {}), ({}, {}))]
    rows += [(wire.v3(vrid=52, source="10.9.0.9", addresses=("10.9.0.52",), **changes), {"source": "10.9.0.9", **ends}) for changes, ends in (
        ({"bad_sum": True}, {}), ({}, {"ttl": 1}), ({}, {}))] + [(wire.v2(vrid=52), {"source": "10.9.0.9"})]
    for payload, ends in rows:
        injector.send(wire.ethernet(wire.ipv4(payload, **ends)))
    master.wait(f"{VRRPV3_MIB}.1.2.2.0", "1")
    master.wait_traps(f"{VRRPV3_MIB}.0.2", count=5)
    rig.fact("counters", comparable(rig, master.walk(f"{VRRP_MIB}.2") + master.walk(f"{VRRPV3_MIB}.1.2")))
    rig.fact("traps", [trap for trap in master.trap_names() if trap.startswith((f"{VRRP_MIB}.0.2", f"{VRRPV3_MIB}.0.2"))])
    end(rig)


@optional(scenario(ALONE, logs="ignored", packets=False))
def snmp_set(rig):
    """What a manager may write, what it may not, and that a reload undoes it."""
    a = rig.routers[0]
    master = Master(a)
    a.configure(router_config(a, instance(a, body=SILENT), extra=options(master)))
    a.start()
    entry = f"{KEEPALIVED}.2.3.1"
    master.wait(f"{entry}.4.1", "1")
    for column, values in ((7, (120, 0, 256, 254)), (13, (2, 1, 3)), (27, (1,)), (28, (1,)), (29, (1,)), (33, (1,)), (8, (5,))):
        for value in values:
            rig.fact(f"{column} = {value}", [master.set(f"{entry}.{column}.1", "i", str(value)), master.get(f"{entry}.{column}.1", f"{entry}.8.1")])
    rig.fact("another type", master.set(f"{entry}.7.1", "s", "abc"))
    rig.fact("no such row", master.set(f"{entry}.7.9", "i", "5"))
    rig.fact("two, one of them wrong", [master.set(f"{entry}.7.1", "i", "101", f"{entry}.13.1", "i", "7"), master.get(f"{entry}.7.1")])
    rig.fact("two", [master.set(f"{entry}.7.1", "i", "102", f"{entry}.13.1", "i", "2"), master.get(f"{entry}.7.1", f"{entry}.13.1")])
    for name in (f"{VRRP_MIB}.1.2.0", f"{VRRP_MIB}.1.3.1.5.2.51", f"{KEEPALIVED}.1.4.0"):
        rig.fact(f"set {name}", master.set(name, "i", "2"))
    a.reload()
    a.wait_log("Reload complete")
    master.wait(f"{entry}.7.1", "100")
    rig.fact("after a reload", master.get(f"{entry}.7.1", f"{entry}.8.1", f"{entry}.13.1"))
    rig.fact("lines", [line for line in a.lines() if "via SNMP" in line or "with SNMP" in line or "effective priority" in line])
    end(rig)


def answers(master):
    """How many objects each group has, and who sends traps."""
    return [f"{root} {len(master.walk(root))}" for root in (f"{KEEPALIVED}.1", f"{KEEPALIVED}.2", f"{KEEPALIVED}.3", VRRP_MIB, VRRPV3_MIB)]


def each_keyword(rig, number):
    """One choice of keywords and options."""
    words, arguments = KEYWORDS[number]
    a = rig.routers[0]
    master = Master(a)
    socket = "snmp_socket unix:/nonexistent" if "-A" in arguments else f"snmp_socket unix:{master.socket}"
    a.configure(router_config(a, instance(a, body=SILENT), extra="".join(f"    {word}\n" for word in (*words, socket))))
    a.start(*(each.format(socket=master.socket) for each in arguments))
    a.wait_state("BACKUP")
    if words != ("enable_traps",):
        a.wait_log("AgentX subagent connected")
    rig.fact("objects", answers(master))
    end(rig)
    rig.fact("traps", master.trap_names())


KEYWORDS = ((("enable_snmp_vrrp",), ()), (("enable_snmp_keepalived", "enable_traps"), ()), (("enable_snmp_rfcv2",), ()), (("enable_snmp_rfcv3", "enable_traps"), ()),
            (("enable_snmp_rfc",), ()), (("enable_traps",), ()), ((), ("-x", "-A", "unix:{socket}")))


def register_keywords():
    for number, (words, arguments) in enumerate(KEYWORDS):
        def one(rig, number=number):
            each_keyword(rig, number)
        one.__name__ = "snmp_keyword_" + "_".join(word.removeprefix("enable_") for word in words or ("option_x",))
        optional(scenario(ALONE, logs="ignored", packets=False))(one)


register_keywords()


@optional(scenario((("ours",),), logs="ignored", packets=False))
def snmp_master_goes_away(rig):
    """Without a master, with one that ends and comes back, by TCP, and a reload that turns it off and on: adverts go on."""
    a = rig.routers[0]
    master = Master(a, start=False)

    def config(*words):
        return router_config(a, instance(a, priority=200, **FAST), extra=options(master, *words))
    a.configure(config())
    a.start()
    a.wait_log("Failed to connect to the agentx master agent")
    a.wait_state("MASTER")
    at = time.time()
    state = f"{KEEPALIVED}.2.3.1.4.1"
    master.start()
    master.wait(state, "2")
    master.stop()
    a.wait_log("AgentX master disconnected us")
    master.start()
    master.wait(state, "2")
    a.reload(config("enable_traps"))
    a.wait_log("Reload complete")
    poll.until("the objects are gone", lambda: "No Such" in master.get(state), PATIENCE)
    a.reload(config())
    a.wait_log("Reload complete", count=2)
    master.wait(state, "2")
    a.reload(config("enable_snmp_vrrp", "enable_traps"))
    a.wait_log("Reload complete", count=3)
    poll.until("one MIB is gone", lambda: "No Such" in master.get(f"{VRRP_MIB}.1.1.0"), PATIENCE)
    master.wait(state, "2")
    os.kill(master.pid(), signal.SIGSTOP)
    stopped = time.time()
    rig.unplug(a)
    a.wait_state("FAULT")
    rig.plug(a)
    a.wait_state("MASTER")
    rig.expect("a master that hangs holds nothing up", time.time() - stopped < 10)
    os.kill(master.pid(), signal.SIGCONT)
    master.wait_traps('INTEGER: 3')
    sent = [frame.at for frame in rig.capture.frames if is_advert(a)(frame) and at < frame.at < stopped]
    gaps = [later - earlier for earlier, later in zip(sent, sent[1:])]
    rig.expect(f"adverts go on: {max(gaps)}", max(gaps) < 1.0)
    end(rig)
