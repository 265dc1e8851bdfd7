"""python3 -m kernel [SCENARIO ...]: what needs a kernel that this machine may not have (ipvlan, VRF), in guests with Debian's.

One guest a pair of programs, all at once; what ours showed must be what the reference showed.
"""

import os
import shutil
import sys
import tempfile

from lab import reference, report, undo
from netns.run import diff

from . import guest, image, machine

PAIRS = (("reference", "reference"), ("ours", "reference"), ("reference", "ours"))


def main(words):
    title = report.Report("kernel")
    programs = {"ours": reference.ours("keepalived"), "reference": reference.program("keepalived")}
    if not programs["reference"]:
        title.skip("everything", "there is no reference on this machine")
        return title.close()
    if not os.access(programs["ours"], os.X_OK):
        report.die(f"{programs['ours']} is missing: make build")
    try:
        if not all(shutil.which(each) for each in ("qemu-system-x86_64", "busybox", "ip")):
            raise image.Unavailable("qemu-system-x86, busybox-static or iproute2 is missing")
        vmlinuz, modules = image.kernel()
    except image.Unavailable as reason:
        title.skip("everything", str(reason))
        return title.close()
    with undo.undoing() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="hrs-kernel-"))
        guests = {pair: machine.Guest(stack, directory, "-".join(pair), vmlinuz, image.initramfs(programs, modules, guest.script(*pair)))
                  for pair in PAIRS}
        shown = {}
        for pair, each in guests.items():
            text, ended, console = each.wait()
            shown[pair] = guest.read(text)
            title.check(f"{'+'.join(pair)}: the guest ends", ended and "@@ all" in text, f"\n{console}")
            if os.environ.get("KERNEL_KEEP"):
                with open(os.path.join(os.environ["KERNEL_KEEP"], each.name), "w", encoding="utf-8") as file:
                    file.write(text)
    base = shown[PAIRS[0]]
    for name in (each for each in guest.SCENARIOS if not words or each in words):
        late = base[name].get("late")
        title.check(f"{name} reference+reference ({len(base[name])} facts)", len(base[name]) > 5 and not late, late)
        for pair in PAIRS[1:]:
            if name in guest.ALONE and pair[0] != "ours":
                continue
            differ = differences(name, base[name], shown[pair][name], pair)
            title.check(f"{name} {'+'.join(pair)} ({len(shown[pair][name])} facts)", not differ, differ)
    return title.close()


def differences(name, base, mine, pair):
    """What one pair showed otherwise than the reference, as text. Logs are compared of ours alone."""
    found = ""
    for fact, expected in base.items():
        if fact.startswith("log of ") and (pair["ab".index(fact[-1])] != "ours" or name in guest.LOGS_IGNORED):
            continue
        if mine.get(fact) != expected:
            found += f"\n    {fact}:" + diff(expected, mine.get(fact, []))
    return found + "".join(f"\n    {fact}: {mine[fact]}" for fact in mine if fact not in base)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
