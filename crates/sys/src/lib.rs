//! Signals, daemonising, pid files, privileges, fd passing, socket options and clocks.
