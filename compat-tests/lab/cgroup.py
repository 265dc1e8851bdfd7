"""A control group of its own for each host: its systemd must not see, or kill, another host's processes."""

import os
import time

from . import undo


def roots():
    """Where systemd keeps its units: the unified hierarchy, and version 1's `name=systemd` where mounted."""
    found = []
    with open("/proc/self/mounts", encoding="ascii") as file:
        for line in file:
            _, path, kind, options = line.split()[:4]
            if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
                found.append(path)
    return found


class Group:
    """The control group NAME in every hierarchy that systemd uses."""

    def __init__(self, name):
        self.paths = [os.path.join(root, undo.run_name(name)) for root in roots()]
        for path in self.paths:
            os.makedirs(path, exist_ok=True)

    def command(self, *words):
        """The words that run a command in the group."""
        enter = "".join(f"echo 0 >{path}/cgroup.procs && " for path in self.paths)
        return ["sh", "-c", f'{enter}exec "$@"', "sh", *words]

    def remove(self):
        for path in self.paths:
            remove(path)


def remove(path):
    """Removes a group and the groups below it; processes that have just ended may hold it for a moment."""
    for _ in range(50):
        for directory, _, _ in os.walk(path, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass
        if not os.path.exists(path):
            return
        time.sleep(0.02)


def sweep():
    """Removes groups of runs that were killed."""
    for root in roots():
        for name in os.listdir(root):
            if undo.owner_is_gone(name):
                remove(os.path.join(root, name))
