//! Side-by-side tests against the reference programs.
