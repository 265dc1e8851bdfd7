# What a developer runs. Each target installs by apt what it needs when it runs as root on Debian.
#
#   make check    formatting, lints, documentation, dependencies, layering, file lengths
#   make test     unit tests, then every scenario suite, ours beside the reference
#   make test-netns   VRRP on the wire, ours beside the reference and with it; make soak-netns for the long storms
#   make demo     the whole story in network namespaces, in under two minutes
#   make deb      two Debian packages in dist/
#   make bench    CPU cost a request, ours beside both references
#   make profile  counts where haproxy spends its time, for the packages' build
#   make soak     the long storms of VRRP, then mixed load with faults on both sides and reloads: SOAK_SECONDS (1800), SOAK_SEED
#   make fuzz     every fuzz target for FUZZ_SECONDS (600) each; needs a nightly toolchain
#
# SUBJECT=ours|reference|mixed|all and LAB_DEBIAN=bookworm,trixie choose what `make test-hosts` runs.
# REFERENCE=DIR names the installed reference programs; see compat-tests/README.md.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory

CARGO       ?= cargo
PYTHON      ?= $(firstword $(wildcard /usr/bin/python3) python3)
TARGET      := $(or $(CARGO_TARGET_DIR),target)
LAB         := PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=compat-tests $(PYTHON)

export CARGO_TERM_COLOR ?= never
# Where the suites find our programs.
export HAPROXY    ?= $(abspath $(TARGET)/release/haproxy)
export KEEPALIVED ?= $(abspath $(TARGET)/release/keepalived)

.PHONY: help check fmt clippy doc deny layout generated test test-unit test-vtc test-side-by-side test-mutations test-kconf test-reload test-faults test-soak \
        test-packages test-hosts test-netns test-kernel soak-netns demo deb profile bench soak fuzz build tools reference clean print-tests

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//; p' Makefile

# -- check --

check: tools fmt clippy doc deny layout generated

fmt:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked --quiet

# The same policy as deny.toml, which `cargo deny check` enforces where it is installed.
deny:
	$(PYTHON) -B .ci/checks/dependencies.py

layout:
	$(PYTHON) -B .ci/checks/layering.py
	$(PYTHON) -B .ci/checks/files.py

generated: build
	$(PYTHON) -B .ci/checks/generated.py

# -- test --

# In this order: what is quick and tells most comes first.
TESTS := test-unit test-vtc test-side-by-side test-mutations test-kconf test-reload test-faults test-soak test-netns test-kernel demo test-packages test-hosts

test: tools
	@$(PYTHON) -B .ci/steps.py $(TESTS)

test-unit: tools
	$(PYTHON) -B .ci/count.py "unit tests" $(CARGO) test --workspace --exclude compat-tests --locked

test-vtc: build
	$(LAB) -m vtc

test-side-by-side: build
	.ci/tools iproute2
	REFERENCE="$$($(LAB) -m lab.reference)" $(PYTHON) -B .ci/count.py "side by side" \
	  $(CARGO) test -p compat-tests --release --locked -- --nocapture --test-threads=2

# MUTATIONS_SEED=N tries other messages than those that every run tries.
test-mutations: build
	$(LAB) -m mutations

# KCONF_SEED=N tries other configurations than those that every run tries.
test-kconf: build
	.ci/tools iproute2
	$(LAB) -m kconf

test-reload: build
	$(LAB) -m reload

test-netns: build
	.ci/tools nftables dbus-daemon dbus-bin snmp snmpd snmptrapd
	$(LAB) -m netns

soak-netns: build
	NETNS_LONG=1 $(LAB) -m netns storm

# What needs ipvlan and VRF, which this machine's kernel may not have: guests with Debian's. KERNEL_KEEP=DIR keeps what they wrote.
test-kernel: build
	.ci/tools iproute2 qemu-system-x86 busybox-static || true
	$(LAB) -m kernel

test-packages: deb
	.ci/tools lintian
	$(LAB) -m packages

test-faults: build
	$(LAB) -m faults

# The short form of `make soak`, with a fixed seed.
test-soak: build
	SOAK_SECONDS=$${SOAK_SECONDS:-45} SOAK_SEED=$${SOAK_SEED:-1} \
	  $(CARGO) test -p compat-tests --release --locked --test soak

# Ours are needed unless only the reference is asked for.
test-hosts: $(if $(filter reference,$(SUBJECT)),,deb)
	$(LAB) -m hosts

demo: build
	$(LAB) -m demo

# -- build --

build: tools
	$(CARGO) build --release --locked -p haproxy-rs -p keepalived-rs

# DEB_PROFILE=release packages the quickly built programs, for trying things out.
# PGO= leaves out what packaging/haproxy.profdata knows of where haproxy spends its time: docs/performance.md.
DEB_PROFILE ?= dist
PGO         ?= 1
SHIPPED     := RUSTFLAGS="$${RUSTFLAGS-} $(if $(PGO),$$(packaging/profile flags))" $(CARGO) build --profile $(DEB_PROFILE) --locked
deb:
	.ci/tools debhelper dpkg-dev
	$(SHIPPED) -p haproxy-rs -p keepalived-rs
	packaging/build-deb $(TARGET)/$(DEB_PROFILE)

# Counts anew, after large changes of the data plane or with another compiler. Needs wrk and nginx.
profile: tools
	packaging/profile record

# What ships is measured: the build of `make deb`.
bench: tools
	$(SHIPPED) -p haproxy-rs
	$(CARGO) build --release --locked -p compat-tests --bin bench-load
	REFERENCE="$$($(LAB) -m lab.reference)" HAPROXY=$(abspath $(TARGET)/$(DEB_PROFILE)/haproxy) \
	  BENCH_LOAD=$(abspath $(TARGET)/release/bench-load) $(LAB) -m bench

# The storms of VRRP, then half an hour of mixed load. SUBJECT=reference soaks the reference with the latter.
soak: $(if $(filter reference,$(SUBJECT)),build,soak-netns)
	REFERENCE="$$($(LAB) -m lab.reference)" SOAK_SECONDS=$${SOAK_SECONDS:-1800} $(CARGO) test -p compat-tests --release --locked --test soak

fuzz:
	$(PYTHON) -B fuzz/run.py

tools:
	@.ci/tools

reference:
	@$(LAB) -m lab.reference

clean:
	$(CARGO) clean
	rm -rf dist

# For .ci/run: the targets, so that they are listed once.
print-tests:
	@echo $(TESTS)
