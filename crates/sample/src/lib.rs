//! Samples, fetches, converters, ACLs and patterns (configuration manual, section 7).
//!
//! Pure: what a fetch may see is handed in as a [`Cx`].

mod condition;
mod cx;
mod expr;
mod value;

pub use condition::{AclSet, Condition};
pub use cx::{Cx, Environment, SessionView, StreamView};
pub use expr::Expr;
pub use value::Value;
