"""Programs on the loopback of this machine: a haproxy, an nginx, a port for each."""

import os
import signal
import socket
import subprocess
import tempfile
import time

from . import apt, poll, undo


def free_port():
    """A TCP port that nobody has at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def listens(port):
    """Whether something accepts on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def children(pid):
    """The children of a process: a master's workers."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return set(file.read().split())


def reload_master(process, timeout=20):
    """SIGUSR2 to a master, and the wait until it has a worker that it had not before.

    The stock master loses a signal that reaches it before it has finished starting, so the signal
    is sent again when nothing follows from it.
    """
    before = children(process.pid)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        process.send_signal(signal.SIGUSR2)
        if poll.holds_within(lambda: children(process.pid) - before, 1.5, 0.01):
            return
    raise poll.TimedOut(f"no new worker within {timeout} s")


def folder(stack):
    """A directory that `stack` removes."""
    return stack.enter_context(tempfile.TemporaryDirectory(prefix="haproxy-rs-"))


def start(stack, words, log, cpu=None, **options):
    """Starts a program, on one CPU when asked; it ends with this one."""
    pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
    with open(log, "ab") as file:
        process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *pinned, *words], stdin=subprocess.DEVNULL,
                                   stdout=file, stderr=file, start_new_session=True, **options)
    stack.callback(undo.end, process)
    return process


class Nginx:
    """An origin with three bodies: / and /k… (128 bytes), /16k and /1m."""

    def __init__(self, stack, cpu=None):
        directory = folder(stack)
        os.chmod(directory, 0o755)
        self.port = free_port()
        for name, size in (("index", 128), ("16k", 16384), ("1m", 1048576)):
            with open(os.path.join(directory, name), "wb") as file:
                file.write(b"x" * size)
        config = os.path.join(directory, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"""user root;
pid {directory}/pid;
error_log {directory}/error.log;
daemon off;
worker_processes 1;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    sendfile on;
    open_file_cache max=10;
    keepalive_requests 100000000;
    keepalive_timeout 300;
    server {{
        listen 127.0.0.1:{self.port} backlog=16384;
        root {directory};
        location = / {{ rewrite ^ /index last; }}
        location /k {{ rewrite ^ /index last; }}
    }}
}}
""")
        self.process = start(stack, [apt.which("nginx"), "-p", directory, "-c", config], os.path.join(directory, "log"), cpu)
        poll.until("nginx listens", lambda: listens(self.port), 10)


class Haproxy:
    """A haproxy in the foreground; `config` may use @port@, @origin@ and @dir@."""

    def __init__(self, stack, program, config, origin_port, cpu=None, master=False):
        self.directory = folder(stack)
        os.chmod(self.directory, 0o755)
        self.port = free_port()
        self.log_path = os.path.join(self.directory, "log")
        text = config.replace("@port@", str(self.port)).replace("@origin@", f"127.0.0.1:{origin_port}").replace("@dir@", self.directory)
        path = os.path.join(self.directory, "haproxy.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("HAPROXY", "NOTIFY_", "LISTEN_"))}
        self.process = start(stack, [program, *(["-W"] if master else []), "-db", "-f", path], self.log_path, cpu, env=environment)
        poll.until(f"{program} listens: {self.log()[-500:]}", lambda: listens(self.port) or self.process.poll() is not None, 10)
        if self.process.poll() is not None:
            raise poll.TimedOut(f"{program} ended: {self.log()[-500:]}")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def reload(self):
        reload_master(self.process)
