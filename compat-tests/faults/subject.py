"""One haproxy that a case starts as it needs it, an origin beside it, and plain clients."""

import contextlib
import http.server
import os
import re
import resource
import socket
import subprocess
import threading
import time

from lab import local, poll, undo

PATIENCE = 20
"""Seconds after which anything counts as stuck."""

BODY = memoryview(bytes(1 << 20))
"""What the origin's bodies are made of."""

DEFAULTS = """
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    retries 2
"""


class Origin(http.server.ThreadingHTTPServer):
    """Answers /size/N with N bytes and /delay/MS after MS milliseconds, and anything else with 2 bytes."""

    daemon_threads = True
    request_queue_size = 1024

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self):
            words = self.path.strip("/").split("/")
            if words[0] == "delay":
                # The case measures this pause; nothing else waits for it.
                time.sleep(int(words[1]) / 1000)
            size = int(words[1]) if words[0] == "size" else 2
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            with contextlib.suppress(OSError):
                while size > 0:
                    size -= self.wfile.write(BODY[:size])

        do_HEAD = do_GET

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def log_message(self, *_):
            pass

        def handle(self):
            with contextlib.suppress(OSError):
                super().handle()

    def __init__(self, stack):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        stack.callback(self.server_close)
        stack.callback(self.shutdown)

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"


class Haproxy:
    """A haproxy in the foreground with a stats socket. `limits` is (soft, hard) of RLIMIT_NOFILE."""

    def __init__(self, stack, program, config, limits=None, environment=None, keep=(), output=None, master=False, ready=True):
        self.program = program
        self.directory = local.folder(stack)
        os.chmod(self.directory, 0o755)
        self.port = local.free_port()
        self.socket_path = os.path.join(self.directory, "admin.sock")
        self.log_path = os.path.join(self.directory, "output")
        self.config_path = os.path.join(self.directory, "haproxy.cfg")
        self.write(config)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("HAPROXY", "NOTIFY_", "LISTEN_"))}
        words = [program, *(["-W"] if master else []), "-db", "-f", self.config_path]
        with open(self.log_path, "ab") as file:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output or file, stderr=file, pass_fds=keep, env={**clean, **(environment or {})},
                preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits)) if limits else None)
        stack.callback(undo.end, self.process)
        if ready:
            # The sockets listen before the program has started; it answers commands when it has.
            poll.until(f"{program} answers", lambda: self.answers() or self.process.poll() is not None, PATIENCE)
            if self.process.poll() is not None:
                raise poll.TimedOut(f"{program} ended: {self.output()[-500:]}")

    def write(self, config):
        """Writes the configuration; `@port@`, `@dir@` and `@socket@` stand for this one's own."""
        text = config.replace("@port@", str(self.port)).replace("@dir@", self.directory)
        text = text.replace("@socket@", f"stats socket {self.socket_path} mode 600 level admin")
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)

    def output(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def alerts(self):
        """The alerts without what differs from run to run."""
        text = self.output().replace(self.directory, "DIR").replace(self.program, "PROGRAM")
        lines = [re.sub(r"^\[(\w+)\]\s+\(\d+\) : ", r"[\1] ", line) for line in text.splitlines()]
        return [line for line in lines if line.startswith("[ALERT]")]

    def command(self, text):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(self.socket_path)
            sock.sendall(text.encode() + b"\n")
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        return answer.decode("utf-8", "replace")

    def info(self, name):
        """One line of `show info` as a number."""
        found = re.search(rf"^{name}: (\d+)", self.command("show info"), re.M)
        return int(found.group(1)) if found else None

    def statistic(self, proxy, row, column):
        """One cell of `show stat`."""
        lines = self.command("show stat").removeprefix("# ").splitlines()
        at = lines[0].split(",").index(column)
        return next(line.split(",")[at] for line in lines[1:] if line.startswith(f"{proxy},{row},"))

    def answers(self):
        """Whether the stats socket answers."""
        try:
            return "Uptime" in self.command("show info")
        except OSError:
            return False

    def cpu(self):
        """CPU seconds that the process has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        """Resident memory, KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def get(self, path="/", sock=None):
        """The status of a GET; 0 without an answer."""
        try:
            with contextlib.ExitStack() as stack:
                if sock is None:
                    sock = stack.enter_context(self.connect())
                sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                return status(sock)
        except OSError:
            return 0


def status(sock):
    """Reads one answer with its body. Its status; 0 when there is none."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = sock.recv(65536)
        if not piece:
            return 0
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.I)
    while length and len(body) < int(length.group(1)):
        piece = sock.recv(65536)
        if not piece:
            return 0
        body += piece
    return int(head.split(b" ", 2)[1])


class LogSink:
    """A datagram socket that keeps what it receives."""

    def __init__(self, stack):
        self.sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(PATIENCE)
        self.address = f"127.0.0.1:{self.sock.getsockname()[1]}"

    def line(self):
        """The next log line, from the colon after the process id on; empty when none comes."""
        try:
            return self.sock.recv(65536).decode("utf-8", "replace").partition("]: ")[2].strip()
        except TimeoutError:
            return ""
