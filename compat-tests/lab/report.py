"""A time line on standard output and the counts that the closing line is made of."""

import json
import os
import sys
import time


class CheckFailed(Exception):
    """A check that the rest of the scenario builds on did not hold."""


class Report:
    """Prints one line an event, with the seconds since the start, and counts the checks."""

    def __init__(self, title):
        self.title = title
        self.started_at = time.monotonic()
        self.passed = 0
        self.failed = []
        self.skipped = []
        self.figures = {}

    def line(self, mark, text):
        print(f"{time.monotonic() - self.started_at:8.2f} s  {mark:<4}  {text}", flush=True)

    def heading(self, text):
        print(f"\n== {text}", flush=True)

    def note(self, text):
        """Something that happened; no verdict."""
        self.line("", text)

    def check(self, name, holds, detail=""):
        """Counts one assertion. `detail` is printed when it does not hold."""
        if holds:
            self.passed += 1
            self.line("ok", name)
        else:
            self.failed.append(name)
            self.line("FAIL", f"{name}{': ' if detail else ''}{detail}")
        return bool(holds)

    def require(self, name, holds, detail=""):
        """A check without which going on makes no sense."""
        if not self.check(name, holds, detail):
            raise CheckFailed(name)

    def skip(self, name, reason):
        self.skipped.append(name)
        self.line("skip", f"{name}: {reason}")

    def figure(self, name, seconds):
        """A measured duration, kept for comparisons."""
        self.figures[name] = seconds
        self.line("time", f"{name}: {seconds:.2f} s")

    def close(self):
        """Prints the summary, adds it to the run's record and returns the exit code."""
        seconds = time.monotonic() - self.started_at
        text = f"{self.title}: {self.passed} passed, {len(self.failed)} failed"
        if self.skipped:
            text += f", {len(self.skipped)} skipped"
        print(f"\n{text} ({seconds:.0f} s)", flush=True)
        for name in self.failed:
            print(f"  failed: {name}", flush=True)
        record(self.title, self.passed, len(self.failed), len(self.skipped), seconds)
        return 1 if self.failed else 0


def record(suite, passed, failed, skipped, seconds):
    """Adds a suite's counts to the file that `.ci/summary` adds up, when one is named."""
    path = os.environ.get("LAB_RESULTS")
    if not path:
        return
    row = {"suite": suite, "passed": passed, "failed": failed, "skipped": skipped, "seconds": round(seconds, 1)}
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def die(text):
    """Ends the program with a reason; for what is wrong with the machine, not with the subject."""
    print(f"lab: {text}", file=sys.stderr, flush=True)
    sys.exit(2)
