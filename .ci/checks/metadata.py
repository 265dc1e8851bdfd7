"""What cargo knows about the workspace, for the checks beside this file."""

import json
import subprocess


def load():
    """cargo metadata for the platform that we ship on."""
    done = subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"cargo metadata: {done.stderr.strip()}")
    return json.loads(done.stdout)


def members(metadata):
    """name -> package, for the crates of this workspace."""
    ids = set(metadata["workspace_members"])
    return {package["name"]: package for package in metadata["packages"] if package["id"] in ids}


def verdict(name, problems):
    """Prints the problems; the exit code."""
    for problem in problems:
        print(f"{name}: {problem}")
    print(f"{name}: {'ok' if not problems else f'{len(problems)} problem(s)'}")
    return 1 if problems else 0
