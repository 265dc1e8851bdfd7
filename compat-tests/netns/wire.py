"""Adverts made by hand, as bytes, and the socket that puts them on the bridge."""

import socket
import struct

from .frames import VRRP, checksum, pseudo

SENDER = "10.9.0.9"
SENDER_MAC = bytes.fromhex("020000090009")
GROUP = "224.0.0.18"
GROUP_MAC = bytes.fromhex("01005e000012")


def v2(vrid=51, priority=100, addresses=("10.9.0.100",), auth=0, interval=1, data=bytes(8), kind=1, version=2, count=None, bad_sum=False,
       trailer=True, extra=b""):
    """A VRRPv2 packet. Every field can be made wrong."""
    body = b"".join(socket.inet_aton(each) for each in addresses) + (data if trailer else b"")
    head = struct.pack("!BBBBBB", version << 4 | kind, vrid, priority, len(addresses) if count is None else count, auth, interval)
    total = checksum(head + b"\0\0" + body) ^ (0x5555 if bad_sum else 0)
    return head + struct.pack("!H", total) + body + extra


def v3(vrid=51, priority=100, addresses=("10.9.0.100",), interval=100, kind=1, count=None, bad_sum=False, plain_sum=False,
       source=SENDER, destination=GROUP):
    """A VRRPv3 packet; `interval` is in centiseconds. `plain_sum`: without the pseudo header."""
    body = b"".join(socket.inet_aton(each) for each in addresses)
    head = struct.pack("!BBBBH", 0x30 | kind, vrid, priority, len(addresses) if count is None else count, interval)
    ends = b"" if plain_sum else pseudo(socket.inet_aton(source), socket.inet_aton(destination), VRRP, len(head) + 2 + len(body))
    total = checksum(ends + head + b"\0\0" + body) ^ (0x5555 if bad_sum else 0)
    return head + struct.pack("!H", total) + body


def ipv4(payload, ttl=255, source=SENDER, destination=GROUP, protocol=VRRP, length=None, ident=1):
    """The IPv4 header before `payload`."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0xC0, 20 + len(payload) if length is None else length, ident, 0, ttl, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ethernet(packet, destination=GROUP_MAC):
    return destination + SENDER_MAC + b"\x08\x00" + packet


class Injector:
    """Sends frames out of one port of the bridge."""

    def __init__(self, stack, space, port):
        self.socket = space.call(self._open, port)
        stack.callback(self.socket.close)

    @staticmethod
    def _open(port):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind((port, 0))
        return sock

    def send(self, frame):
        self.socket.send(frame)
