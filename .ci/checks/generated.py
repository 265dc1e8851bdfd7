"""Generated files are what their generator writes now.

Each row names a committed file and the command whose output it is. `--write` writes them.
"""

import os
import subprocess
import sys

import metadata

FILES = {
    "docs/keywords-haproxy.md":
        "cargo run --quiet --release --locked -p haproxy-config --example keywords".split(),
    "docs/keywords-keepalived.md":
        "cargo run --quiet --release --locked -p keepalived-config --example keywords".split(),
}
"""path -> command words; HAPROXY and KEEPALIVED in the environment name our programs."""


def main(write):
    problems = []
    for path, words in FILES.items():
        done = subprocess.run([os.path.expandvars(word) for word in words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            problems.append(f"{path}: {' '.join(words)} failed: {done.stderr.strip()}")
            continue
        if write:
            with open(path, "w", encoding="utf-8") as file:
                file.write(done.stdout)
            continue
        with open(path, encoding="utf-8") as file:
            if file.read() != done.stdout:
                problems.append(f"{path} is not what {' '.join(words)} prints: run `make build` and .ci/checks/generated.py --write")
    return metadata.verdict("generated files", problems)


if __name__ == "__main__":
    sys.exit(main("--write" in sys.argv))
