"""The cases: each starts a haproxy, lets something go wrong and returns what was seen, to be compared between two programs.

A key that ends with `?` is shown and judged by the case itself, but not compared.
"""

import contextlib
import fcntl
import os
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time

from faults.subject import DEFAULTS, PATIENCE, Haproxy, LogSink, Origin, status
from lab import poll


class Skipped(Exception):
    """The machine cannot show this case; the text says why."""


def simple(origin, more_global="", more_frontend="", more_backend=""):
    """A configuration with one frontend and one backend."""
    return f"""global
    @socket@
    {more_global}
{DEFAULTS}
frontend f
    bind 127.0.0.1:@port@
    {more_frontend}
    default_backend b

backend b
    server s {origin}
    {more_backend}
"""


# -- descriptors --

def maxconn_from_the_limit(stack, program):
    """Without maxconn it is derived from the limit of descriptors."""
    proxy = Haproxy(stack, program, simple(Origin(stack).address), limits=(300, 300))
    return {name: proxy.info(name) for name in ("Maxconn", "Hard_maxconn", "Maxsock", "Ulimit-n")}


def fd_hard_limit(stack, program):
    """fd-hard-limit caps it."""
    proxy = Haproxy(stack, program, simple(Origin(stack).address, "fd-hard-limit 500"), limits=(2000, 2000))
    return {name: proxy.info(name) for name in ("Maxconn", "Hard_maxconn", "Maxsock", "Ulimit-n")}


def limit_too_low(stack, program):
    """A maxconn that the limit does not allow."""
    proxy = Haproxy(stack, program, simple("127.0.0.1:1", "maxconn 20000"), limits=(1000, 1000), ready=False)
    code = proxy.process.wait(PATIENCE)
    return {"exit": code, "alerts": proxy.alerts()}


def more_clients_than_maxconn(stack, program):
    """What is above maxconn waits in the kernel and is served in the end."""
    proxy = Haproxy(stack, program, simple(Origin(stack).address, "maxconn 10"))
    answers = []

    def ask():
        answers.append(proxy.get("/delay/20"))

    threads = [threading.Thread(target=ask) for _ in range(60)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return {"served": answers.count(200), "of": len(answers)}


def descriptors_run_out(stack, program):
    """accept() fails with EMFILE: no spinning, and service again as soon as there are descriptors."""
    proxy = Haproxy(stack, program, simple(Origin(stack).address, "maxconn 200"))
    used = max(int(name) for name in os.listdir(f"/proc/{proxy.process.pid}/fd")) + 1
    hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (used + 4, hard))
    clients = [stack.enter_context(contextlib.closing(proxy.connect())) for _ in range(40)]
    before, begun = proxy.cpu(), time.monotonic()
    # The measured time: how much CPU goes into not being able to accept.
    time.sleep(1)
    spent = (proxy.cpu() - before) / (time.monotonic() - begun)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    for each in clients:
        each.close()
    served = poll.holds_within(lambda: proxy.get() == 200, PATIENCE)
    return {"spins": spent > 0.5, "share of a CPU?": round(spent, 2), "serves again": served}


# -- logs --

def log_socket_gone(stack, program):
    """A log socket that nobody has."""
    proxy = Haproxy(stack, program, simple(Origin(stack).address, "log @dir@/nowhere local0", "log global"))
    answers = [proxy.get() for _ in range(20)]
    return {"served": answers.count(200), "drops are counted": proxy.info("DroppedLogs") == 20}


def log_socket_full(stack, program):
    """A log socket that nobody reads."""
    full = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
    path = os.path.join(stack.enter_context(local_folder()), "log")
    full.bind(path)
    filler = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
    filler.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            filler.sendto(b"x", path)
    proxy = Haproxy(stack, program, simple(Origin(stack).address, f"log {path} local0", "log global"))
    answers = [proxy.get() for _ in range(40)]
    return {"served": answers.count(200), "drops are counted": proxy.info("DroppedLogs") >= 40}


def log_port_dead(stack, program):
    """A log port on which nobody listens."""
    proxy = Haproxy(stack, program, simple(Origin(stack).address, "log 127.0.0.1:9 local0", "log global"))
    answers = [proxy.get() for _ in range(20)]
    return {"served": answers.count(200)}


def log_pipe_blocked(stack, program):
    """Standard output is a pipe that nobody reads."""
    reader, writer = os.pipe()
    stack.callback(os.close, reader)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    proxy = Haproxy(stack, program, simple(Origin(stack).address, "log stdout format raw local0", "log global\n    option httplog"), output=writer)
    os.close(writer)
    answers = [proxy.get() for _ in range(120)]
    return {"served": answers.count(200), "drops are counted": proxy.info("DroppedLogs") > 0}


def log_disk_full(stack, program):
    """Logs go to a full disk."""
    full = os.open("/dev/full", os.O_WRONLY)
    stack.callback(os.close, full)
    proxy = Haproxy(stack, program, simple(Origin(stack).address, f"log fd@{full} format raw local0", "log global"), keep=(full,))
    answers = [proxy.get() for _ in range(20)]
    return {"served": answers.count(200), "drops are counted": proxy.info("DroppedLogs") == 20}


# -- time --

def stopped_and_continued(stack, program):
    """SIGSTOP for two seconds: what was pending is served, no check fails."""
    proxy = Haproxy(stack, program, simple(Origin(stack).address + " check inter 200ms fall 2"))
    with contextlib.closing(proxy.connect()) as pending, contextlib.closing(proxy.connect()) as idle:
        first = proxy.get(sock=idle)
        proxy.process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        pending.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        # The pause that the case is about.
        time.sleep(2)
        proxy.process.send_signal(signal.SIGCONT)
        answer = status(pending)
        waited = time.monotonic() - begun
        again = proxy.get(sock=idle)
    row = {name: proxy.statistic("b", "s", name) for name in ("status", "chkfail", "chkdown")}
    return {"before": first, "pending": answer, "idle connection": again, "seconds?": round(waited, 2), "late": waited > 10, **row}


CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long *offset;
__attribute__((constructor)) static void start(void) {
    int fd = open(getenv("CLOCK_OFFSET"), O_RDONLY);
    offset = mmap(0, 8, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += *offset;
    return done;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec fine;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &fine);
    now->tv_sec = fine.tv_sec;
    now->tv_usec = fine.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


def wall_clock_jumps(stack, program):
    """The wall clock jumps an hour ahead and back: no timer runs out, no check fails. The clock is that of the process only."""
    folder = stack.enter_context(local_folder())
    source, library, offset = (os.path.join(folder, name) for name in ("clock.c", "clock.so", "offset"))
    with open(source, "w", encoding="utf-8") as file:
        file.write(CLOCK)
    if subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skipped("no C compiler for the clock of the process")

    def set_offset(seconds):
        with open(offset, "r+b" if os.path.exists(offset) else "wb") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))

    set_offset(0)
    proxy = Haproxy(stack, program, simple(Origin(stack).address + " check inter 100ms fall 2"),
                    environment={"LD_PRELOAD": library, "CLOCK_OFFSET": offset})
    seen = {}
    with contextlib.closing(proxy.connect()) as idle:
        seen["before"] = proxy.get(sock=idle)
        for name, seconds in (("ahead", 3600), ("back", -3600), ("far back", -400_000)):
            with contextlib.closing(proxy.connect()) as pending:
                pending.sendall(b"GET /delay/300 HTTP/1.1\r\nHost: a\r\n\r\n")
                set_offset(seconds)
                seen[f"{name}, pending"] = status(pending)
            seen[f"{name}, idle connection"] = proxy.get(sock=idle)
            seen[f"{name}, new connection"] = proxy.get()
    seen.update({name: proxy.statistic("b", "s", name) for name in ("status", "chkfail", "chkdown")})
    return seen


@contextlib.contextmanager
def local_folder():
    """A directory that is removed."""
    with tempfile.TemporaryDirectory(prefix="haproxy-rs-") as path:
        yield path


# -- origins --

def logged(stack, program, origin, request, more_frontend="", more_backend="", finish=False):
    """(status, what the log says from the server's name on, with times left out)."""
    sink = LogSink(stack)
    config = simple(origin, f"log {sink.address} local0", 'log global\n    log-format "%b/%s %ST %tsc %rc %CC %{+Q}r"\n    ' + more_frontend, more_backend)
    proxy = Haproxy(stack, program, config)
    with contextlib.closing(proxy.connect()) as sock:
        sock.sendall(request)
        if finish:
            sock.shutdown(socket.SHUT_WR)
        try:
            answer = status(sock)
        except OSError:
            answer = 0
    return {"status": answer, "log": sink.line()}


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def origin_refuses(stack, program):
    """Nobody listens on the server's port."""
    sock = stack.enter_context(contextlib.closing(socket.socket()))
    sock.bind(("127.0.0.1", 0))
    return logged(stack, program, f"127.0.0.1:{sock.getsockname()[1]}", GET, more_backend="retries 0")


def origin_accepts_nothing(stack, program):
    """The server's backlog is full: connections time out."""
    sock = stack.enter_context(contextlib.closing(socket.socket()))
    sock.bind(("127.0.0.1", 0))
    sock.listen(0)
    for _ in range(3):
        each = stack.enter_context(contextlib.closing(socket.socket()))
        each.setblocking(False)
        each.connect_ex(sock.getsockname())
    return logged(stack, program, f"127.0.0.1:{sock.getsockname()[1]}", GET, more_backend="retries 1\n    timeout connect 300ms")


def origin_says_nothing(stack, program):
    """The server takes the request and does not answer."""
    sock = stack.enter_context(contextlib.closing(socket.socket()))
    sock.bind(("127.0.0.1", 0))
    sock.listen(10)
    return logged(stack, program, f"127.0.0.1:{sock.getsockname()[1]}", GET, more_backend="timeout server 300ms")


def head_never_ends(stack, program):
    """Slowloris: `timeout http-request`."""
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX-"
    return logged(stack, program, Origin(stack).address, head, more_frontend="timeout http-request 400ms")


def body_never_ends(stack, program):
    """A body that stops coming: `timeout client`."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc"
    return logged(stack, program, Origin(stack).address, head, more_frontend="timeout client 400ms")


def slow_readers_are_cheap(stack, program):
    """Clients that do not read what they asked for: what each costs, and whether others are served."""
    origin = Origin(stack).address
    proxy = Haproxy(stack, program, simple(origin, "maxconn 1000"))
    for _ in range(5):
        proxy.get("/size/1000000")
    before = proxy.resident()
    clients = []
    for _ in range(80):
        sock = stack.enter_context(contextlib.closing(socket.socket()))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.connect(("127.0.0.1", proxy.port))
        sock.sendall(b"GET /size/16000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        clients.append(sock)
    for each in clients:
        each.settimeout(PATIENCE)
        each.recv(1)
    each = (proxy.resident() - before) / len(clients)
    return {"KiB a slow reader?": round(each, 1), "too much": each > 128, "serves others": proxy.get()}


def server_flaps(stack, program):
    """A server that comes and goes every 100 ms beside one that stays: redispatch hides it."""
    good, port = Origin(stack).address, socket.socket()
    port.bind(("127.0.0.1", 0))
    address = port.getsockname()
    port.close()
    config = simple(good, "", "", f"server flapping {address[0]}:{address[1]} check inter 100ms fall 1 rise 1\n    option redispatch 1\n    retries 3\n    retry-on all-retryable-errors\n    timeout connect 1s")
    proxy = Haproxy(stack, program, config)
    stopping = threading.Event()

    def flap():
        while not stopping.is_set():
            with contextlib.ExitStack() as own:
                try:
                    server = Fragile(address)
                except OSError:
                    continue
                own.callback(server.close)
                stopping.wait(0.1)
            stopping.wait(0.1)

    thread = threading.Thread(target=flap)
    thread.start()
    deadline, answers = time.monotonic() + 3, []
    while time.monotonic() < deadline:
        answers.append(proxy.get())
    stopping.set()
    thread.join()
    bad = len(answers) - answers.count(200)
    return {"enough": len(answers) > 50, "requests?": len(answers), "lost?": bad, "more than 1 %": bad > len(answers) / 100}


class Fragile:
    """An origin that answers whole requests and can be closed at any time."""

    def __init__(self, address):
        self.sock = socket.create_server(address, backlog=100)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.sock.accept()
                with client:
                    client.settimeout(5)
                    with contextlib.suppress(OSError):
                        data = b""
                        while b"\r\n\r\n" not in data:
                            piece = client.recv(4096)
                            if not piece:
                                break
                            data += piece
                        else:
                            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    def close(self):
        # Wakes accept(); what is in the backlog is lost, as with a server that dies.
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(6)


# -- the process --

def bad_configuration_on_reload(stack, program):
    """A configuration that does not load leaves the running one in place, and the next good one is taken."""
    origin = Origin(stack).address
    proxy = Haproxy(stack, program, simple(origin, "master-worker"), master=True)

    def reload_until(condition):
        """The stock master loses a signal that comes while it is busy with the one before."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            proxy.process.send_signal(signal.SIGUSR2)
            if poll.holds_within(condition, 2):
                return True
        return False

    proxy.write("global\n    no-such-keyword\n")
    told = reload_until(lambda: "no-such-keyword" in proxy.output())
    serving = [proxy.get() for _ in range(10)]
    proxy.write(simple(origin, "master-worker\n    node second"))
    taken = reload_until(lambda: proxy.answers() and "node: second" in proxy.command("show info"))
    return {"told": told, "served": serving.count(200), "a good one is taken after it": taken, "alive": proxy.process.poll() is None}


def commands_beside_traffic(stack, program):
    """`show sess` over hundreds of connections does not hold up traffic."""
    proxy = Haproxy(stack, program, simple(Origin(stack).address, "maxconn 1000"))
    pending = [stack.enter_context(contextlib.closing(proxy.connect())) for _ in range(300)]
    for each in pending:
        each.sendall(b"GET /delay/4000 HTTP/1.1\r\nHost: a\r\n\r\n")
    poll.until("streams", lambda: proxy.info("CurrConns") >= 300, PATIENCE)
    stopping = threading.Event()

    def dump():
        while not stopping.is_set():
            proxy.command("show sess all")

    threads = [threading.Thread(target=dump) for _ in range(2)]
    for each in threads:
        each.start()
    worst, good = 0, 0
    for _ in range(50):
        begun = time.monotonic()
        good += proxy.get() == 200
        worst = max(worst, time.monotonic() - begun)
    stopping.set()
    for each in threads:
        each.join()
    return {"served": good, "slowest, s?": round(worst, 3), "held up": worst > 10}


CASES = [
    maxconn_from_the_limit, fd_hard_limit, limit_too_low, more_clients_than_maxconn, descriptors_run_out,
    log_socket_gone, log_socket_full, log_port_dead, log_pipe_blocked, log_disk_full,
    stopped_and_continued, wall_clock_jumps,
    origin_refuses, origin_accepts_nothing, origin_says_nothing, head_never_ends, body_never_ends, slow_readers_are_cheap, server_flaps,
    bad_configuration_on_reload, commands_beside_traffic,
]
