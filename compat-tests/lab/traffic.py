"""A client that asks again and again while something is done to the service."""

import threading
import time

from . import http


class Traffic:
    """`with Traffic(...) as traffic:` sends a request every `interval` seconds on a connection of its own."""

    def __init__(self, space, address, interval=0.05):
        self.space, self.address, self.interval = space, address, interval
        self.answers = []
        self.stopping = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def _ask(self):
        while not self.stopping.wait(self.interval):
            self.answers.append((time.time(), http.get(self.space, self.address, timeout=3)))

    @property
    def lost(self):
        """The requests that were not answered with 200."""
        return [answer for _, answer in self.answers if answer.status != 200]
