"""python3 -m netns [NAME ...]: routers in network namespaces, ours beside the reference.

Every scenario is run with the reference alone and with ours, and with one of each; what ours did
must be what the reference did. Names limit the run to scenarios whose name contains one of them.
NETNS_JOBS is the number of runs at a time, NETNS_LONG=1 the long storms.
"""

import concurrent.futures
import multiprocessing
import os
import subprocess
import sys

from lab import netns, reference, report, undo

from . import (bad_adverts, bfd, daemon, dbus, duplicates, elections, failures, filters, groups, run, snmp, storm, timers, trackers,
               tracking, vmacs)

FAMILIES = (elections, timers, failures, tracking, trackers, groups, vmacs, duplicates, filters, bad_adverts, bfd, daemon, dbus, snmp, storm)
"""Loading them registers their scenarios, in this order."""
ATTEMPTS = 4
"""How often a run that differs is made."""


def programs():
    """The subjects that this machine has, by name."""
    found = {"ours": reference.ours("keepalived")}
    if new := reference.program("keepalived"):
        found["2.3.3"] = new
    stock = "/usr/sbin/keepalived"
    if os.access(stock, os.X_OK):
        said = subprocess.run([stock, "-v"], capture_output=True, text=True, check=False)
        if "v2.2.7 (" in said.stdout + said.stderr:
            found["2.2.7"] = stock
    return found


def main(words):
    title = report.Report("netns")
    if os.geteuid() != 0:
        title.skip("everything", "network namespaces need root")
        return title.close()
    netns.sweep()
    subjects = programs()
    for name in ("2.3.3", "2.2.7"):
        if name not in subjects:
            title.skip(f"runs with {name}", "it is not on this machine")
    if dbus.MISSING:
        title.skip("D-Bus", f"{dbus.MISSING} is not on this machine")
    if snmp.MISSING:
        title.skip("SNMP", f"{snmp.MISSING} is not on this machine")
    if not os.access(subjects["ours"], os.X_OK):
        report.die(f"{subjects['ours']} is missing: make build")
    chosen = [each for each in run.SCENARIOS if not words or any(word in each.name for word in words)]
    with undo.undoing() as stack:
        jobs = int(os.environ.get("NETNS_JOBS", "0")) or 12 * (os.cpu_count() or 1)
        pool = stack.enter_context(concurrent.futures.ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")))
        calm = [each for each in chosen if not each.quiet]
        pending = {(each.name, pair): pool.submit(run.run, each.name, pair, subjects)
                   for each in calm for pair in each.subjects if set(pair) <= set(subjects)}
        for each in calm:
            judge(title, pool, each, pending, subjects)
        for each in (each for each in chosen if each not in calm):
            pending = {}
            for pair in (pair for pair in each.subjects if set(pair) <= set(subjects)):
                pending[each.name, pair] = future = pool.submit(run.run, each.name, pair, subjects)
                future.result()
            judge(title, pool, each, pending, subjects)
    return title.close()


def judge(title, pool, each, pending, subjects):
    """Compares the runs of one scenario.

    What a scenario shows may depend on the phase of its timers. A run that differs is made again, with one of the
    reference, and must be as one that the reference has shown.
    """
    mine = {pair: future.result() for (name, pair), future in pending.items() if name == each.name}
    alone = next((pair for pair in mine if set(pair) == {"2.3.3"}), None)
    bases = [mine[alone]] if alone else []
    for pair, seen in mine.items():
        name = f"{each.name} {'+'.join(pair)}"
        if pair == alone:
            for _ in range(ATTEMPTS - 1):
                if not seen.error:
                    break
                seen = bases[0] = pool.submit(run.run, each.name, alone, subjects).result()
            title.check(name + figures(seen), not seen.error, seen.error)
            continue
        if seen.skipped:
            title.skip(name, seen.skipped)
            continue
        found = differences(each, bases, seen)
        for _ in range(ATTEMPTS - 1):
            if not found:
                break
            still = f" (the machine stood still for {seen.lag:.1f} s)" if seen.lag > 0.3 else ""
            title.note(f"{name}: again, because of {', '.join(what for what, _ in found)}{still}")
            again = []
            for which in (pair, alone) if alone else (pair,):
                again.append(pool.submit(run.run, each.name, which, subjects))
                if each.quiet:
                    again[-1].result()
            seen = again[0].result()
            bases += [future.result() for future in again[1:]]
            found = differences(each, bases, seen)
        detail = "".join(f"\n    {what}: {text}" for what, text in found)
        title.check(name + figures(seen), not found, detail)


def figures(seen):
    text = ", ".join(f"{key} {value:.3f}" for key, value in {**seen.timings, **seen.figures}.items())
    return f" ({text})" if text else ""


def differences(each, bases, seen):
    """The differences from the run of the reference that is most like it."""
    bases = [base for base in bases if not base.error]
    if not bases:
        return [("runs", seen.error)] if seen.error else []
    return min((run.compare(each, base, seen) for base in bases), key=len)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
