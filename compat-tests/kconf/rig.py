"""A namespace and a directory to test configurations in, and what a program says of one."""

import ctypes
import os
import re
import resource
import shutil
import subprocess
from collections import namedtuple

from lab import netns, trees, undo

Said = namedtuple("Said", "code lines")
"""The exit code, or the name of a signal, or `hangs`; and what was said, line by line."""

PATIENCE = 4
"""Seconds. A reading takes some hundredths of one."""
MEMORY = 4 << 30
LINKS = (
    "link add eth0 type veth peer name eth1", "link set eth0 address 02:00:00:00:09:01", "link set eth1 address 02:00:00:00:09:02", "link set lo up", "link set eth0 up",
    "link set eth1 up", "address add 10.9.0.1/24 dev eth0", "address add fd09::1/64 dev eth0 nodad", "link add vrf9 type veth peer name peer9",
)
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}


class Rig:
    """Shared by all workers: a namespace with two interfaces, and files for scripts and paths to name."""

    def __init__(self, stack):
        self.space = netns.Namespace(stack, "kconf")
        for each in LINKS:
            self.space.ip(*each.split())
        # Below a directory that everybody may write to, no script would be secure.
        self.directory = os.path.join(trees.cache(), undo.run_name("kconf"))
        os.makedirs(self.directory)
        stack.callback(shutil.rmtree, self.directory, ignore_errors=True)


def enter(rig, number):
    """Makes this process a worker: in the namespace, in a directory of its own."""
    fd = os.open(rig.space.path, os.O_RDONLY | os.O_CLOEXEC)
    if ctypes.CDLL(None, use_errno=True).setns(fd, netns.CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns", rig.space.path)
    os.close(fd)
    directory = os.path.join(rig.directory, f"w{number}")
    os.makedirs(directory)
    os.chdir(directory)
    return directory


def furnish(directory):
    """The files that values name."""
    for name, mode, text in (("good.sh", 0o755, "#!/bin/sh\n"), ("off.sh", 0o644, "#!/bin/sh\n"), ("open.sh", 0o777, "#!/bin/sh\n"), ("text", 0o755, "no script\n"),
                             ("others.sh", 0o755, "#!/bin/sh\n"), ("plain", 0o644, "5\n"), ("a b", 0o644, "7\n")):
        path = os.path.join(directory, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
    os.chown(os.path.join(directory, "others.sh"), 65534, 65534)
    os.makedirs(os.path.join(directory, "tree"), exist_ok=True)
    for name, to in (("link", "plain"), ("link.sh", "good.sh")):
        os.symlink(to, os.path.join(directory, name))


def ask(program, files, *more):
    """What the program says of a case in a fresh directory below this one."""
    directory = os.path.join(os.getcwd(), "d")
    os.makedirs(directory)
    try:
        furnish(directory)
        for name, text in files.items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="latin1", newline="") as file:
                file.write(text.replace("@dir@", directory))
        # A file: what the program leaves behind would keep a pipe open. A session: it signals its group.
        with open(os.path.join(directory, "log"), "w+b") as log:
            try:
                code = subprocess.run([program, "-t", "-f", "conf", "-i", "main", *more], cwd=directory, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log,
                                      stderr=log, timeout=PATIENCE, check=False, preexec_fn=limit, start_new_session=True).returncode
            except subprocess.TimeoutExpired:
                return Said("hangs", ())
            log.seek(0)
            text = log.read().decode("latin1").replace(directory, "DIR")
        return Said(code if code >= 0 else f"signal {-code}", tuple(plain(each) for each in text.split("\n") if each))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def plain(text):
    """A line without what differs from run to run."""
    return re.sub(r"\bpid[ =]\d+", "pid N", text.rstrip("\r"))
