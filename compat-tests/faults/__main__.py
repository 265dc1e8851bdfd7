"""python3 -m faults: what haproxy does when the machine around it fails, ours and the reference side by side.

FAULTS names some of the cases. Each returns what was seen; ours must have seen what the reference has.
"""

import contextlib
import os
import sys
import threading

from faults import cases
from lab import poll, reference, report, undo

HARMLESS = {"spins": False, "late": False, "too much": False, "held up": False, "more than 1 %": False, "serves again": True,
            "alive": True, "told": True, "drops are counted": True}
"""What must be so of ours whatever the reference does."""


def run(case, program, seen):
    """Fills `seen` with what the case returns, or with why it did not."""
    try:
        with contextlib.ExitStack() as stack:
            seen.update(case(stack, program))
    except cases.Skipped as reason:
        seen["skipped"] = str(reason)
    except (OSError, poll.TimedOut, StopIteration, ValueError, AttributeError, TypeError) as error:
        seen["error"] = f"{type(error).__name__}: {error}"


def main():
    lines = report.Report("faults")
    subjects = {"ours": reference.ours("haproxy"), "reference": reference.program("haproxy")}
    if os.environ.get("SUBJECT") in subjects:
        subjects = {os.environ["SUBJECT"]: subjects[os.environ["SUBJECT"]]}
    subjects = {name: program for name, program in subjects.items() if program}
    wanted = os.environ.get("FAULTS", "").split()
    with undo.undoing():
        for case in cases.CASES:
            if wanted and case.__name__ not in wanted:
                continue
            name = case.__name__.replace("_", " ")
            seen = {subject: {} for subject in subjects}
            threads = [threading.Thread(target=run, args=(case, program, seen[subject])) for subject, program in subjects.items()]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            judge(lines, name, seen)
    return lines.close()


def judge(lines, name, seen):
    """One check a case: what ours saw is right and what the reference saw."""
    first = next(iter(seen.values()))
    if "skipped" in first:
        lines.skip(name, first["skipped"])
        return
    for subject, facts in seen.items():
        extra = {key: value for key, value in facts.items() if key.endswith("?")}
        if extra:
            lines.note(f"{name}, {subject}: {extra}")
    compared = {subject: {key: value for key, value in facts.items() if not key.endswith("?")} for subject, facts in seen.items()}
    harm = {key: facts[key] for facts in [compared.get("ours", {})] for key, good in HARMLESS.items() if key in facts and facts[key] != good}
    same = len({repr(facts) for facts in compared.values()}) == 1 or expected(compared)
    lines.check(name, same and not harm and "error" not in compared.get("ours", {}), f"{compared}")
    if "ours" not in compared or len(compared) == 1:
        lines.note(f"{name}: {compared}")


def expected(compared):
    """Whether they differ only where the reference does what ours must not do."""
    ours, theirs = compared.get("ours", {}), compared.get("reference", {})
    return ours.keys() == theirs.keys() and all(ours[key] == theirs[key] or HARMLESS.get(key) == ours[key] for key in ours)


if __name__ == "__main__":
    sys.exit(main())
