"""Adds up the counts of all suites; its last line is `N passed, N failed, N skipped`."""

import json
import sys


def main(path):
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    totals = {key: sum(row[key] for row in rows) for key in ("passed", "failed", "skipped")}
    print()
    for row in rows:
        mark = "FAIL" if row["failed"] else "ok"
        print(f"{mark:4}  {row['suite']}: {row['passed']} passed, {row['failed']} failed, {row['skipped']} skipped ({row['seconds']:.0f} s)")
    print(f"\n{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
