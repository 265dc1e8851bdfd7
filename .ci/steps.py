"""Runs make targets one after the other and tells how long each took.

With --keep-going a failed target does not hide the verdict of the next ones; the exit code is 1
when any failed.
"""

import json
import os
import subprocess
import sys
import time


def main(arguments):
    keep_going = "--keep-going" in arguments
    failed = []
    for target in (word for word in arguments if not word.startswith("--")):
        print(f"\n==== make {target}", flush=True)
        started_at = time.monotonic()
        done = subprocess.run(["make", target], stdin=subprocess.DEVNULL, check=False)
        seconds = time.monotonic() - started_at
        print(f"==== make {target}: {'ok' if done.returncode == 0 else 'FAILED'} ({seconds:.0f} s)", flush=True)
        if not target.startswith(("test", "demo")):
            record(target, done.returncode == 0, seconds)
        elif done.returncode != 0:
            record(f"make {target} exits with 0", False, 0)
        if done.returncode != 0:
            failed.append(target)
            if not keep_going:
                break
    if failed:
        print(f"\nfailed: {' '.join(failed)}", flush=True)
    return 1 if failed else 0


def record(name, passed, seconds):
    """A check counts as one test; the suites count their own."""
    path = os.environ.get("LAB_RESULTS")
    if path:
        row = {"suite": name, "passed": int(passed), "failed": int(not passed), "skipped": 0, "seconds": round(seconds, 1)}
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
