//! Sources, spans, words and diagnostics of both configuration dialects.
//!
//! Owns what a position in a configuration text is and how a problem there is told. It knows no keyword, opens no file and
//! prints nothing: readers hand texts in, the binaries print what a [`Diagnostic`]'s renderer returns.

mod diagnostic;
mod files;
pub mod haproxy_words;
mod source;
pub mod spelling;

pub use diagnostic::{Diagnostic, Diagnostics, Place, Problem, Severity};
pub use files::Files;
pub use source::{FileId, SourceFile, SourceMap, Span, Word};
