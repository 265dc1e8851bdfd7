"""A guest: qemu without acceleration, which works everywhere, bounded in time."""

import os
import subprocess

from lab import undo

PATIENCE = 170
"""Seconds until a guest that has not ended is ended."""


class Guest:
    """Boots `kernel` with `initramfs`. What it writes to its second serial line is the result."""

    def __init__(self, stack, directory, name, kernel, initramfs):
        self.name = name
        self.console, self.results = (os.path.join(directory, f"{name}.{each}") for each in ("console", "results"))
        disk = os.path.join(directory, f"{name}.initrd")
        with open(disk, "wb") as file:
            file.write(initramfs)
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "512", "-display", "none", "-no-reboot",
             "-nic", "none", "-serial", f"file:{self.console}", "-serial", f"file:{self.results}", "-kernel", kernel, "-initrd", disk,
             "-append", "console=ttyS0 quiet panic=-1 clocksource=tsc tsc=reliable"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(undo.end, self.process)

    def wait(self):
        """Waits until it has switched itself off; returns (results, whether it did in time, the console's end)."""
        try:
            self.process.wait(PATIENCE)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
        return _text(self.results), ended, _text(self.console)[-1500:]


def _text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().replace("\r", "")
    except FileNotFoundError:
        return ""
