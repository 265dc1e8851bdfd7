"""Crates depend only downwards, and the pure ones touch neither tokio nor the system.

The order is that of `members` in Cargo.toml; its comment lines name the layers.
"""

import re
import sys

import metadata

IMPURE = {"tokio", "nix", "libc", "socket2", "rtnetlink", "sys", "netlink", "signal-hook"}
"""What a crate of the layer `pure` or `texts` must not depend on."""


def layers():
    """[(layer, crate folder)] in the order of Cargo.toml."""
    with open("Cargo.toml", encoding="utf-8") as file:
        block = re.search(r"^members = \[\n(.*?)^\]", file.read(), re.M | re.S).group(1)
    layer, rows = "", []
    for line in block.splitlines():
        if comment := re.match(r"\s*# ([\w ]+)", line):
            layer = comment.group(1).split(":")[0].strip()
        elif folder := re.match(r'\s*"([^"]+)"', line):
            rows.append((layer, folder.group(1)))
    return rows


def main():
    data = metadata.load()
    ours = metadata.members(data)
    by_folder = {package["manifest_path"].rsplit("/", 1)[0].removeprefix(data["workspace_root"] + "/"): name
                 for name, package in ours.items()}
    order = [(layer, by_folder[folder]) for layer, folder in layers()]
    place = {name: at for at, (_, name) in enumerate(order)}
    layer_of = {name: layer for layer, name in order}
    problems = []
    for name, package in sorted(ours.items()):
        for dependency in package["dependencies"]:
            if dependency["kind"] == "dev":
                continue
            other = dependency["name"]
            if other in place and place[other] <= place[name]:
                problems.append(f"{name} depends on {other}, which stands above it in Cargo.toml's members")
            if layer_of[name] in ("pure", "texts") and other in IMPURE:
                problems.append(f"{name} is pure and depends on {other}")
    return metadata.verdict("layering", problems)


if __name__ == "__main__":
    sys.exit(main())
