"""Installing what a suite needs, from the Debian source that the machine is set up with."""

import functools
import os
import shutil
import subprocess

from . import report

ENVIRONMENT = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")


def need(**programs):
    """Installs the packages whose program is missing: `need(wrk="wrk", varnishtest="varnish")`."""
    missing = sorted({package for program, package in programs.items() if not which(program)})
    if not missing:
        return
    if os.geteuid() != 0:
        report.die(f"missing packages, and only root can install them: apt-get install {' '.join(missing)}")
    print(f"lab: installing {' '.join(missing)}", flush=True)
    update()
    # Debian starts a service as soon as it is installed; a test machine wants only the program.
    with no_service_start():
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing])


def which(program):
    name = program.replace("_", "-")
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@functools.lru_cache(maxsize=1)
def update():
    run(["apt-get", "update", "-qq"])


def run(command):
    done = subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        report.die(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class no_service_start:
    """A policy-rc.d that forbids starting services, when the machine has none of its own."""

    PATH = "/usr/sbin/policy-rc.d"

    def __enter__(self):
        self.ours = not os.path.exists(self.PATH)
        if self.ours:
            with open(self.PATH, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\nexit 101\n")
            os.chmod(self.PATH, 0o755)

    def __exit__(self, *_):
        if self.ours:
            os.unlink(self.PATH)


def debian_source():
    """(archive URI, security URI or None) of the machine's own Debian source."""

    def targets():
        text = run(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)",
                    "Created-By: Packages", "Origin: Debian", "Component: main"])
        return [line.split() for line in text.splitlines() if len(line.split()) == 2]

    rows = targets()
    if not rows:
        update()
        rows = targets()
    archive = next((uri for suite, uri in rows if "-" not in suite), None)
    security = next((uri for suite, uri in rows if suite.endswith("-security")), None)
    if archive is None:
        report.die("the machine's apt configuration names no Debian archive")
    return archive.rstrip("/"), security.rstrip("/") if security else None
