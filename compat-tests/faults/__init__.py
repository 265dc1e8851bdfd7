"""Faults of the machine around haproxy: descriptors, log sockets, disks, pauses, clocks, dead origins."""
