"""python3 -m packages: installs, upgrades, removes and purges dist/*.deb in trees of each release.

LAB_DEBIAN chooses the releases (default: bookworm,trixie). Needs root; nothing is booted.
"""

import contextlib
import glob
import os
import subprocess

from lab import host, report, trees, undo

OWN = ("haproxy-rs", "keepalived-rs")
STOCK = ("haproxy", "keepalived")
CONFIG = "# the administrator's own\nglobal\n    daemon\n"
FILES = ("etc/haproxy/haproxy.cfg", "etc/keepalived/keepalived.conf", "etc/default/haproxy")
UNITS = ("usr/lib/systemd/system/haproxy.service", "usr/lib/systemd/system/keepalived.service")


def packages():
    """The two .deb files of `make deb`."""
    dist = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dist")
    found = [max(glob.glob(os.path.join(dist, f"{name}_*.deb")), default=None) for name in OWN]
    if None in found:
        report.die("dist/ holds no packages: make deb")
    return found


def main():
    host.need_machine()
    worst = 0
    for release in os.environ.get("LAB_DEBIAN", "bookworm,trixie").split(","):
        for scenario in (over_stock_with_apt, over_stock_with_dpkg, on_a_fresh_host):
            title = f"packages, {release}, {scenario.__doc__.rstrip('.')}"
            print(f"\n#### {title}", flush=True)
            lines = report.Report(title)
            with undo.undoing() as stack:
                scenario(Host(stack, release, lines))
            worst = max(worst, lines.close())
    return worst


class Host:
    """A tree that is not booted, with the .deb files in /tmp."""

    def __init__(self, stack, release, lines):
        self.stack, self.release, self.lines = stack, release, lines
        self.tree = None

    def start(self, *installed):
        """The release's base with some of its own packages on it."""
        lower = trees.layer(self.release, "stock", list(installed)) if installed else [trees.base(self.release)]
        work = os.path.join(trees.cache(), undo.run_name("packages"))
        self.tree, _, _ = trees.overlay(self.stack, lower, work)
        self.stack.enter_context(trees.in_chroot(self.tree))
        for package in packages():
            subprocess.run(["cp", package, os.path.join(self.tree, "tmp")], check=True)

    def run(self, *command):
        return trees.chroot(self.tree, *command, check=False)

    def succeeds(self, *command):
        done = self.run(*command)
        self.lines.check(f"{' '.join(command)}", done.returncode == 0)
        if done.returncode != 0:
            print(done.stdout[-1500:], done.stderr[-1500:], flush=True)

    def install(self, tool):
        names = sorted(f"/tmp/{os.path.basename(package)}" for package in packages())
        # No option about configuration files: dpkg must have nothing to ask.
        self.succeeds(*(("apt-get", "install", "-y") if tool == "apt" else ("dpkg", "-i")), *names)

    def installed(self, name):
        done = self.run("dpkg-query", "-W", "-f", "${db:Status-Status}", name)
        return done.returncode == 0 and done.stdout == "installed"

    def read(self, path):
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.tree, path), encoding="utf-8") as file:
                return file.read()
        return None

    def check(self, what, holds):
        self.lines.check(what, holds)


def owned(host_):
    """The administrator's files, written over the stock ones."""
    for path in FILES:
        trees.write(host_.tree, path, CONFIG)


def replaced(host_):
    """What holds once ours has taken the stock packages' place."""
    host_.check("our packages are installed", all(host_.installed(name) for name in OWN))
    host_.check("the stock packages are not", not any(host_.installed(name) for name in STOCK))
    for path in FILES:
        host_.check(f"/{path} is the administrator's, byte for byte", host_.read(path) == CONFIG)
    left = [name for name in os.listdir(os.path.join(host_.tree, "etc/haproxy")) if "before" in name or "dpkg" in name]
    host_.check("no copy is left beside it", not left)
    for unit in UNITS:
        host_.check(f"/{unit} exists", host_.read(unit) is not None)
    for program in STOCK:
        shown = host_.run(f"/usr/sbin/{program}", "-v")
        host_.check(f"{program} -v is ours", "-rs" in shown.stdout + shown.stderr)


def enabled(host_):
    """The unit starts at boot."""
    wanted = "etc/systemd/system/multi-user.target.wants/haproxy.service"
    host_.check("the unit is enabled", os.path.islink(os.path.join(host_.tree, wanted)))


def over_stock_with_apt(host_):
    """apt install over the stock packages."""
    host_.start(*STOCK)
    owned(host_)
    host_.install("apt")
    replaced(host_)
    enabled(host_)
    # The stock package's purge takes its user and the unit's link with it: see README.Debian.
    host_.succeeds("dpkg", "--purge", *STOCK)
    replaced(host_)
    host_.succeeds("apt-get", "install", "-y", "--reinstall", *(f"/tmp/{os.path.basename(p)}" for p in packages()))
    replaced(host_)
    enabled(host_)
    host_.check("the user exists again after the stock package's purge", "haproxy:" in host_.read("etc/passwd"))
    host_.succeeds("apt-get", "remove", "-y", *OWN)
    host_.check("the programs are gone", not any(os.path.exists(f"{host_.tree}/usr/sbin/{name}") for name in STOCK))
    host_.check("the configuration stays", host_.read(FILES[0]) == CONFIG)
    host_.succeeds("dpkg", "--purge", *OWN)
    host_.check("purge takes the configuration", host_.read(FILES[0]) is None)
    host_.check("purge leaves keepalived.conf, which no package owns", host_.read(FILES[1]) == CONFIG)
    host_.succeeds("apt-get", "install", "-y", *STOCK)
    host_.check("the stock packages install again", all(host_.installed(name) for name in STOCK))


def over_stock_with_dpkg(host_):
    """dpkg -i over the stock packages."""
    host_.start(*STOCK)
    host_.succeeds("apt-get", "install", "-y", "adduser", "libpcre2-8-0")
    owned(host_)
    host_.install("dpkg")
    replaced(host_)
    enabled(host_)


def on_a_fresh_host(host_):
    """install on a fresh host."""
    host_.start()
    host_.install("apt")
    host_.check("our packages are installed", all(host_.installed(name) for name in OWN))
    host_.check("a default configuration is there", "stats socket" in (host_.read("etc/haproxy/haproxy.cfg") or ""))
    host_.check("the user exists", "haproxy:" in host_.read("etc/passwd"))
    host_.check("the chroot exists", os.path.isdir(os.path.join(host_.tree, "var/lib/haproxy/dev")))
    host_.succeeds("dpkg", "--purge", *OWN)
    host_.check("purge takes the configuration", not os.path.exists(os.path.join(host_.tree, "etc/haproxy/haproxy.cfg")))
    host_.check("purge takes the user", "haproxy:" not in host_.read("etc/passwd"))


if __name__ == "__main__":
    raise SystemExit(main())
