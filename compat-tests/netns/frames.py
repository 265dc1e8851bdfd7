"""A small decoder of what routers send: adverts, ARP, neighbour adverts, joins, BFD. Written for the tests alone.

`decode` turns an Ethernet frame into a Frame whose `text` has every field that two equal programs
must agree on, and leaves out what counts up (the IPv4 identification and the AH sequence), which
are fields of their own.
"""

import hashlib
import hmac
import ipaddress
import struct
from dataclasses import dataclass, field

VRRP, AH, ICMPV6, IGMP, UDP = 112, 51, 58, 2, 17
BFD_PORTS = (3784, 4784)
BFD_STATES = ("AdminDown", "Down", "Init", "Up")


@dataclass
class Frame:
    """One decoded frame. `at` is the kernel's receive time, the clock of time.time()."""

    at: float
    kind: str
    source: str
    text: str
    fields: dict = field(default_factory=dict)
    router: str = ""

    @property
    def priority(self):
        return self.fields.get("priority")

    @property
    def vrid(self):
        return self.fields.get("vrid")


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(data):
    return data.hex(":")


def address(data):
    return str(ipaddress.ip_address(data))


def pseudo(source, destination, protocol, length):
    if len(source) == 4:
        return source + destination + struct.pack("!BBH", 0, protocol, length)
    return source + destination + struct.pack("!IHBB", length, 0, 0, protocol)


def decode(at, frame):
    """The Frame, or None for what no test looks at."""
    ether = f"{mac(frame[6:12])}>{mac(frame[0:6])}"
    kind = frame[12:14]
    if kind == b"\x08\x06":
        return _arp(at, frame, ether)
    if kind == b"\x08\x00":
        return _ipv4(at, frame[14:], ether)
    if kind == b"\x86\xdd":
        return _ipv6(at, frame[14:], ether)
    return None


def _arp(at, frame, ether):
    hardware, protocol, hlen, plen, op, sha, spa, tha, tpa = struct.unpack("!HHBBH6s4s6s4s", frame[14:42])
    if spa != tpa or op != 1:
        return None  # the kernel's own questions and answers
    text = (f"garp {ether} hw={hardware} proto={protocol:04x} {hlen}/{plen} op={op} sha={mac(sha)} spa={address(spa)} "
            f"tha={mac(tha)} len={len(frame)}")
    return Frame(at, "garp", mac(frame[6:12]), text, {"address": address(spa)})


def _ipv4(at, packet, ether):
    ihl = (packet[0] & 15) * 4
    tos, length, ident, fragment, ttl, protocol = struct.unpack("!BHHHBB", packet[1:10])
    source, destination = packet[12:16], packet[16:20]
    body = packet[ihl:length]
    head = (f"ip4 {ether} {address(source)}>{address(destination)} tos={tos:02x} ttl={ttl} frag={fragment:04x} "
            f"options={packet[20:ihl].hex() or '-'} sum={'ok' if checksum(packet[:ihl]) == 0 else 'BAD'}")
    if protocol == AH:
        icv_ok = ""
        spi, sequence = struct.unpack("!II", body[4:12])
        head += f" ah next={body[0]} plen={body[1]} spi={address(body[4:8])} icv={icv_ok or len(body[12:24])}"
        return _advert(at, source, destination, body[24:], head, length, ident, {"ah_sequence": sequence, "spi": spi,
                                                                               "icv": body[12:24].hex(), "packet": packet[:length]})
    if protocol == VRRP:
        return _advert(at, source, destination, body, head, length, ident, {})
    if protocol == IGMP:
        return _igmp(at, source, body, head)
    if protocol == UDP:
        return _udp(at, source, destination, body, head, ident, ttl)
    return None


def _advert(at, source, destination, body, head, length, ident, fields):
    if len(body) < 8:
        return None
    kind, vrid, priority, count = body[:4]
    version = kind >> 4
    size = len(source)
    addresses = [address(body[8 + n * size:8 + (n + 1) * size]) for n in range(count) if len(body) >= 8 + (n + 1) * size]
    rest = body[8 + count * size:]
    plain = checksum(body) == 0
    with_pseudo = checksum(pseudo(source, destination, VRRP, len(body)) + body) == 0
    verdict = "pseudo" if with_pseudo else "plain" if plain else "BAD"
    if version == 3 or size == 16:
        timing = f"interval={struct.unpack('!H', body[4:6])[0]:04x}"
    else:
        timing = f"auth={body[4]} interval={body[5]}"
    text = (f"advert {head} v{version} type={kind & 15} vrid={vrid} priority={priority} count={count} {timing} checksum={verdict} "
            f"addresses={','.join(addresses)} rest={rest.hex() or '-'} len={length}")
    fields.update(vrid=vrid, priority=priority, version=version, addresses=addresses, ident=ident)
    return Frame(at, "advert", address(source), text, fields)


def ah_icv_is_right(packet, password, unicast=False):
    """Whether the ICV of an AH advert is HMAC-MD5 over the packet as keepalived reckons it."""
    ihl = (packet[0] & 15) * 4
    head = bytearray(packet[:ihl])
    head[1] = 0
    head[6:8] = b"\0\0"
    head[10:12] = b"\0\0"
    if unicast:
        head[8] = 0
    ah = bytearray(packet[ihl:ihl + 24])
    ah[12:24] = bytes(12)
    key = password.encode().ljust(8, b"\0")[:8]
    digest = hmac.new(key, bytes(head) + bytes(ah) + packet[ihl + 24:], hashlib.md5).digest()[:12]
    return digest == packet[ihl + 12:ihl + 24]


def _igmp(at, source, body, head):
    if not body or body[0] != 0x22:
        return None
    records = []
    offset = 8
    for _ in range(struct.unpack("!H", body[6:8])[0]):
        kind, aux, sources = body[offset], body[offset + 1], struct.unpack("!H", body[offset + 2:offset + 4])[0]
        records.append(f"{kind}:{address(body[offset + 4:offset + 8])}")
        offset += 8 + 4 * sources + 4 * aux
    text = f"igmp {head} records={','.join(sorted(records))} checksum={'ok' if checksum(body) == 0 else 'BAD'}"
    return Frame(at, "igmp", address(source), text, {"records": records})


def _udp(at, source, destination, body, head, ident, ttl):
    from_port, to_port, length = struct.unpack("!HHH", body[:6])
    if to_port not in BFD_PORTS or len(body) < 32:
        return None
    first, second, multiplier, size, mine, yours, min_tx, min_rx, echo = struct.unpack("!BBBBIIIII", body[8:32])
    state = BFD_STATES[second >> 6]
    flags = "".join(letter for bit, letter in ((32, "P"), (16, "F"), (8, "C"), (4, "A"), (2, "D"), (1, "M")) if second & bit)
    text = (f"bfd {head} port={to_port} udp={length} v{first >> 5} diag={first & 31} {state} flags={flags or '-'} mult={multiplier} "
            f"size={size} tx={min_tx} rx={min_rx} echo={echo} yours={'set' if yours else 0}")
    return Frame(at, "bfd", address(source), text, {"state": state, "mine": mine, "yours": yours, "port": from_port, "flags": flags,
                                                      "ident": ident, "ttl": ttl, "diagnostic": first & 31})


def _ipv6(at, packet, ether):
    first, length, following, hops = struct.unpack("!IHBB", packet[:8])
    source, destination = packet[8:24], packet[24:40]
    body = packet[40:40 + length]
    head = f"ip6 {ether} {address(source)}>{address(destination)} class={first >> 20 & 255:02x} hops={hops}"
    if following == VRRP:
        return _advert(at, source, destination, body, head, length, None, {"flow": first & 0xFFFFF})
    if following == UDP:
        return _udp(at, source, destination, body, head, None, hops)
    if following == 0 and len(body) > 8:
        following, body = body[0], body[(body[1] + 1) * 8:]
    if following != ICMPV6 or len(body) < 8:
        return None
    good = "ok" if checksum(pseudo(source, destination, ICMPV6, len(body)) + body) == 0 else "BAD"
    if body[0] == 136 and destination[0] == 0xff:
        text = f"na {head} code={body[1]} flags={body[4]:02x} target={address(body[8:24])} options={body[24:].hex()} checksum={good}"
        return Frame(at, "na", ether.split(">", 1)[0], text, {"address": address(body[8:24])})
    if body[0] == 143:
        records = []
        offset = 8
        for _ in range(struct.unpack("!H", body[6:8])[0]):
            sources = struct.unpack("!H", body[offset + 2:offset + 4])[0]
            records.append(f"{body[offset]}:{address(body[offset + 4:offset + 20])}")
            offset += 20 + 16 * sources + 4 * body[offset + 1]
        return Frame(at, "mld", address(source), f"mld {head} checksum={good}", {"records": records})
    return None
