//! Drives health checks against servers.
