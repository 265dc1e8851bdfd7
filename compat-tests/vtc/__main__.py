"""python3 -m vtc [FILE...]: every .vtc file of this folder, with HAPROXY_PROGRAM = the subject.

SUBJECT is `ours`, `reference` or `all` (default: all). VTC_JOBS files run at a time (default 2).
"""

import concurrent.futures
import glob
import os
import subprocess
import sys
import tomllib

from lab import apt, reference, report

HERE = os.path.dirname(__file__)
TIMEOUT = 60
"""Seconds that varnishtest gives one file."""


def run(path, program):
    """(passed, the end of varnishtest's log)."""
    # No pid and no reload state of an outer haproxy may leak into the one under test.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HAPROXY", "LISTEN_", "NOTIFY_"))}
    # A process namespace of its own: when varnishtest aborts, the haproxy that it started ends with it.
    alone = ["unshare", "--fork", "--pid", "--kill-child"] if os.geteuid() == 0 else []
    done = subprocess.run([*alone, apt.which("varnishtest"), "-t", str(TIMEOUT), path], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", env={**environment, "HAPROXY_PROGRAM": program}, check=False)
    log = [line for line in done.stdout.splitlines() if line.startswith(("----", "*** ", "**** S", "**** h"))]
    return done.returncode == 0, "\n".join(log[-40:])


def main(names):
    apt.need(varnishtest="varnish")
    with open(os.path.join(HERE, "expected.toml"), "rb") as file:
        expected = tomllib.load(file)
    files = [os.path.abspath(name) for name in names] or sorted(glob.glob(os.path.join(HERE, "*.vtc")))
    worst = 0
    wanted = os.environ.get("SUBJECT", "all")
    for subject, find in (("reference", reference.program), ("ours", reference.ours)):
        if wanted not in (subject, "all", "mixed"):
            continue
        program = find("haproxy")
        lines = report.Report(f"vtc, {subject}")
        if program is None:
            lines.skip("all", "no reference program")
        elif not os.access(program, os.X_OK):
            lines.check(f"the program {program} is there", False)
        else:
            lines.heading(f"vtc, {subject}: {program}")
            check_all(lines, files, program, expected.get(subject, {}))
        worst = max(worst, lines.close())
    return worst


def check_all(lines, files, program, expected):
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("VTC_JOBS", "2"))) as pool:
        for path, (passed, log) in zip(files, pool.map(lambda path: run(path, program), files)):
            name = os.path.basename(path)
            reason = expected.get(name)
            if reason is None:
                lines.check(name, passed, f"\n{log}")
            elif passed:
                lines.check(f"{name} fails as expected.toml says ({reason})", False, "it passes: take its line out")
            else:
                lines.skip(name, reason)
    for name in sorted(set(expected) - {os.path.basename(path) for path in glob.glob(os.path.join(HERE, "*.vtc"))}):
        lines.check(f"{name} of expected.toml exists", False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
