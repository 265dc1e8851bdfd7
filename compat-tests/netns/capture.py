"""What comes into the bridge, decoded, with the kernel's time of each frame and the port that it came in by."""

import errno
import select
import socket
import struct
import threading
import time

from lab import poll

from . import frames

ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
SO_TIMESTAMPNS = 35
SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23
SO_RCVBUFFORCE = 33


class Capture:
    """Reads what comes in by the `ports` of `space` until it is stopped. `frames` grows while it runs.

    A frame's `router` is the name of its port. `keep` is a predicate on decoded frames, for storms whose own packets would fill the memory.
    """

    def __init__(self, stack, space, ports, keep=None):
        self.frames = []
        self.ports = frozenset(ports)
        self.keep = keep
        self.socket = space.call(self._open)
        self.stopping = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        stack.callback(self.stop)

    @staticmethod
    def _open():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        sock.setblocking(False)
        return sock

    def watch(self, port):
        """Reads what comes in by one more port, too."""
        self.ports |= {port}

    def stop(self):
        if not self.stopping:
            self.stopping = True
            self.thread.join()
            self.socket.close()

    def _read(self):
        while True:
            ready, _, _ = select.select([self.socket], [], [], 0.1)
            if not ready:
                if self.stopping:
                    return
                continue
            try:
                data, control, _, (port, _, direction, *_) = self.socket.recvmsg(4096, 128)
            except OSError as error:
                if error.errno == errno.ENETDOWN:
                    continue  # a port's cable was pulled
                return
            if direction == PACKET_OUTGOING or port not in self.ports:
                continue
            at = time.time()
            for level, kind, value in control:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", value[:16])
                    at = seconds + nanoseconds / 1e9
            try:
                frame = frames.decode(at, data)
            except (struct.error, IndexError, ValueError):
                continue
            if frame and (self.keep is None or self.keep(frame)):
                frame.router = port
                self.frames.append(frame)

    def first(self, test, after=0.0):
        """The first frame from `after` on that `test` accepts, or None."""
        return next((each for each in self.frames if each.at >= after and test(each)), None)

    def last(self, test, before=float("inf")):
        """The last frame up to `before` that `test` accepts, or None."""
        return next((each for each in reversed(self.frames) if each.at <= before and test(each)), None)

    def wait(self, what, test, after=0.0, timeout=20.0):
        """Waits for `first`."""
        return poll.until(what, lambda: self.first(test, after), timeout, 0.01)
