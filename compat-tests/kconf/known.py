"""Differences from the reference that are intended. Each stands in docs/compatibility.md.

What both sides leave out of a comparison is here and nowhere else.
"""

import difflib
import re

CRASHES = re.compile(r"signal|hangs")
SHAPE = re.compile(r"Ignoring the block\b|must be followed by a block in braces|missing '}'s|Extra '}' found|Unterminated quote|nested too deep|without end or to too much text")
"""What ours says of blocks and quotes that do not fit. The reference then reads lines of one block as those of another."""

OURS_ONLY = (
    # A session whose block is broken cannot be tracked. The reference's VRRP process does not see what is wrong with it.
    r"track bfd \S* not found, ignoring",
    # The second of two scripts with one name, which the reference drops without a word in some cases.
    r"vrrp script \S* already defined",
    # Files that cannot be read as a number.
    r"track_file .*is a directory - ignoring",
)
REFERENCE_ONLY = (
    # The same sessions.
    r"BFD \S* already specified|duplicate track_bfd |ignoring tracked bfd ",
    # A quote that is escaped in a script's line counts, too.
    r"Unmatched quote: ",
    r"Cannot initialise track file .* - it is not a regular file",
)


def differs(ours, theirs):
    """Whether what ours said is not what it should say, given what the reference did."""
    if CRASHES.match(str(theirs.code)):
        # One error, and the exit code of a configuration that has one.
        return ours.code not in (2, 5, 6) or not ours.lines
    if any(map(SHAPE.search, ours.lines)):
        return not ours.code or not theirs.code
    mine, others = (list(map(normal, said.lines)) for said in (ours, theirs))
    if ours.code == theirs.code == 2:
        # Each of the reference's processes reads until it misses a parameter; ours reads once.
        return not in_order(mine, others)
    mine, others = (leaving(lines, (*OURS_ONLY, *REFERENCE_ONLY)) for lines in (mine, others))
    if (refusal := next((at for at, each in enumerate(mine) if FATAL.search(each)), None)) is not None:
        # Ours ends here, the reference with the next process.
        mine, others = mine[:refusal], others[:refusal]
        return mine != others or not theirs.code
    only = len(mine) < len(ours.lines) or len(others) < len(theirs.lines)
    return mine != others or (ours.code != theirs.code and not only)


ALIKE = ((re.compile(r"^\([^)]*Line \d+\) Configuration file "), "Configuration file "), (re.compile(r"garp group \d+ does"), "garp group N does"), (re.compile(r"source address (\S+) and neighbor address \S+ are"), "source address N and neighbor address N are"),
         (re.compile(r"garp_group already specified for .*"), "garp_group already specified"))
"""What the reference counts and names in these, and which file it says them of, is not what the user wrote."""

FATAL = re.compile(r"the virtual router id must be set|Unknown interface!|Non-existent interface specified|both use VRID|Unicast instances must have")
"""After which a daemon does not run."""


def normal(line):
    for pattern, text in ALIKE:
        line = pattern.sub(text, line)
    return line


def leaving(lines, patterns):
    return [line for line in lines if not any(re.search(pattern, line) for pattern in patterns)]


def in_order(some, all_):
    """Whether `all_` holds the lines of `some` in their order."""
    rest = iter(all_)
    return all(line in rest for line in some)


def diff(ours, theirs):
    """The lines that differ, the reference's first, without their places."""
    lines = [f"reference exit {theirs.code}", *theirs.lines], [f"ours exit {ours.code}", *ours.lines]
    return [re.sub(r"Line \d+", "Line N", each) for each in list(difflib.unified_diff(*lines, lineterm="", n=0))[2:] if not each.startswith("@@")]
