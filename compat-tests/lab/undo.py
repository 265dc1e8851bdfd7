"""Everything a run sets up is undone on any exit: normal, failed, interrupted or terminated."""

import contextlib
import os
import signal
import sys
import time

PREFIX = "hrs"
"""Namespaces and run directories are named PREFIX-PID-NAME, so that a later run finds the ones of a
run that was killed with SIGKILL and could not undo them."""


def run_name(name):
    """The name of a namespace or directory of this run."""
    return f"{PREFIX}-{os.getpid()}-{name}"


def owner_is_gone(name):
    """Whether `name` was made by a run whose process does not exist any more."""
    parts = name.split("-")
    return len(parts) >= 3 and parts[0] == PREFIX and parts[1].isdigit() and not os.path.exists(f"/proc/{parts[1]}")


@contextlib.contextmanager
def undoing():
    """An ExitStack that is unwound on signals too. The first signal wins; later ones are ignored."""

    def on_signal(number, _frame):
        for each in caught:
            signal.signal(each, signal.SIG_IGN)
        print(f"lab: signal {number}, undoing everything", file=sys.stderr, flush=True)
        sys.exit(128 + number)

    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in caught}
    try:
        with contextlib.ExitStack() as stack:
            yield stack
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(process, first=signal.SIGTERM, patience=5.0):
    """Ends a process that this run started: `first`, then SIGKILL when it stays."""
    if process.poll() is not None:
        return
    process.send_signal(first)
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if process.poll() is None:
        process.kill()
    process.wait()
