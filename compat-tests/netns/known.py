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


def lines(log):
    """A log without the lines that are known to differ."""
    kept = []
    for line in log:
        if any(re.search(pattern, line) for pattern in REFERENCE_ONLY):
            continue
        # How many of these there are depends on the phase of two timers.
        if kept and kept[-1] == line and "discarding" in line.lower():
            continue
        kept.append(line)
    return kept
