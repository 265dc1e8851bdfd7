//! Sample expressions: a fetch and its converters.

/// A parsed sample expression.
#[derive(Clone, Debug)]
pub struct Expr {}
