"""python3 -m bench.train PROGRAM: runs the bench's scenarios on a program that records its own profile.

The program is built with `-Cprofile-generate`; LLVM_PROFILE_FILE says where each process leaves its
counts when it ends. `packaging/profile` calls this and merges them.
"""

import os
import signal
import subprocess
import sys

from lab import apt, local, poll, undo

from .__main__ import LOAD_CPU, LogReader, load, start
from .scenarios import SCENARIOS

SECONDS = 2


def train(program, scenario):
    with undo.undoing() as stack:
        subject = start(stack, scenario, program, local.Nginx(stack, LOAD_CPU))
        if "log.sock" in scenario.config:
            LogReader(stack, os.path.join(subject.directory, "log.sock"))
        requests, errors = load(subject, scenario, SECONDS)
        print(f"{scenario.name}: {requests} requests, {errors} errors", flush=True)
        # Only a soft stop ends in an ordinary exit, where the counts are written.
        subject.process.send_signal(signal.SIGUSR1)
        subject.process.wait(30)


def main(program):
    apt.need(wrk="wrk", nginx="nginx-light", taskset="util-linux")
    for scenario in SCENARIOS:
        try:
            train(program, scenario)
        except (poll.TimedOut, subprocess.TimeoutExpired) as error:
            print(f"{scenario.name}: left out: {error}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
