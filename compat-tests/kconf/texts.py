"""Whole configurations: blocks of the grammar put together, and texts whose shape is spoilt.

A case is name of file -> text; `conf` is the one that is read first, the others are what it may include.
"""

from . import grammar
from .values import EXTRA, block, line, maybe, one, some, told

SAFE = "global_defs {\n enable_script_security\n script_user root\n}\n"


def keywords(dice, table, least, most, blocks=()):
    """Some lines of a block, each keyword with what may follow it."""
    lines = []
    for _ in range(dice.randint(least, most)):
        if blocks and dice.random() < 0.35:
            key = dice.choice(tuple(blocks))
            lines.append(block(key, of=blocks[key])(dice))
        else:
            key = dice.choice(tuple(table))
            lines.append(line(key, table[key], maybe(one(*EXTRA), chance=0.02))(dice))
    return "\n".join(lines)


def usual(dice, text, chance=0.97):
    return text + "\n" if dice.random() < chance else ""


def instance(dice, number_, least, most, table=None, blocks=None):
    table = grammar.INSTANCE if table is None else table
    blocks = grammar.INSTANCE_BLOCKS if blocks is None else blocks
    name = f"VI_{number_}" if dice.random() < 0.97 else dice.choice(("VI_1", "", '"V 1"', "VI_1 x"))
    inside = usual(dice, "interface eth0", 0.95) + usual(dice, f"virtual_router_id {number_}")
    more = keywords(dice, table, least, most, blocks)
    address = f"2001:db8::{number_}" if dice.random() < 0.15 else f"10.0.0.{number_}/24"
    addresses = usual(dice, f"virtual_ipaddress {{\n{address}\n}}", 0.9)
    parts = [addresses, more + "\n"]
    dice.shuffle(parts)
    return f"vrrp_instance {name} {{\n{inside}{''.join(parts)}}}\n"


def global_defs(dice, least=1, most=8):
    inside = keywords(dice, grammar.GLOBAL, least, most)
    if dice.random() < 0.1:
        inside += "\n" + grammar.EMAILS(dice)
    head = " enable_script_security\n script_user root\n" if dice.random() < 0.9 else ""
    return f"global_defs {{\n{head}{inside}\n}}\n"


def globals_case(dice):
    top = keywords(dice, grammar.TOP, 1, 1) + "\n" if dice.random() < 0.15 else ""
    return {"conf": top + global_defs(dice) + instance(dice, 1, 0, 1)}


def instances_case(dice):
    return {"conf": SAFE + "".join(instance(dice, each + 1, 1, 7) for each in range(dice.choice((1, 1, 2))))}


def addresses_case(dice):
    """Addresses, routes and rules, of instances and static ones."""
    blocks = {key: grammar.INSTANCE_BLOCKS[key] for key in ("virtual_ipaddress", "virtual_ipaddress_excluded", "virtual_routes", "virtual_rules")}
    text = SAFE
    if dice.random() < 0.3:
        text += block("track_group", one("TG_1", "TG_1", "TG_2", ""), of=block("group", of=some(one(*grammar.INSTANCES), 0, 2)))(dice) + "\n"
    if dice.random() < 0.5:
        key, of = dice.choice((("static_ipaddress", grammar.ADDRESS), ("static_routes", grammar.ROUTE), ("static_rules", grammar.RULE)))
        text += block(key, of=some(of, 0, 3))(dice) + "\n"
    keep = {key: grammar.INSTANCE[key] for key in ("priority", "use_vmac", "version", "native_ipv6", "promote_secondaries")}
    return {"conf": text + instance(dice, 1, 1, 3, keep, blocks)}


def objects(dice):
    """Scripts, files, processes and sessions that may be tracked."""
    kinds = (("vrrp_script", "S_", grammar.SCRIPT, 'script "/usr/bin/true"'), ("track_file", "F_", grammar.FILE, "file @dir@/plain"),
             ("vrrp_track_file", "F_", grammar.FILE, "file @dir@/plain"), ("vrrp_track_process", "P_", grammar.PROCESSES, "process sleep"),
             ("bfd_instance", "B_", grammar.BFD, "neighbor_ip 10.9.0.@n@"))
    text = ""
    for index in range(dice.randint(1, 3)):
        keyword, letter, table, needed = dice.choice(kinds)
        name = f"{letter}{dice.randint(1, 2)}" if dice.random() < 0.95 else dice.choice(("", '""', "n" * 40, '"a b"'))
        needed = usual(dice, needed.replace("@n@", str(index)), 0.9)
        text += f"{keyword} {name} {{\n{needed}{keywords(dice, table, 0, 4)}\n}}\n"
    return text


def tracking_case(dice):
    keep = {key: grammar.INSTANCE[key] for key in ("priority", "state", "nopreempt", "smtp_alert", "dont_track_primary")}
    text = SAFE + objects(dice) + "".join(instance(dice, each + 1, 0, 3, keep, grammar.TRACKS) for each in range(dice.choice((1, 2, 2))))
    if dice.random() < 0.5:
        members = "group {\nVI_1\nVI_2\n}\n" if dice.random() < 0.8 else ""
        name = one("G_1", "G_1", "G_1", "", '"a b"', "G_1 x")(dice)
        group = f"vrrp_sync_group {name} {{\n{members}{keywords(dice, grammar.GROUP, 0, 3, grammar.GROUP_BLOCKS)}\n}}\n"
        text = text + group if dice.random() < 0.6 else SAFE + group + text[len(SAFE):]
    return {"conf": text}


def network_case(dice):
    """What stands outside of instances."""
    kinds = (
        block("garp_group", of=lambda dice: keywords(dice, grammar.GARP, 0, 3, {"interfaces": some(line(grammar.interface, maybe(grammar.interface, chance=0.2)), 0, 3)})),
        block("interface_up_down_delays", of=grammar.DELAYS), block("linkbeat_interfaces", of=grammar.BEATS), objects,
        block("track_group", one("TG_1", "TG_2", ""), of=block("group", of=some(one(*grammar.INSTANCES), 0, 2))),
        block("static_ipaddress", of=some(grammar.ADDRESS, 0, 3)), lambda dice: keywords(dice, grammar.TOP, 1, 1),
    )
    text = "\n".join(told(dice.choice(kinds), dice) for _ in range(dice.randint(1, 3))) + "\n"
    return {"conf": SAFE + text + (instance(dice, 1, 0, 1) if dice.random() < 0.8 else "")}


WHOLE = (globals_case, instances_case, addresses_case, tracking_case, network_case)


def anything(dice):
    return dice.choice(WHOLE)(dice)


# -- spoilt shapes --


def misplaced(dice):
    """A line of some block."""
    table = dice.choice((grammar.GLOBAL, grammar.INSTANCE, grammar.SCRIPT, grammar.GROUP, grammar.BFD, grammar.TOP, grammar.FILE))
    return keywords(dice, table, 1, 1)


COMMENTS = ("# c", "! c", "#", " # { }", "! \"", "#include none", "# \\", "x # y ! z", "a#b", "a!b", "! $A", "# @x")
QUOTES = ('"', "'", '"a b"', "'a b'", '"a', 'a"b c"d', '\\"', "\\", '"\\x41"', "'\\101'", '"a\\\\"', '"#"', "'!'", '"{"', "'}'", '"\\cA"', "a\\ b", '"\\q"')


def spoil(dice, text):
    lines = text.split("\n")
    at = dice.randrange(len(lines))
    words = lines[at].split(" ")
    kind = dice.randrange(14)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, dice.choice(lines))
    elif kind == 2:
        lines.insert(dice.randrange(len(lines)), lines.pop(at))
    elif kind == 3:
        lines[at] += " " + dice.choice(EXTRA)
    elif kind == 4:
        lines[at] += dice.choice((" ", "")) + dice.choice(COMMENTS)
    elif kind == 5:
        lines.insert(at, dice.choice(COMMENTS))
    elif kind == 6:
        words.insert(dice.randint(0, len(words)), dice.choice(QUOTES))
        lines[at] = " ".join(words)
    elif kind == 7:
        lines[at] = " ".join(words[:-1])
    elif kind == 8:
        lines.insert(at, misplaced(dice))
    elif kind == 9:
        where = dice.randrange(len(words))
        words[where] = dice.choice(('"', "'")) + words[where] + dice.choice(('"', "'", ""))
        lines[at] = " ".join(words)
    elif kind == 10:
        braces = [index for index, each in enumerate(lines) if each.strip() in ("{", "}") or each.endswith("{")]
        if braces:
            lines[dice.choice(braces)] = dice.choice(("}", "{", "", "} }", "{ }"))
    elif kind == 11:
        lines[at] = dice.choice(("\t", "  ", " \t ")) + lines[at].replace(" ", dice.choice(("\t", "   "))) + dice.choice((" ", "\t", "\r", ""))
    elif kind == 12:
        lines[at] = lines[at].upper() if dice.random() < 0.5 else lines[at] + dice.choice((";", ",", "=", ":", "\\", " \\"))
    else:
        lines[at] = lines[at] + " " + lines.pop(at + 1) if at + 1 < len(lines) else lines[at] + "}"
    return "\n".join(lines).rstrip("\n") + "\n"


def shapes_case(dice):
    files = anything(dice)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        files["conf"] = spoil(dice, files["conf"])
    return files


# -- what is done before words are words: conditions, definitions, repetitions, included files --

DEFINITIONS = ("$A=10", "$A=", '$A="a b"', "$ADDRESS=10.0.0.9/24", "$A=x y z", "$A=5 # c", "$_A=1", "$IF=eth0", "$BLOCK= \\\n priority 5 \\\n state MASTER",
               "$BLOCK= \\\n virtual_routes { \\\n 10.7.0.0/24 dev eth0 \\\n }")
USES = ("priority $A", "priority ${A}", "priority $UNDEFINED", "interface $IF", "priority $", "$BLOCK", "${_PWD}", "debug ${_INSTANCE}",
        "priority ${_RANDOM 7 7}", "priority ${_RANDOM 300 300}", "notify \"/usr/bin/true $A\"", "priority 1$A", "priority ${A}0",
        "advert_int ${A}.5")
CONDITIONS = ("@main priority 7", "@^main priority 8", "@other priority 9", "@^other priority 10", "@mainx priority 13", "@main $A=5", "@other virtual_routes {", "@main\tpriority 6",
              " @other zork")
REPEATS = ("~SEQ(N,1,3) 10.1.0.$N", "~SEQ(N, 3) 10.1.0.${N}/24", "~SEQ(N,3,1) 10.1.1.$N", "~SEQ(N,1,2,5) 10.1.2.$N", "~SEQx(N,10,12) 2001:db8::$N", "~SEQ(N,5,-2,1) 10.1.3.$N",
           "~SEQ(N,1,2)10.1.7.$N", "~SEQ(N,1,2) ~SEQ(M,1,2) 10.1.${N}.$M", "~LST(N,1,5,9) 10.2.0.$N", "~SEQ(N,0x1,0x3) 10.1.10.$N",
           "~SEQ(N,-1,1) 10.1.12.1 preferred_lft $N", "~SEQ(N,1,1) 10.1.13.$N", "~SEQ(N, 1 , 2 ) 10.1.14.$N")
"""What is wrong with one is said in other words by ours."""
INCLUDES = ("include one", "include tw*", "include none", "include {one,two}", "include sub/*", "include ?ne", "include [ot]*", "include sub/../one",
            "  include one  # c", "include one # c", "include ./one", "include @dir@/one")
INCLUDED = {
    "one": ("debug 1\n", "priority 77\n", "zork 1\n", "priority 300\ninclude two\n", "}\n", "$A=33\n", "# nothing\n", "", "priority 5\r\n"),
    "two": ("debug 2\n", "notify_stop /usr/bin/true\n", "$IF=eth1\n"),
    "sub/three": ("debug 3\n", "include ../one\n", "include four\n"),
    "sub/four": ("debug 4\n", "zork 4\n"),
}


def lines_case(dice):
    """An instance with what the reader of lines does."""
    inside = ["interface eth0", "virtual_router_id 1", "virtual_ipaddress {", "10.0.0.1/24", "}"]
    above = ["$A=10"]
    for _ in range(dice.randint(1, 4)):
        kind = dice.choice((DEFINITIONS, DEFINITIONS, USES, USES, CONDITIONS, REPEATS, REPEATS, INCLUDES))
        text = dice.choice(kind)
        if kind is DEFINITIONS:
            (above if dice.random() < 0.7 else inside).insert(0, text)
        elif kind is REPEATS:
            inside.insert(3, text)
        else:
            inside.insert(dice.choice((0, 2, len(inside))), text)
    files = {name: dice.choice(choices) for name, choices in INCLUDED.items()}
    return {"conf": SAFE + "\n".join(above) + "\nvrrp_instance VI_1 {\n" + "\n".join(inside) + "\n}\n", **files}
