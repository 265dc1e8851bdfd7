"""What the kernel reports of links and addresses in a namespace: the moments from which a daemon's reaction counts.

A moment of the test's own, before or after it ran `ip`, has the start of a process in it and the wait for the kernel's locks.
"""

import select
import socket
import struct
import threading
import time

from lab import poll

RTM_NEWLINK, RTM_NEWADDR, RTM_DELADDR = 16, 20, 21
IFLA_IFNAME = 3
IFF_RUNNING = 0x40
RTMGRP_LINK, RTMGRP_IPV4_IFADDR = 1, 0x10


class KernelEvents:
    """Reads them from now on, each with the time at which it came."""

    def __init__(self, rig, space):
        self.events = []
        self.socket = space.call(self._open)
        self.stopping = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        rig.stack.callback(self.stop)

    @staticmethod
    def _open():
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        sock.bind((0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR))
        return sock

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.socket.close()

    def _read(self):
        while not self.stopping:
            if not select.select([self.socket], [], [], 0.1)[0]:
                continue
            data, at = self.socket.recv(65536), time.time()
            while len(data) >= 16:
                length, kind = struct.unpack("=IH", data[:6])
                self.events.append((at, kind, data[16:length]))
                data = data[(length + 3) & ~3:]

    def wait(self, what, accept, after=0.0, timeout=30.0):
        """The time of the first event from `after` on that `accept(kind, body)` takes."""
        return poll.until(what, lambda: next((at for at, kind, body in list(self.events) if at >= after and accept(kind, body)), None),
                          timeout, 0.01)

    def link(self, name, running, after=0.0):
        """When the interface `name` has its carrier, or has lost it."""
        def accept(kind, body):
            return kind == RTM_NEWLINK and _name(body) == name and bool(struct.unpack("=I", body[8:12])[0] & IFF_RUNNING) == running
        return self.wait(f"{name} {'runs' if running else 'does not run'}", accept, after)

    def address(self, address, added, after=0.0):
        """When `address` is there, or gone."""
        number = socket.inet_aton(address)
        return self.wait(f"{address} {'added' if added else 'removed'}",
                         lambda kind, body: kind == (RTM_NEWADDR if added else RTM_DELADDR) and number in body, after)


def _name(body):
    """IFLA_IFNAME of an ifinfomsg."""
    rest = body[16:]
    while len(rest) >= 4:
        length, kind = struct.unpack("=HH", rest[:4])
        if kind == IFLA_IFNAME:
            return rest[4:length].rstrip(b"\0").decode(errors="replace")
        rest = rest[max(4, (length + 3) & ~3):]
    return ""
