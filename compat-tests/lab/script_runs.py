"""When a host's check script runs, seen from outside by inotify: no change to the host.

Failover takes longer or shorter with the phase of the script's timer; knowing the runs lets a
scenario start its step at the same phase each time and measure from the first run that fails.
"""

import ctypes
import os
import select
import threading
import time

from . import poll

IN_OPEN = 0x20
_libc = ctypes.CDLL(None, use_errno=True)


class ScriptRuns:
    """Collects the start times of a script's runs; `stack` stops it."""

    def __init__(self, stack, path):
        self.times = []
        self.fd = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0 or _libc.inotify_add_watch(self.fd, path.encode(), IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify", path)
        self.stopping = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        stack.callback(self.stop)

    def stop(self):
        self.stopping = True
        self.thread.join()
        os.close(self.fd)

    def _read(self):
        while not self.stopping:
            if select.select([self.fd], [], [], 0.2)[0]:
                os.read(self.fd, 4096)
                now = time.time()
                # The kernel opens a script to see what it is, and its interpreter to read it.
                if not self.times or now - self.times[-1] > 0.5:
                    self.times.append(now)

    def wait_next(self, timeout=10):
        """Waits for the next run to begin and returns its time."""
        count = len(self.times)
        poll.until("the check script runs", lambda: len(self.times) > count, timeout, 0.01)
        return self.times[count]

    def first_after(self, at):
        return next((each for each in self.times if each > at), None)
