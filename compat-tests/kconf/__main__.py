"""python3 -m kconf: random configurations to `--config-test` of both programs; exit code and messages must be the same.

KCONF_SEED (1) chooses the texts, KCONF_CASES (100) is their number in each round. Words limit the run to rounds whose name contains one.
"""

import concurrent.futures
import multiprocessing
import os
import sys

from lab import netns, reference, report, undo

from . import known, rig, texts
from .values import Dice

ROUNDS = {
    "global_defs": texts.globals_case,
    "instances": texts.instances_case,
    "addresses, routes and rules": texts.addresses_case,
    "tracking and groups": texts.tracking_case,
    "network": texts.network_case,
    "spoilt shapes": texts.shapes_case,
    "definitions and includes": texts.lines_case,
}
SHOWN = 5
"""Differences that are printed, each made as small as it gets."""
WORKERS = 2

state = {}


def work(programs, rig_, counter):
    with counter.get_lock():
        counter.value += 1
        number = counter.value
    state["programs"] = programs
    rig.enter(rig_, number)


def judge(case):
    """(case, ours, reference) when they differ, or None."""
    ours, theirs = (rig.ask(program, case) for program in state["programs"])
    return (case, ours, theirs) if known.differs(ours, theirs) else None


def smaller(found):
    """The same difference with as few lines as can be."""
    case, ours, theirs = found
    first = essence(ours, theirs)
    lines = case["conf"].splitlines()
    size = max(1, len(lines) // 2)
    while size:
        at = 0
        while at < len(lines):
            less = lines[:at] + lines[at + size:]
            again = judge({**case, "conf": "".join(f"{line}\n" for line in less)})
            if again and essence(*again[1:]) == first:
                lines = less
                case, ours, theirs = again
            else:
                at += size
        size //= 2
    used = {name: text for name, text in case.items() if name == "conf" or "include" in case["conf"]}
    return used, ours, theirs


def essence(ours, theirs):
    """What the first difference is about."""
    return [each for each in known.diff(ours, theirs) if " exit " not in each][:1]


def told(difference):
    case, ours, theirs = difference
    text = "".join(f"\n  {name}:\n" + "".join(f"    | {each}\n" for each in body.split("\n")) for name, body in case.items()).rstrip("\n")
    return text + "".join(f"\n    {each}" for each in known.diff(ours, theirs)[:20])


def main(words):
    lines = report.Report("kconf")
    ours, theirs = reference.ours("keepalived"), reference.program("keepalived")
    if not os.access(ours, os.X_OK):
        report.die(f"{ours} is missing: make build")
    if theirs is None or os.geteuid() != 0:
        lines.skip("everything", "no reference program" if theirs is None else "network namespaces need root")
        return lines.close()
    netns.sweep()
    seed, count = (int(os.environ.get(f"KCONF_{name}", default)) for name, default in (("SEED", "1"), ("CASES", "100")))
    with undo.undoing() as stack:
        place = rig.Rig(stack)
        context = multiprocessing.get_context("fork")
        pool = stack.enter_context(concurrent.futures.ProcessPoolExecutor(WORKERS, context, work, ((ours, theirs), place, context.Value("i", 0))))
        for number, (name, generate) in enumerate(ROUNDS.items()):
            if words and not any(word in name for word in words):
                continue
            dice = Dice(seed * 1000 + number)
            found = [each for each in pool.map(judge, [generate(dice) for _ in range(count)], chunksize=4) if each]
            shown = list(pool.map(smaller, found[:SHOWN]))
            lines.check(f"{name}: {count} texts with seed {seed}", not found, f"{len(found)} differ" + "".join(map(told, shown)))
    return lines.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
