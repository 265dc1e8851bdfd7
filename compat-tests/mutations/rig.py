"""One haproxy between many clients and an origin, and what each case of a run came to.

Each case has a client address of its own, so that its log lines are known as its own, and an id that the origin reads in the request.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
from collections import namedtuple

from lab import local, undo

Seen = namedtuple("Seen", "answer end requests log")
"""What the client got and how that ended, the requests that the origin got, and the log lines."""

CLIENTS = 60
"""Connections at a time."""
PATIENCE = 5.0
"""Seconds a client waits for the end: far beyond every timeout of the configuration."""
APART = 0.01
"""Seconds between two parts of a message, so that most of them arrive apart. Nothing depends on it."""
SO_RCVBUFFORCE = 33
GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"

CONFIG = """global
    log 127.0.0.1:@log@ local0
    log-tag haproxy
    nbthread 1

defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 500ms
    timeout http-request 400ms
    timeout http-keep-alive 300ms
    timeout server 1s

frontend f
    bind 127.0.0.1:@port@
    @frontend@
    default_backend b

backend b
    @backend@
    server s @origin@
"""


def observe(program, options, cases):
    """name -> Seen, of one run of `cases` (name -> Case) with `options` (lines of the frontend, lines of the backend)."""
    with undo.undoing() as stack:
        return asyncio.run(_observe(stack, program, options, cases))


async def _observe(stack, program, options, cases):
    origin = Origin(cases)
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0, backlog=4096)
    log = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stack.callback(log.close)
    log.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE if os.geteuid() == 0 else socket.SO_RCVBUF, 16 << 20)
    log.bind(("127.0.0.1", 0))
    log.setblocking(False)
    frontend, backend = ("\n    ".join(lines) for lines in options)
    text = CONFIG.replace("@log@", str(log.getsockname()[1])).replace("@frontend@", frontend).replace("@backend@", backend)
    haproxy = await asyncio.to_thread(local.Haproxy, stack, program, text, server.sockets[0].getsockname()[1])
    places = asyncio.Semaphore(CLIENTS)

    async def one(number, case):
        async with places:
            return await ask(haproxy.port, address(number), case.request)

    answers = await asyncio.gather(*(one(number, case) for number, case in enumerate(cases.values())))
    if haproxy.process.poll() is not None:
        raise RuntimeError(f"{program} ended ({haproxy.process.returncode}): {haproxy.log()[-2000:]}")
    # Once it has ended, every line is in the socket.
    haproxy.process.send_signal(signal.SIGUSR1)
    await asyncio.to_thread(haproxy.process.wait, 20)
    server.close()
    lines = read_log(log)
    return {name: Seen(plain(answer), end, tuple(map(plain, origin.requests.get(name, ()))), tuple(lines.get(address(number), ())))
            for number, (name, (answer, end)) in enumerate(zip(cases, answers))}


def address(number):
    """The client address of a case; 127.0.0.1 is the rest of the machine's."""
    return f"127.1.{number >> 8}.{number & 255}"


async def ask(port, source, message):
    """Sends the parts; returns what came back and how it ended: `closed`, `reset` or `open`."""
    answer, end = b"", "closed"
    writer = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        await send(writer, message)
        async with asyncio.timeout(PATIENCE):
            while data := await reader.read(65536):
                answer += data
    except TimeoutError:
        end = "open"
    except (ConnectionResetError, BrokenPipeError):
        end = "reset"
    if writer:
        writer.close()
    return answer, end


async def send(writer, message):
    parts = [0, *message.cuts, len(message.data)]
    for begin, end in zip(parts, parts[1:]):
        writer.write(message.data[begin:end])
        await writer.drain()
        if end != len(message.data):
            await asyncio.sleep(APART)


class Origin:
    """Reads requests, which the proxy has already brought into their normal form, and answers each as its case says."""

    def __init__(self, cases):
        self.cases = cases
        self.requests = {}

    async def serve(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self.exchange(reader, writer):
                pass
        writer.close()

    async def exchange(self, reader, writer):
        """One request and its answer; whether the connection goes on."""
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"\r\nx-id: (\S+)", head)
        name = found.group(1).decode() if found else ""
        body = await self.body(reader, head)
        self.requests.setdefault(name, []).append(head + body)
        case = self.cases.get(name)
        if case is None or case.response is None:
            writer.write(GOOD + (b"" if head.startswith(b"HEAD ") else b"ok"))
            await writer.drain()
            if not head.startswith(b"CONNECT "):
                return True
            # What follows is no request.
            while await reader.read(65536):
                pass
            return False
        await send(writer, case.response)
        return not case.response.close

    @staticmethod
    async def body(reader, head):
        if re.search(rb"\r\ntransfer-encoding:", head):
            body = b""
            while not body.endswith(b"\r\n\r\n") or not re.search(rb"(^|\r\n)0\r\n(.*\r\n)*\r\n$", body):
                body += await reader.readuntil(b"\r\n")
            return body
        length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head)
        return await reader.readexactly(int(length.group(1))) if length else b""


def read_log(log):
    """client address -> its lines, without what differs from run to run."""
    lines = {}
    while True:
        try:
            line = log.recv(65536)
        except BlockingIOError:
            return lines
        if found := re.match(rb"<\d+>\w+ +\d+ [\d:]+ haproxy\[\d+\]: ([\d.]+):\d+ \[[^\]]*\] (.*)", line, re.DOTALL):
            text = re.sub(rb" (-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/\+?(-?\d+) ", known_timers, found.group(2), count=1)
            text = re.sub(rb" \d+/\d+/\d+/\d+/(\+?\d+) \d+/\d+ ", rb" -/\1 ", text, count=1)
            lines.setdefault(found.group(1).decode(), []).append(text.strip().decode("latin1"))


def known_timers(found):
    """Which of the five timers were reached."""
    return b" " + b"/".join(b"-1" if timer.startswith(b"-") else b"t" for timer in found.groups()) + b" "


def plain(message):
    """A message without the date, and without the boundaries of chunks: how a body is cut into chunks is the proxy's affair."""
    text = re.sub(rb"\r\ndate: [^\r]*", b"", message)
    head, blank, body = text.partition(b"\r\n\r\n")
    if re.search(rb"\r\ntransfer-encoding: chunked", head) and not head.startswith(b"HTTP/1.1 1"):
        whole, rest = b"", body
        while size := re.match(rb"([0-9a-fA-F]+)\r\n", rest):
            length = int(size.group(1), 16)
            if length == 0:
                break
            whole += rest[size.end():size.end() + length]
            rest = rest[size.end() + length:].removeprefix(b"\r\n")
        return head + blank + whole + b"|" + rest
    return text
