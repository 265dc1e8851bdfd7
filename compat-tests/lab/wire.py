"""Who holds the virtual address, read off the wire: gratuitous ARP and VRRP adverts on the bridge.

Times are time.time(), the clock of the hosts' journals too (they share this kernel).
"""

import socket
import struct
import threading
import time
from collections import namedtuple

Advert = namedtuple("Advert", "at source priority")
Move = namedtuple("Move", "at holder")

ETH_P_ALL = 0x0003
VRRP = 112


class Watch:
    """Collects `announcements` (every gratuitous ARP), `moves` (those from another host than the one before) and `adverts`."""

    def __init__(self, stack, lan, address, names_by_mac, on_move=None):
        self.address = socket.inet_aton(address)
        self.names = {bytes.fromhex(mac.replace(":", "")): name for mac, name in names_by_mac.items()}
        self.on_move = on_move
        self.announcements = []
        self.moves = []
        self.adverts = []
        self.socket = lan.space.call(self._open, lan.BRIDGE)
        self.stopping = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        stack.callback(self.stop)

    @staticmethod
    def _open(interface):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        sock.bind((interface, ETH_P_ALL))
        sock.settimeout(0.2)
        return sock

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.socket.close()

    @property
    def holder(self):
        """The host that announced the address last."""
        return self.moves[-1].holder if self.moves else None

    def _read(self):
        while not self.stopping:
            try:
                frame = self.socket.recv(2048)
            except TimeoutError:
                continue
            except OSError:
                return
            now = time.time()
            kind = frame[12:14]
            if kind == b"\x08\x06":
                self._arp(now, frame[14:])
            elif kind == b"\x08\x00" and len(frame) >= 34 and frame[23] == VRRP:
                self._vrrp(now, frame[14:])

    def _arp(self, now, packet):
        if len(packet) < 28:
            return
        mac, sender, _, target = struct.unpack("!6s4s6s4s", packet[8:28])
        if sender != self.address or target != self.address:
            return
        move = Move(now, self.names.get(mac, mac.hex(":")))
        changed = move.holder != self.holder
        self.announcements.append(move)
        if changed:
            self.moves.append(move)
            if self.on_move:
                self.on_move(move)

    def _vrrp(self, now, packet):
        start = (packet[0] & 0x0F) * 4
        if len(packet) > start + 2 and (not self.adverts or now - self.adverts[-1].at > 0.0001
                                        or self.adverts[-1].source != socket.inet_ntoa(packet[12:16])):
            self.adverts.append(Advert(now, socket.inet_ntoa(packet[12:16]), packet[start + 2]))

    def first_announcement(self, at, holder):
        """The first announcement of `holder` at or after `at`, or None.

        Not the first move: an announcement of `holder` that another one's crossed would hide it.
        """
        return next((each for each in self.announcements if each.at >= at and each.holder == holder), None)

    def last_advert(self, source, before, priority=None):
        """The last advert of `source` up to `before`, of `priority` when given, or None."""
        return next((each for each in reversed(self.adverts) if each.at <= before and each.source == source
                     and priority in (None, each.priority)), None)
