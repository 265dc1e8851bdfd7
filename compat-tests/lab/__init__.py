"""What the scenario suites share: programs under test, namespaces, booted hosts, the wire, reports.

Python's standard library only, so that the suites run on a bare Debian. Nothing here knows a
scenario; nothing in a scenario calls `ip`, `mount` or `systemd-nspawn` itself.
"""
