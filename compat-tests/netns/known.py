"""Differences from the reference that are intended. Each stands in docs/compatibility.md.

What both sides leave out of a comparison is here and nowhere else.
"""

import re

REFERENCE_ONLY = (
    # A message about the program itself, when its parent was killed.
    r"^ERROR - thread_cancel called for THREAD_TERMINATE$",
    # Routes that are not there at start are no error.
    r"^Netlink: error: No such process\(\d+\), type=RTM_DELROUTE",
)

BOTH = (
    # The machine stood still; both say so.
    r"^A thread timer expired [\d.]+ seconds ago",
)

OURS_ONLY = (
    # Why the state of the line before was entered. Nothing that stock parsers look for is in it.
    r"^\(\w+\) reason: (?!.*(STATE|state|Entering|MASTER|BACKUP|FAULT))",
)


def ours(log):
    """Our log without the lines that only ours has, so that what is left must be the reference's line by line."""
    return [line for line in log if not any(re.search(pattern, line) for pattern in OURS_ONLY)]


def unexplained(log):
    """The changes of state in our log that no reason follows at once."""
    found = []
    for index, line in enumerate(log):
        changed = re.match(r"(\(\w+\)) Entering \w+ STATE$", line)
        # Another process may have written in between.
        following = next((each for each in log[index + 1:] if changed and each.startswith(changed.group(1))), "")
        if changed and not following.startswith(f"{changed.group(1)} reason: "):
            found.append(line)
    return found


def lines(log):
    """A log without the lines that are known to differ."""
    kept = []
    for line in log:
        if any(re.search(pattern, line) for pattern in (*REFERENCE_ONLY, *BOTH)):
            continue
        # How many of these there are depends on the phase of two timers.
        if kept and kept[-1] == line and "discarding" in line.lower():
            continue
        kept.append(line)
    return kept
