//! The stats socket and the stats page.
