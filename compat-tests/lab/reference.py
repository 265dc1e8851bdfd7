"""Where the reference programs are. `python3 -m lab.reference` prints the directory, or nothing.

REFERENCE names it; otherwise the script `reference/install` in the folder `shared` beside the
checkout installs them into the cache, when both are there. Without a reference the side-by-side
suites say so and test ours alone.
"""

import os
import subprocess
import sys

from . import apt, trees

CHECKOUT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
PROGRAMS = {"haproxy": "haproxy-3.0", "keepalived": "keepalived-2.3"}


def prefix():
    """The directory of the reference programs, or None with the reason printed to standard error."""
    named = os.environ.get("REFERENCE")
    if named:
        return named if is_ready(named) else tell(f"REFERENCE={named} holds no {' and '.join(PROGRAMS.values())}")
    cached = os.path.join(trees.cache(), "reference")
    if is_ready(cached):
        return cached
    installer = os.path.join(CHECKOUT, "../shared/reference/install")
    if not os.path.exists(installer):
        return tell("no reference: REFERENCE is not set and no installer is beside the checkout")
    if os.geteuid() != 0:
        return tell("no reference: only root can install it")
    print("lab: installing the reference programs", file=sys.stderr, flush=True)
    os.makedirs(trees.cache(), exist_ok=True)
    with apt.no_service_start():
        done = subprocess.run([installer, cached], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    return cached if done.returncode == 0 and is_ready(cached) else tell(f"no reference: its installer failed ({done.returncode})")


def is_ready(directory):
    return all(os.access(os.path.join(directory, program), os.X_OK) for program in PROGRAMS.values())


def tell(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


def program(name):
    """The path of a reference program, or None."""
    directory = prefix()
    return os.path.join(directory, PROGRAMS[name]) if directory else None


def ours(name):
    """The path of our program: HAPROXY or KEEPALIVED, or the release build of this checkout."""
    path = os.environ.get(name.upper()) or os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(CHECKOUT, "target")), "release", name)
    return os.path.abspath(path)


if __name__ == "__main__":
    found = prefix()
    if found:
        print(found)
