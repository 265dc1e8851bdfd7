"""Licences, duplicates and reasons of our dependencies, from cargo's own metadata.

The policy is deny.toml's; this script reads it from there, so that `cargo deny check`, where it is
installed, and this check (which needs no build of cargo-deny) cannot drift apart.
"""

import re
import sys
import tomllib

import metadata


def allowed(expression, licences):
    """Whether an SPDX expression can be met with the allowed licences: OR is a choice, AND is not."""
    text = expression.replace("/", " OR ")
    words = re.findall(r"\(|\)|[^\s()]+", text)

    def either(at):
        value, at = both(at)
        while at < len(words) and words[at] == "OR":
            right, at = both(at + 1)
            value = value or right
        return value, at

    def both(at):
        value, at = one(at)
        while at < len(words) and words[at] == "AND":
            right, at = one(at + 1)
            value = value and right
        return value, at

    def one(at):
        if words[at] == "(":
            value, at = either(at + 1)
            return value, at + 1
        if at + 2 < len(words) and words[at + 1] == "WITH":
            return f"{words[at]} WITH {words[at + 2]}" in licences, at + 3
        return words[at] in licences, at + 1

    return either(0)[0]


def main():
    with open("deny.toml", "rb") as file:
        policy = tomllib.load(file)
    with open("docs/dependencies.md", encoding="utf-8") as file:
        reasons = set(re.findall(r"^\| `([a-z0-9_-]+)` \|", file.read(), re.M))
    data = metadata.load()
    ours = metadata.members(data)
    problems = []

    licences = set(policy["licenses"]["allow"])
    for package in data["packages"]:
        if not package.get("license"):
            problems.append(f"{package['name']} {package['version']} names no licence")
        elif not allowed(package["license"], licences):
            problems.append(f"{package['name']} {package['version']}: licence {package['license']} is not allowed by deny.toml")
        if package["source"] and not package["source"].startswith("registry+"):
            problems.append(f"{package['name']} {package['version']} does not come from the crates.io registry")

    banned = {each["crate"] if isinstance(each, dict) else each for each in policy["bans"].get("deny", [])}
    skipped = {each["crate"].split("@")[0].split(":")[0] for each in policy["bans"].get("skip", [])}
    versions = {}
    for package in data["packages"]:
        versions.setdefault(package["name"], []).append(package["version"])
    for name, found in sorted(versions.items()):
        if name in banned:
            problems.append(f"{name} is banned by deny.toml")
        if len(found) > 1 and name not in skipped:
            problems.append(f"{name} is there in {len(found)} versions ({', '.join(sorted(found))}); deny.toml names no reason to skip it")

    direct = {dependency["name"] for package in ours.values() for dependency in package["dependencies"]} - set(ours)
    for name in sorted(direct - reasons):
        problems.append(f"{name} is a direct dependency without a row in docs/dependencies.md")
    for name in sorted(reasons - direct):
        problems.append(f"docs/dependencies.md has a row for {name}, which is no direct dependency")
    return metadata.verdict("dependencies", problems)


if __name__ == "__main__":
    sys.exit(main())
