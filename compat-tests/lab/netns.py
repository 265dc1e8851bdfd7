"""Network namespaces: a `lan` with a bridge, and hosts plugged into it by a cable (a veth pair).

The bridge is in a namespace of its own, so that nothing is sent into the machine's network.
"""

import ctypes
import os
import socket
import subprocess
import threading

from . import undo

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*words, check=True):
    """Runs iproute2's `ip`."""
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True, stdin=subprocess.DEVNULL)


class Namespace:
    """A named network namespace; `stack` removes it."""

    def __init__(self, stack, name):
        self.name = undo.run_name(name)
        self.path = f"/run/netns/{self.name}"
        ip("netns", "add", self.name)
        stack.callback(self.remove)
        ip("-n", self.name, "link", "set", "lo", "up")

    def remove(self):
        if os.path.exists(self.path):
            ip("netns", "del", self.name, check=False)

    def ip(self, *words, check=True):
        return ip("-n", self.name, *words, check=check)

    def run(self, *words, check=True):
        """Runs a command in the namespace, to its end."""
        return subprocess.run(self.command(*words), check=check, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def call(self, function, *arguments):
        """Runs `function` in a thread that has entered the namespace. Sockets it opens stay there."""
        result = []

        def inside():
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(fd, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns", self.path)
                result.append((True, function(*arguments)))
            except Exception as error:  # handed to the caller, whatever it is
                result.append((False, error))
            finally:
                os.close(fd)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        worked, value = result[0]
        if not worked:
            raise value
        return value

    def tcp_socket(self):
        return self.call(socket.socket, socket.AF_INET, socket.SOCK_STREAM)

    def command(self, *words):
        """The words that run a command in the namespace."""
        return ["ip", "netns", "exec", self.name, *words]


class Lan:
    """The bridge and its namespace. The client is in this namespace, at `address`."""

    BRIDGE = "br0"

    def __init__(self, stack, address):
        self.space = Namespace(stack, "lan")
        self.space.ip("link", "add", self.BRIDGE, "type", "bridge", "mcast_snooping", "0", "forward_delay", "0")
        self.space.ip("link", "set", self.BRIDGE, "promisc", "on", "up")
        self.space.ip("address", "add", address, "dev", self.BRIDGE)

    def plug(self, space, port, interface, mac, address):
        """A cable from the bridge's `port` to `interface` in `space`, which gets `address`."""
        self.space.ip("link", "add", port, "type", "veth", "peer", "name", interface, "address", mac, "netns", space.name)
        self.space.ip("link", "set", port, "master", self.BRIDGE, "up")
        space.ip("link", "set", interface, "up")
        space.ip("address", "add", address, "dev", interface)

    def unplug(self, port):
        """Pulls the cable: the other end sees its carrier go."""
        self.space.ip("link", "set", port, "down")


def sweep():
    """Removes namespaces of runs that were killed, with the processes that they left inside."""
    for line in ip("netns", "list").stdout.splitlines():
        name = line.split()[0] if line else ""
        if undo.owner_is_gone(name):
            for pid in ip("netns", "pids", name, check=False).stdout.split():
                try:
                    os.kill(int(pid), 9)
                except ProcessLookupError:
                    pass
            ip("netns", "del", name, check=False)
