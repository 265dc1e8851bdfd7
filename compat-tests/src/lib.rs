//! Tests of our programs as black boxes, beside the reference programs.
//!
//! The library is empty: what is here are the suites. README.md in this folder tells which is which.
