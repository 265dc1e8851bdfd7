"""Runs `cargo test` and adds its counts to the run's record: count.py NAME COMMAND..."""

import json
import os
import re
import subprocess
import sys
import time

RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")


def main(name, command):
    started_at = time.monotonic()
    totals = [0, 0, 0]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if found := RESULT.match(line):
                totals = [total + int(count) for total, count in zip(totals, found.groups())]
    path = os.environ.get("LAB_RESULTS")
    if path:
        row = dict(zip(("passed", "failed", "skipped"), totals), suite=name, seconds=round(time.monotonic() - started_at, 1))
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
