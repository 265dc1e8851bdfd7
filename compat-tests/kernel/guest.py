"""What a guest does: the shell script of its scenarios, and the reading of what it wrote.

Every scenario has two routers, `a` and `b`, in namespaces of its own with three cables between them. All run at the same time, for
they wait most of the time. What is to be compared is written between lines `@@ fact NAME` and `@@ end`.
"""

import json
import re

from netns import known, rig, run

LIBRARY = r"""
ip() { /real/ip "$@"; }
fact() { echo "@@ fact $S $1"; shift; "$@" 2>&1; echo "@@ end"; }
inside() { R=$1; shift; ip netns exec $S-$R "$@"; }
routers() {
  mkdir -p /tmp/$S; cd /tmp/$S
  ip netns add $S-a; ip netns add $S-b
  for N in 0 1 2; do
    ip -n $S-a link add eth$N address 02:00:00:09:0$N:01 type veth peer name eth$N address 02:00:00:09:0$N:02 netns $S-b
  done
  I=1
  for R in a b; do
    ip -n $S-$R link set lo up
    for N in 0 1 2; do
      inside $R sh -c "echo 0 >/proc/sys/net/ipv6/conf/eth$N/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad"
      ip -n $S-$R address add 10.$N.0.$I/24 dev eth$N
      ip -n $S-$R link set eth$N up
    done
    I=2
  done
}
start() {
  eval P=\$$1
  : >>$1.log
  (exec /real/ip netns exec $S-$1 keepalived-$P -f /tmp/$S/$1.conf -n -l -D -G -p /tmp/$S/$1.p -r /tmp/$S/$1.v -c /tmp/$S/$1.c \
    -b /tmp/$S/$1.b) >>$1.log 2>&1 &
  eval PID_$1=$!
  said $1 "Startup complete"
}
stop() { eval kill \$PID_$1; eval wait \$PID_$1; echo "@@ fact $S exit code of $1"; echo $?; echo "@@ end"; }
# Waits until the router's log has COUNT lines with a text. After one wait in vain the others do not wait.
said() {
  T=0
  until [ -n "$LATE" ] || [ $(grep -c -F -- "$2" $1.log) -ge ${3:-1} ]; do
    T=$((T + 1))
    [ $T -gt 400 ] && { LATE=1; echo "@@ fact $S late"; echo "$1: $2 (${3:-1})"; tail -n 5 $1.log; echo "@@ end"; return 1; }
    usleep 50000
  done
}
# Waits until a condition holds.
until_true() {
  T=0
  until [ -n "$LATE" ] || "$@" >/dev/null 2>&1; do
    T=$((T + 1))
    [ $T -gt 400 ] && { LATE=1; echo "@@ fact $S late"; echo "$*"; echo "@@ end"; return 1; }
    usleep 50000
  done
}
holds() { ip -n $S-$1 -o address show | grep -q -F " $2/"; }
vm1_in() { ip -n $S-a -o link show vm1 | grep -q "master $1"; }
vm1_left() { ! vm1_in $1; }
lacks() { ! holds $1 $2; }
look() {
  fact "$2 links of $1" ip -n $S-$1 -d -j link show
  fact "$2 addresses of $1" ip -n $S-$1 -j address show
  fact "$2 routes of $1" ip -n $S-$1 -o route show table all proto keepalived
  fact "$2 rules of $1" ip -n $S-$1 rule show
}
"""


def block(name, vrid, priority, interface, vip, more):
    lines = ["state BACKUP", f"interface {interface}" if interface else "", f"virtual_router_id {vrid}", f"priority {priority}", "version 3",
             "advert_int 1", "garp_master_delay 0", *more, "virtual_ipaddress {", f"  {vip}", "}"]
    return f"vrrp_instance {name} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def config(name, *blocks, words=""):
    return f"cat >{name}.conf <<'END'\nglobal_defs {{\n  router_id {name}\n  {words}\n}}\n" + "".join(blocks) + "END\n"


def ipvlans(router, priority):
    """Every form of the manual: names, no name, a name that is a word, flags, a group, IPv6, no address."""
    last = 11 if router == "a" else 12
    return config(
        router,
        block("V1", 51, priority, "eth0", "10.0.0.100/24", [f"use_ipvlan ipv0 10.0.0.{last}/24"]),
        block("V2", 52, priority, "eth0", "10.0.0.101/24", [f"use_ipvlan 10.0.0.{last + 10}"]),
        block("V3", 53, priority, "eth1", "10.1.0.100/24", [f"use_ipvlan name bridge 10.1.0.{last}/24 private group 7"]),
        block("V4", 54, priority, "eth2", "10.2.0.100/24", [f"use_ipvlan ipv2 10.2.0.{last}/24 vepa"]),
        block("V5", 55, priority, "eth0", "fe80::100", ["use_ipvlan ipv6", "virtual_ipaddress_excluded {", "  fd09::100/64", "}"]),
        block("V6", 56, priority, "eth0", "10.0.0.102/24", ["use_ipvlan none0"]))


MASTERS = ("V1", "V2", "V3", "V4", "V5")


def all_said(router, text, count=1, instances=MASTERS):
    return "".join(f"said {router} '({each}) {text}' {count}\n" for each in instances)


def ipvlan():
    return (f"""routers
{ipvlans("a", 150)}{ipvlans("b", 100)}start a
{all_said("a", "Entering MASTER STATE")}until_true holds a fd09::100
until_true holds a 10.2.0.100
start b
{all_said("b", "Entering BACKUP STATE")}said b 'master set to' 5
look a master
look b backup
for IF in ipv0 bridge ipv6; do
  fact "settings of $IF" inside a grep -s . /proc/sys/net/ipv4/conf/$IF/arp_ignore /proc/sys/net/ipv4/conf/$IF/arp_filter \\
    /proc/sys/net/ipv4/conf/$IF/accept_local /proc/sys/net/ipv4/conf/$IF/rp_filter /proc/sys/net/ipv4/conf/$IF/promote_secondaries \\
    /proc/sys/net/ipv6/conf/$IF/disable_ipv6
done
stop a
look a 'after its end'
{all_said("b", "Entering MASTER STATE")}until_true holds b fd09::100
until_true holds b 10.2.0.100
look b 'new master'
stop b
look b 'after its end'
""")


def ipvlan_changes():
    """The cable goes and comes back; the program dies, and finds the interface again."""
    return (f"""routers
{config("a", block("V1", 51, 150, "eth0", "10.0.0.100/24", ["use_ipvlan ipv0 10.0.0.11/24"]))}start a
said a 'Entering MASTER STATE'
until_true holds a 10.0.0.100
ip -n $S-b link set eth0 down
said a 'Entering FAULT STATE'
until_true lacks a 10.0.0.100
look a 'without carrier'
ip -n $S-b link set eth0 up
said a 'Entering MASTER STATE' 2
until_true holds a 10.0.0.100
look a 'with carrier again'
kill -9 $(cat a.v) $PID_a
until_true [ ! -d /proc/$PID_a ]
look a 'left behind'
start a
said a 'Entering MASTER STATE' 3
until_true holds a 10.0.0.100
look a 'found'
stop a
look a 'after its end'
""")


def ipvlan_deleted():
    """Somebody deletes it. Ours makes it again and is master; the reference makes it without its address and stays backup."""
    return (f"""routers
{config("a", block("V1", 51, 150, "eth0", "10.0.0.100/24", ["use_ipvlan ipv0 10.0.0.11/24"]))}start a
said a 'Entering MASTER STATE'
until_true holds a 10.0.0.100
ip -n $S-a link del ipv0
said a 'Success creating ipvlan' 2
[ $a = ours ] && said a 'Entering MASTER STATE' 2 && until_true holds a 10.0.0.11
fact "links of a" ip -n $S-a -d -j link show
stop a
look a 'after its end'
""")


def ipvlan_conflict():
    """Somebody's ipvlan comes to lie on the interface of another instance with its VRID, and leaves it again."""
    def comes(on):
        return (f"ip -n $S-a link add ipv9 link {on} type ipvlan mode l2\nip -n $S-a address add 10.9.5.1/24 dev ipv9\n"
                "ip -n $S-a link set ipv9 up\n")
    both = block("V1", 51, 150, "eth0", "10.0.0.100/24", []) + block("V2", 51, 150, "ipv9", "10.9.5.100/24", [])
    return (f"""routers
{comes("eth1")}{config("a", both, words="dynamic_interfaces allow_if_changes")}start a
{all_said("a", "Entering MASTER STATE", 1, ("V1", "V2"))}ip -n $S-a link del ipv9
said a 'Interface ipv9 deleted'
{comes("eth0")}said a 'VRID conflict between'
said a 'Netlink reports ipv9 up'
fact "the conflict" grep -o 'VRID conflict.*' a.log
look a 'in conflict'
ip -n $S-a link del ipv9
said a 'Interface ipv9 deleted' 2
{comes("eth2")}said a '(V2) Entering MASTER STATE' 2
until_true holds a 10.9.5.100
look a 'elsewhere'
stop a
""")


def vrfs(router, priority):
    other = "10.2.0.2" if router == "a" else "10.2.0.1"
    mine = "10.2.0.1" if router == "a" else "10.2.0.2"
    return config(
        router,
        block("V1", 51, priority, "eth0", "10.0.0.100/24",
              ["virtual_routes {", "  10.80.0.0/24 via 10.0.0.250 dev eth0 vrf blue", "  10.81.0.0/24 via 10.0.0.250 dev eth0 table 100", "}"]),
        block("V2", 52, priority, "eth1", "10.1.0.100/24", ["use_vmac vm1"]),
        block("V3", 53, priority, "", "10.2.0.100/24 dev eth2",
              ["vrf blue", f"unicast_src_ip {mine}", "unicast_peer {", f"  {other}", "}"]),
        block("V4", 54, priority, "eth0", "fe80::100", ["virtual_ipaddress_excluded {", "  fd09::100/64", "}"]))


VRF_MASTERS = ("V1", "V2", "V3", "V4")


def vrf():
    return (f"""routers
for R in a b; do
  ip -n $S-$R link add blue type vrf table 100
  ip -n $S-$R link set blue up
  for N in 0 1 2; do ip -n $S-$R link set eth$N master blue; done
done
{vrfs("a", 150)}{vrfs("b", 100)}start a
{all_said("a", "Entering MASTER STATE", 1, VRF_MASTERS)}until_true holds a fd09::100
until_true holds a 10.2.0.100
start b
{all_said("b", "Entering BACKUP STATE", 1, VRF_MASTERS)}said b 'master set to' 4
look a master
look b backup
fact "table of a" ip -n $S-a -o route show table 100 type unicast
stop a
look a 'after its end'
{all_said("b", "Entering MASTER STATE", 1, VRF_MASTERS)}until_true holds b fd09::100
until_true holds b 10.2.0.100
look b 'new master'
stop b
look b 'after its end'
""")


def vrf_changes():
    """The interfaces of a master leave their VRF and come back to it."""
    return (f"""routers
ip -n $S-a link add blue type vrf table 100
ip -n $S-a link set blue up
for N in 0 1; do ip -n $S-a link set eth$N master blue; done
{config("a", block("V1", 51, 150, "eth0", "10.0.0.100/24", []), block("V2", 52, 150, "eth1", "10.1.0.100/24", ["use_vmac vm1"]))}start a
{all_said("a", "Entering MASTER STATE", 1, ("V1", "V2"))}until_true holds a 10.1.0.100
for N in 0 1; do ip -n $S-a link set eth$N nomaster; done
until_true vm1_left blue
said a '(V1) Entering MASTER STATE' 2
said a '(V2) Entering MASTER STATE' 2
until_true holds a 10.0.0.100
until_true holds a 10.1.0.100
look a 'out of it'
for N in 0 1; do ip -n $S-a link set eth$N master blue; done
until_true vm1_in blue
said a '(V1) Entering MASTER STATE' 3
said a '(V2) Entering MASTER STATE' 3
until_true holds a 10.0.0.100
until_true holds a 10.1.0.100
look a 'in it again'
stop a
""")


SCENARIOS = {each.__name__: each for each in (ipvlan, ipvlan_changes, ipvlan_deleted, ipvlan_conflict, vrf, vrf_changes)}
ALONE = ("ipvlan_changes", "ipvlan_deleted", "ipvlan_conflict", "vrf_changes")
"""Those with one program, `a`."""
LOGS_IGNORED = ("ipvlan_deleted", "ipvlan_conflict")
"""Those in which ours goes on where the reference does not, or in which the kernel's pace decides what is said of a link."""
SAYS_MORE = re.compile(r"\(V6\) entering FAULT")
"""An ipvlan without address is a fault of which the reference says nothing more."""


def script(a, b):
    """The shell script of a guest whose routers are the programs `a` and `b`."""
    parts = [f"a={a} b={b}\n{LIBRARY}"]
    chosen = {name: make for name, make in SCENARIOS.items() if name not in ALONE or (a, b) != ("reference", "ours")}
    for name, make in chosen.items():
        parts.append(f"(\nS={name}\n{make()}for R in a b; do [ -e $R.log ] && fact \"log of $R\" cat $R.log; done\n) >/tmp/{name}.out 2>/tmp/{name}.err </dev/null &\n{name}=$!\n")
    parts += [f"wait ${name}\ncat /tmp/{name}.out /tmp/{name}.err >/dev/ttyS1\n" for name in chosen]
    parts.append("echo '@@ all' >/dev/ttyS1\n")
    return "".join(parts)


def read(text):
    """{scenario: {fact: lines}} of what a guest wrote, without what differs from run to run."""
    found = {name: {} for name in SCENARIOS}
    for scenario, name, body in re.findall(r"^@@ fact (\S+) (.*)\n((?:(?!@@ ).*\n)*)@@ end$", text, flags=re.M):
        found.setdefault(scenario, {})[name] = normal(scenario, name, body)
    return found


def normal(scenario, name, body):
    lines = body.splitlines()
    if " links of " in name:
        return [json.dumps(each, sort_keys=True) for each in sorted(map(link, json.loads(body or "[]")), key=lambda each: each["ifname"])]
    if " addresses of " in name:
        return sorted(f"{each['ifname']} {one['local']}/{one['prefixlen']} {one['scope']} {one.get('label', '')} "
                      + " ".join(flag for flag in ("secondary", "deprecated", "nodad") if one.get(flag))
                      for each in json.loads(body or "[]") for one in each["addr_info"])
    if name.startswith("log of "):
        return log(lines, scenario)
    return lines


LINK = ("ifname", "link", "master", "group", "operstate", "mtu", "inet6_addr_gen_mode", "promiscuity")


def link(each):
    """What is compared of a link: all that a program can choose."""
    info = each.get("linkinfo", {})
    return {**{key: each[key] for key in LINK if key in each}, "flags": sorted(each.get("flags", [])), "address": "" if info.get("info_kind") == "vrf" else each.get("address", ""),
            "kind": info.get("info_kind"), "data": info.get("info_data"), "slave": info.get("info_slave_data")}


def log(lines, scenario):
    """The lines of the VRRP process, those of each instance and address in their order."""
    lines = [re.sub(r"^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}: ", "", line) for line in lines]
    lines = [re.sub(r"fd\(-?\d+(,\s*-?\d+)?\)", "fd(N)", line).replace(f"/tmp/{scenario}/", "DIR/") for line in lines
             if line and not rig.PARENT_LINES.match(line)]
    lines = [re.sub(r"ifindex\( *\d+\)", "ifindex(N)", line) for line in lines]
    lines = [re.sub(r", seq=\d+, pid=\w+$", "", line) for line in lines]
    # What is about an instance in its order; the rest, which the kernel's pace mixes, sorted.
    lines = known.lines(known.ours(lines))
    # Link-local addresses, and what a link is for a moment while it changes its VRF, come at the kernel's pace.
    lines = [each for each in lines if not SAYS_MORE.match(each) and not re.match(r"(Assigned|Deassigned) address fe80|Netlink reports ", each)]
    told = sorted((each for each in lines if each.startswith("(")), key=run.stream)
    return told + sorted({each for each in lines if not each.startswith("(")})
