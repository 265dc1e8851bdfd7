"""python3 -m hosts: runs the article for every release and pair that is asked for.

SUBJECT chooses the pairs: `ours`, `reference`, `mixed`, or `all` (default: all).
LAB_DEBIAN chooses the releases (default: bookworm,trixie).
"""

import os
import sys

from lab import host, poll, report, undo

from .article import Article

PAIRS = {
    "reference": [("reference", "reference")],
    "ours": [("ours", "ours")],
    "mixed": [("ours", "reference"), ("reference", "ours")],
}
PAIRS["all"] = PAIRS["reference"] + PAIRS["ours"] + PAIRS["mixed"]
TOLERANCE = 0.5
"""Seconds by which a VIP move of ours may differ from the reference's in the same run."""

COMPARED = ("priority changed", "VIP moved", "VIP on the backup")
ADVERT = 1.0
SAME_INSTANT = 0.15
"""Figures that start at an advert may differ by one advert interval: when an advert and the change of priority fall into one
instant, the log does not tell which of them the peer saw first."""
PHASES = ("failover: VIP moved", "return: VIP moved", "killed -> VIP on the backup", "power cut -> VIP on the backup")
"""Figures with the phase of a timer in them: printed, and compared by their parts."""


def main():
    subject = os.environ.get("SUBJECT", "all")
    if subject not in PAIRS:
        report.die(f"SUBJECT={subject}: one of {', '.join(PAIRS)}")
    host.need_machine()
    worst, reference = 0, {}
    for release in os.environ.get("LAB_DEBIAN", "bookworm,trixie").split(","):
        for pair in PAIRS[subject]:
            title = f"hosts, {release}, {pair[0]} master with {pair[1]} backup"
            print(f"\n#### {title}", flush=True)
            lines = report.Report(title)
            with undo.undoing() as stack:
                try:
                    Article(stack, lines, release, *pair).run()
                except (report.CheckFailed, poll.TimedOut) as error:
                    lines.check(f"the scenario runs to its end ({error})", False)
            if pair == ("reference", "reference"):
                reference[release] = lines.figures
            else:
                compare(lines, reference.get(release))
            worst = max(worst, lines.close())
    return worst


def compare(lines, reference):
    """Ours moves the VIP as fast as the reference did a moment ago."""
    lines.heading("beside the reference")
    if reference is None:
        lines.skip("VIP move times", "the reference did not run (SUBJECT=all runs both)")
        return
    for name, seconds in lines.figures.items():
        if name in reference and name.endswith(COMPARED) and name not in PHASES:
            text = f"{name}: {seconds:.2f} s, the reference {reference[name]:.2f} s"
            apart = abs(seconds - reference[name])
            one_advert = "last advert" in name and abs(apart - ADVERT) <= SAME_INSTANT
            lines.check(text, apart <= TOLERANCE or one_advert, f"more than {TOLERANCE} s apart")


if __name__ == "__main__":
    sys.exit(main())
