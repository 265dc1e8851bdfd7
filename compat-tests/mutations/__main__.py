"""python3 -m mutations: random messages to both programs; what comes of each must be the same.

MUTATIONS_SEED (1) chooses the messages, MUTATIONS_CASES (1200) is their number in each round. A case that differs is run again,
alone with the others that did: what bytes arrive together is the machine's choice, and the reference's verdict may depend on it.
"""

import os
import random
import sys

from lab import reference, report

from . import messages, rig

ROUNDS = (
    ("requests", messages.request_case, (), ()),
    ("requests, httpclose", messages.request_case, ("option httpclose",), ()),
    ("requests, server-close, buffered", messages.request_case, ("option http-buffer-request",), ("option http-server-close",)),
    ("requests, relaxed", messages.request_case, ("option accept-invalid-http-request",), ("http-reuse never",)),
    ("requests, fetched", messages.request_case,
     ("http-request set-header x-m %[method]-%[path]-%[req.ver]-%[hdr_cnt]-%[req.hdr_names]",
      "http-request set-header x-u %[url]-%[base]-%[query]-%[req.body_len]-%[req.hdr(host)]-%[req.hdr(te)]"), ()),
    ("responses", messages.response_case, (), ()),
    ("responses, httpclose", messages.response_case, ("option httpclose",), ()),
    ("responses, relaxed", messages.relaxed_response_case, (), ("option accept-invalid-http-response", "http-reuse always")),
)
ATTEMPTS = 4
SHOWN = 10
"""Differences that are printed."""


def main():
    lines = report.Report("mutations")
    ours, theirs = reference.ours("haproxy"), reference.program("haproxy")
    if not os.access(ours, os.X_OK):
        report.die(f"{ours} is missing: make build")
    if theirs is None:
        lines.skip("everything", "no reference program")
        return lines.close()
    seed, count = (int(os.environ.get(f"MUTATIONS_{name}", default)) for name, default in (("SEED", "1"), ("CASES", "1200")))
    for number, (name, generate, frontend, backend) in enumerate(ROUNDS):
        dice = random.Random(seed * 1000 + number)
        cases = {f"k{index}": generate(dice, f"k{index}") for index in range(count)}
        different = compare((ours, theirs), (frontend, backend), cases)
        lines.check(f"{name}: {count} cases with seed {seed}", not different, "".join(map(told, different[:SHOWN])))
    return lines.close()


def compare(programs, options, cases):
    """[(case, what ours did, what the reference did)] of the cases that never came to the same."""
    ours, theirs = {}, {}
    for _ in range(ATTEMPTS):
        for program, seen in zip(programs, (ours, theirs)):
            for name, what in rig.observe(program, options, cases).items():
                seen.setdefault(name, []).append(what)
        cases = {name: case for name, case in cases.items() if not any(alike(a, b) for a in ours[name] for b in theirs[name])}
        if not cases:
            break
    return [(case, ours[name][-1], theirs[name][-1]) for name, case in cases.items()]


def alike(ours, theirs):
    """Whether two observations are equal. A reset may overtake an answer that was sent: then only the rest is compared."""
    if "reset" in (ours.end, theirs.end):
        return ours.requests == theirs.requests and ours.log == theirs.log
    return ours == theirs


def told(difference):
    case, ours, theirs = difference
    text = f"\n  {case.request.data!r} cut at {case.request.cuts}"
    if case.response:
        text += f"\n  {case.response.data!r} cut at {case.response.cuts}, {'closed' if case.response.close else 'kept'}"
    for field, mine, other in zip(ours._fields, ours, theirs):
        if mine != other:
            text += f"\n    {field}: ours      {mine!r}\n    {field}: reference {other!r}"
    return text


if __name__ == "__main__":
    sys.exit(main())
