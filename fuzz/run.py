"""Builds the fuzz targets with libFuzzer and runs them one after the other: `make fuzz`.

FUZZ_SECONDS (600) is the time of each; FUZZ_TARGETS names some of them. It needs a nightly toolchain and a C++ compiler.
What was found on the way is kept in fuzz/corpus/NAME, what fails in fuzz/artifacts/NAME; the input belongs into
fuzz/seeds/NAME once the fault is mended, where every `cargo test` runs it.
"""

import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TRIPLE = "x86_64-unknown-linux-gnu"
COVERAGE = ["--cfg", "fuzzing", "-Cpasses=sancov-module", "-Cllvm-args=-sanitizer-coverage-level=4",
            "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters", "-Cllvm-args=-sanitizer-coverage-pc-table",
            "-Cllvm-args=-sanitizer-coverage-trace-compares"]
SLOWEST = 120
"""Seconds that one input may take: more is a finding. The longest repetition that keepalived.conf may ask for takes a third of it here."""


def targets():
    """[(name, longest input)] as crates/fuzz-targets lists them."""
    with open(os.path.join(HERE, "../crates/fuzz-targets/src/lib.rs"), encoding="utf-8") as file:
        found = re.findall(r'Target \{ name: "(\w+)", run: \S+, longest: (\d+) \}', file.read())
    wanted = os.environ.get("FUZZ_TARGETS", "").split()
    return [(name, longest) for name, longest in found if not wanted or name in wanted]


def build():
    """The folder of the binaries."""
    folder = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "target")), "fuzz")
    environment = {**os.environ, "CARGO_TARGET_DIR": folder, "RUSTFLAGS": " ".join(COVERAGE)}
    words = ["cargo", "+nightly", "build", "--release", "--target", TRIPLE, "--manifest-path", os.path.join(HERE, "Cargo.toml")]
    subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, check=True)
    return os.path.join(folder, TRIPLE, "release")


def main():
    seconds = os.environ.get("FUZZ_SECONDS", "600")
    folder = build()
    failed = []
    for name, longest in targets():
        corpus, artifacts = os.path.join(HERE, "corpus", name), os.path.join(HERE, "artifacts", name, "")
        os.makedirs(corpus, exist_ok=True)
        os.makedirs(artifacts, exist_ok=True)
        log = os.path.join(artifacts, "log")
        started_at = time.monotonic()
        with open(log, "wb") as file:
            words = [os.path.join(folder, name), f"-max_total_time={seconds}", f"-max_len={longest}", f"-timeout={SLOWEST}", "-rss_limit_mb=1024",
                     "-print_final_stats=1", f"-artifact_prefix={artifacts}", corpus, os.path.join(HERE, "seeds", name)]
            done = subprocess.run(["nice", "-n", "19", *words], stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False)
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
        verdict = "ok" if done.returncode == 0 else "FAILED"
        print(f"{verdict:6}  {name}: {runs.group(1) if runs else '?'} inputs in {time.monotonic() - started_at:.0f} s", flush=True)
        if done.returncode != 0:
            failed.append(name)
            print(text[-2000:], flush=True)
    print(f"fuzz: {len(failed)} targets with findings{': ' + ' '.join(failed) if failed else ''}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
