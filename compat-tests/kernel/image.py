"""What the guest boots: Debian's own kernel, and an initramfs with both programs, busybox, ip(8) and the modules that are needed.

Nothing is installed but qemu and a static busybox: the kernel's package is downloaded and unpacked into the cache.
"""

import glob
import gzip
import os
import re
import shutil
import subprocess

from lab import apt, trees

MODULES = ("crc32c_generic", "ipvlan", "vrf", "veth", "macvlan", "dummy", "nf_tables", "nft_dup_netdev", "nft_dup_ipv4", "nft_dup_ipv6")
"""Which ones the guest loads. Those that the kernel has built in are not there."""


class Unavailable(Exception):
    """The machine has no kernel or no qemu, and cannot get one."""


def kernel():
    """(vmlinuz, module directory) of the newest kernel that the machine's Debian source has."""
    where = os.path.join(trees.cache(), "kernel")
    if not _found(where):
        if os.geteuid() != 0:
            raise Unavailable("only root can unpack a kernel into the cache")
        package = _package()
        temporary = where + ".new"
        shutil.rmtree(temporary, ignore_errors=True)
        os.makedirs(temporary)
        _run(["apt-get", "-o", "APT::Sandbox::User=root", "download", "-qq", package], temporary)
        _run(["dpkg", "-x", *glob.glob(os.path.join(temporary, "*.deb")), temporary], temporary)
        for each in glob.glob(os.path.join(temporary, "*.deb")):
            os.unlink(each)
        shutil.rmtree(where, ignore_errors=True)
        os.rename(temporary, where)
    return _found(where)


def _found(where):
    images = glob.glob(os.path.join(where, "boot", "vmlinuz-*"))
    if not images:
        return None
    version = os.path.basename(images[0]).removeprefix("vmlinuz-")
    return images[0], os.path.join(where, "lib", "modules", version)


def _package():
    """The package with the kernel that linux-image-amd64 stands for."""
    apt.update()
    told = _run(["apt-cache", "depends", "linux-image-amd64"], "/")
    found = re.search(r"Depends: (linux-image-\S+)", told)
    if not found:
        raise Unavailable("the machine's Debian source has no linux-image-amd64")
    return found.group(1)


def _run(command, directory):
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")
    return done.stdout


def modules(directory):
    """The files of MODULES and of what they depend on, in the order of loading."""
    paths = {os.path.basename(path).removesuffix(".ko").replace("-", "_"): path
             for path in glob.glob(os.path.join(directory, "**", "*.ko"), recursive=True)}
    ordered = []

    def add(name):
        path = paths.get(name)
        if path is None or path in ordered:
            return
        with open(path, "rb") as file:
            depends = re.search(rb"\0depends=([^\0]*)\0", file.read())
        for each in (depends.group(1).decode() if depends else "").split(","):
            add(each.replace("-", "_"))
        ordered.append(path)

    for name in MODULES:
        add(name)
    return ordered


def libraries(program):
    """The interpreter and the libraries that a program loads, as absolute paths."""
    with open(program, "rb") as file:
        interpreter = re.search(rb"(/[\w./+-]*ld-linux-x86-64\.so\.2)\0", file.read())
    if not interpreter:
        return []
    loader = interpreter.group(1).decode()
    told = subprocess.run([loader, "--list", program], capture_output=True, text=True, check=False).stdout
    return [loader, *re.findall(r"=> (/\S+) \(", told)]


class Archive:
    """A cpio archive in the format "newc" (Documentation/driver-api/early-userspace/buffer-format)."""

    def __init__(self):
        self.parts = []
        self.names = set()

    def directory(self, name):
        name = name.strip("/")
        if name and name not in self.names:
            self.directory(os.path.dirname(name))
            self._add(name, 0o040755, b"")

    def file(self, name, data, mode=0o755):
        self.directory(os.path.dirname(name))
        if name.strip("/") not in self.names:
            self._add(name.strip("/"), 0o100000 | mode, data)

    def copy(self, path, name=None):
        with open(path, "rb") as file:
            self.file(name or path, file.read())

    def link(self, name, target):
        self.directory(os.path.dirname(name))
        self._add(name.strip("/"), 0o120777, target.encode())

    def _add(self, name, mode, data):
        self.names.add(name)
        text = name.encode() + b"\0"
        fields = (len(self.names), mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(text), 0)
        head = b"070701" + b"".join(b"%08X" % each for each in fields) + text
        self.parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def bytes(self):
        self._add("TRAILER!!!", 0, b"")
        return gzip.compress(b"".join(self.parts), 1)


def initramfs(programs, module_directory, script):
    """An initramfs whose `init` loads the modules and runs `script`; `programs` are keepalived programs by name."""
    archive = Archive()
    for name in ("proc", "sys", "dev", "run", "tmp", "etc/keepalived", "var/run"):
        archive.directory(name)
    busybox = apt.which("busybox")
    archive.copy(busybox, "/bin/busybox")
    archive.link("/bin/sh", "busybox")
    # Called by its path: busybox's shell takes its own `ip` before any file.
    archive.copy(os.path.realpath(apt.which("ip")), "/real/ip")
    for name, path in programs.items():
        archive.copy(path, f"/bin/keepalived-{name}")
    for path in (apt.which("ip"), *programs.values()):
        for each in libraries(path):
            archive.copy(os.path.realpath(each), each)
    loaded = modules(module_directory)
    for path in loaded:
        archive.copy(path, f"/modules/{os.path.basename(path)}")
    archive.file("/etc/iproute2/rt_protos", b"18 keepalived\n", 0o644)
    archive.file("/etc/keepalived/keepalived.config-opts", _options(), 0o644)
    insmod = "".join(f"insmod /modules/{os.path.basename(path)}\n" for path in loaded)
    archive.file("/init", f"""#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mkdir -p /var/run /run/netns
stty -F /dev/ttyS1 raw
{insmod}/real/ip link set lo up
{script}
poweroff -f
""".encode())
    return archive.bytes()


def _options():
    try:
        with open("/etc/keepalived/keepalived.config-opts", "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
