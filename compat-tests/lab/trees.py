"""Debian trees for the hosts: a base a release, layers with packages on it, an overlay a host.

Bases and layers are kept between runs in $XDG_CACHE_HOME/haproxy-rs-lab (default /var/cache); a
host writes only into an overlay of its own. Packages are installed by chroot before boot, because
a booted host has no way out of its network namespace.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess

from . import apt, report, undo

PACKAGES_IN_BASE = "systemd,systemd-sysv,dbus,iproute2,iputils-ping,curl,procps,ca-certificates"


def cache():
    """The directory that keeps bases and layers between runs."""
    path = os.environ.get("HAPROXY_RS_LAB_CACHE")
    return path or os.path.join(os.environ.get("XDG_CACHE_HOME", "/var/cache"), "haproxy-rs-lab")


def base(release):
    """The base tree of a release, made when it is missing (about 40 s)."""
    tree = os.path.join(cache(), f"{release}-base")
    if os.path.exists(tree):
        return tree
    apt.need(debootstrap="debootstrap")
    archive, security = apt.debian_source()
    print(f"lab: making the {release} base tree in {tree}", flush=True)
    making = tree + ".making"
    shutil.rmtree(making, ignore_errors=True)
    os.makedirs(making)
    apt.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES_IN_BASE}", release, making, archive])
    suites = [(archive, release), (archive, f"{release}-updates")]
    if security:
        suites.append((security, f"{release}-security"))
    write(making, "etc/apt/sources.list", "".join(f"deb {uri} {suite} main\n" for uri, suite in suites))
    # Old lists are fine here: the machine may be set up with a frozen copy of the archive.
    write(making, "etc/apt/apt.conf.d/90lab", 'Acquire::Check-Valid-Until "false";\nAPT::Install-Recommends "false";\n')
    write(making, "etc/resolv.conf", "")
    write(making, "etc/machine-id", "uninitialized\n")
    with in_chroot(making):
        chroot(making, "apt-get", "update", "-qq")
    os.rename(making, tree)
    return tree


def layer(release, name, packages, below=()):
    """Directories, uppermost first, of the base with `packages` on it. `packages` are names or .deb files."""
    lower = list(below) or [base(release)]
    key = hashlib.sha256("\n".join(lower).encode())
    for package in packages:
        key.update(package.encode())
        if package.endswith(".deb"):
            with open(package, "rb") as file:
                key.update(file.read())
    path = os.path.join(cache(), f"{release}-{name}-{key.hexdigest()[:12]}")
    if not os.path.exists(path):
        for old in os.listdir(cache()):
            if re.fullmatch(rf"{release}-{name}-[0-9a-f]{{12}}", old):
                shutil.rmtree(os.path.join(cache(), old), ignore_errors=True)
        print(f"lab: making the {release} layer '{name}'", flush=True)
        with contextlib.ExitStack() as stack:
            work = os.path.join(cache(), undo.run_name(f"layer-{name}"))
            tree, upper, unmount = overlay(stack, lower, work)
            install(tree, packages)
            shutil.rmtree(os.path.join(upper, "tmp"), ignore_errors=True)
            unmount()
            os.rename(upper, path)
    return [path, *lower]


def overlay(stack, lower, work):
    """Mounts a writable overlay under `work`; returns (tree, upper, unmount). `stack` undoes it."""
    parts = {part: os.path.join(work, part) for part in ("tree", "upper", "work")}
    for part in parts.values():
        os.makedirs(part)
    stack.callback(shutil.rmtree, work, ignore_errors=True)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                    f"lowerdir={':'.join(lower)},upperdir={parts['upper']},workdir={parts['work']}", parts["tree"]], check=True)
    unmount = contextlib.ExitStack()
    unmount.callback(subprocess.run, ["umount", "-R", parts["tree"]], check=False)
    stack.callback(unmount.close)
    return parts["tree"], parts["upper"], unmount.close


def install(tree, packages):
    """apt-get install in a tree that is not booted; .deb files are copied in first."""
    names = []
    for package in packages:
        if package.endswith(".deb"):
            shutil.copy(package, os.path.join(tree, "tmp"))
            package = f"/tmp/{os.path.basename(package)}"
        names.append(package)
    command = ["apt-get", "install", "-y", "-qq", "-o", "Dpkg::Options::=--force-confold", "--allow-downgrades", *names]
    with in_chroot(tree):
        done = chroot(tree, *command, check=False)
        if done.returncode != 0:
            # The lists may have aged since the base was made.
            chroot(tree, "apt-get", "update", "-qq")
            chroot(tree, *command)


@contextlib.contextmanager
def in_chroot(tree):
    """What a package's scripts expect, and a policy that starts no service."""
    policy = os.path.join(tree, "usr/sbin/policy-rc.d")
    resolv = os.path.join(tree, "etc/resolv.conf")
    write(tree, "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    shutil.copy("/etc/resolv.conf", resolv)
    subprocess.run(["mount", "-t", "proc", "proc", os.path.join(tree, "proc")], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", os.path.join(tree, "proc")], check=False)
        os.unlink(policy)
        write(tree, "etc/resolv.conf", "")


def chroot(tree, *command, check=True):
    done = subprocess.run(["chroot", tree, *command], env={**apt.ENVIRONMENT, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        report.die(f"in {tree}: {' '.join(command)}: {done.stderr.strip()[-2000:] or done.stdout.strip()[-2000:]}")
    return done


def write(tree, path, text, mode=0o644):
    """Writes a file of a tree."""
    path = os.path.join(tree, path.lstrip("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.islink(path):
        os.unlink(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def sweep():
    """Removes what runs left that were killed before they could undo it."""
    if not os.path.isdir(cache()):
        return
    for name in os.listdir(cache()):
        if undo.owner_is_gone(name):
            work = os.path.join(cache(), name)
            for host in [work, *(os.path.join(work, each) for each in os.listdir(work))]:
                if os.path.ismount(os.path.join(host, "tree")):
                    subprocess.run(["umount", "-R", os.path.join(host, "tree")], check=False)
            shutil.rmtree(work, ignore_errors=True)
