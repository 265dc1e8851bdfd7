"""What stands behind a keyword: values at their limits and past them, names that exist and names that do not.

A value is a string, or a function of the dice that returns one. How many of them are bad is the dice's `badness`.
"""

import random

BAD_NUMBERS = ("", '""', "abc", "1.5", "-1", "+5", "0x10", "010", "99999999999999999999", "4294967296", "2147483648", "1e3", "5x", "0", "-0", "+", "-",
               "' 7'", "7,", "--1", "-2147483649", ".5", "1.", "1.2345678", "0.0000001", "inf", "nan")
EXTRA = ("extra", "1", "{", "}", '"a b"', "# c", "! c", "a b c")
"""What may stand after the last word."""

INTERFACES = ("eth0", "eth0", "eth0", "eth1", "vrf9")
MISSING = ("wlan9", "lo", '""', "eth0:1", "a-name-of-an-interface-that-is-too-long")
USERS = ("root", "nobody", "daemon", "root root", "nobody nogroup", "daemon root", "nosuch", "root nosuch", "0", '""', "root root root")
BOOLEANS = ("", "on", "off", "true", "false", "yes", "no")
V4 = ("10.0.0.1", "10.0.0.2", "192.0.2.9", "10.9.0.1", "224.0.0.18", "127.0.0.1", "0.0.0.0", "255.255.255.255")
V6 = ("2001:db8::1", "fe80::1", "fe80::2", "::1", "::", "ff02::12", "fd09::1", "::ffff:10.0.0.1")
BAD_ADDRESSES = ("10.0.0.300", "10.0.0", "1", "10.0.0.1.2", "2001:db8::zz", "::1::", "host", '""', "10.0.0.1/", "/24", "[::1]", "fe80::1%eth0", "010.0.0.1",
                 "0x0a000001")


class Dice(random.Random):
    """The generator's choices. `badness`: the chance of a value that is not as the manual wants it."""

    badness = 0.1

    def bad(self):
        return self.random() < self.badness


def told(part, dice):
    return part if isinstance(part, str) else part(dice)


def line(*parts):
    """The parts that are not empty, with blanks between them."""
    return lambda dice: " ".join(text for text in (told(part, dice) for part in parts) if text)


def one(*parts):
    return lambda dice: told(dice.choice(parts), dice)


def maybe(*parts, chance=0.4):
    inside = line(*parts)
    return lambda dice: inside(dice) if dice.random() < chance else ""


def good(choices, bad):
    """One of the first, or a bad one."""
    return lambda dice: dice.choice(bad) if dice.bad() else dice.choice(choices)


def number(low, high):
    """A whole number: a limit, next to a limit, or any."""

    def choose(dice):
        if dice.bad():
            return dice.choice((*BAD_NUMBERS, str(low - 1), str(high + 1)))
        return str(dice.choice((low, high, min(high, low + 1), max(low, high - 1), dice.randint(low, min(high, low + 300)))))

    return choose


def decimal(low, high):
    """Seconds or milliseconds with places."""

    def choose(dice):
        if dice.bad():
            return dice.choice((*BAD_NUMBERS, f"{low / 10:.7f}", f"{high + 0.001:.3f}", f"{high + 1:.0f}"))
        return dice.choice((f"{low:g}", f"{high:g}", f"{dice.uniform(low, min(high, 40)):.3f}", f"{dice.uniform(low, min(high, 40)):.6f}", "1", "2.5"))

    return choose


def some(part, least, most):
    """Several lines of a block."""
    return lambda dice: "\n".join(told(part, dice) for _ in range(dice.randint(least, most)))


def block(*heads, of):
    """A line and its lines in braces; now and then the brace stands somewhere else."""
    head = line(*heads)

    def choose(dice):
        first, inside = head(dice), told(of, dice)
        shape = dice.random() if dice.bad() else 1
        if shape < 0.3:
            return f"{first}\n{{\n{inside}\n}}"
        if shape < 0.4 and "\n" not in inside:
            return f"{first} {{ {inside} }}"
        if shape < 0.5:
            return f"{first} {{\n{inside} }}"
        if shape < 0.55:
            return f"{first}{{\n{inside}\n}}"
        return f"{first} {{\n{inside}\n}}"

    return choose


interface = good(INTERFACES, MISSING)
user = maybe(one(*USERS), chance=0.3)
boolean = good(BOOLEANS, ("ON", "On", "1", "0", "maybe", '""', "on off"))
v4 = good(V4, BAD_ADDRESSES)
v6 = good(V6, BAD_ADDRESSES)
address = one(v4, v4, v6)
weight = line(number(-253, 253), maybe(good(("reverse", "noreverse"), ("no_reverse", "REVERSE", "5")), chance=0.3))
name = good(("NAME", "a", "x.y-z_1", "n" * 15), ('""', "n" * 16, "n" * 40, '"a b"', "a/b", "../x", "\xe9", "", "-x", "'a\"b'", '"a\\tb"', "a\\ b"))
path = one("@dir@/plain", "@dir@/none", "@dir@/tree", "plain", "/none/such", '"@dir@/a b"', "@dir@/tree/", "", '""', "@dir@/link")
script = one("@dir@/good.sh", "@dir@/good.sh", "/usr/bin/true", '"/usr/bin/true a b"', "@dir@/off.sh", "@dir@/none.sh", "@dir@/open.sh", "true", "/bin/true",
             "\"@dir@/good.sh 'a b' c\"", '""', '"@dir@/good.sh \\"x y\\""', "@dir@", "nosuch", "good.sh", "'@dir@/good.sh x'", "@dir@/link.sh", "@dir@/others.sh",
             "@dir@/text", '"  @dir@/good.sh"', '"@dir@/good.sh" root', "@dir@/good.sh nosuch", "/usr/bin/true root nogroup")
