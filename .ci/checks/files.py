"""Files: none too long, none with a path or host of one machine, each with a final newline."""

import re
import subprocess
import sys

import metadata

LIMIT = 800
"""Lines of a Rust file, its `#[cfg(test)] mod tests` at the bottom not counted."""

LONGER = {
    "crates/haproxy-config/src/known.rs": "the table of the reference's keywords that we refuse by name",
}
"""path -> reason, for files that may be longer: tables of keywords."""

MACHINE = re.compile(r"(?<![\w./-])/(?:work|opt/reference)/|snapshot\.debian\.org|deb\.debian\.org|index\.crates\.io|static\.crates\.io")
"""What must not be committed: paths of the machine that somebody worked on, hosts of registries."""

TEXT = (".rs", ".toml", ".md", ".py", ".sh", ".cfg", ".conf", ".vtc", ".service", ".yml")


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True).stdout
    problems = []
    for path in sorted(set(listed.splitlines())):
        if path == ".ci/checks/files.py":
            continue
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            continue
        if found := MACHINE.search(text):
            problems.append(f"{path}: '{found.group(0)}' belongs to one machine")
        # The corpus of broken configurations ends as each case needs it.
        if path.endswith(TEXT) and text and not text.endswith("\n") and not re.search(r"/(corpus|config)/", path):
            problems.append(f"{path}: no newline at the end")
        if path.endswith(".rs") and not re.search(r"(^|/)tests?(/|\.rs$)", path):
            lines = text.split("\n#[cfg(test)]\nmod tests {")[0].count("\n")
            if lines > LIMIT and path not in LONGER:
                problems.append(f"{path}: {lines} lines, the limit is {LIMIT}: look for the second idea in it")
    return metadata.verdict("files", problems)


if __name__ == "__main__":
    sys.exit(main())
