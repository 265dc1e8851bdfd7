//! Samples, fetches, converters, ACLs and patterns (configuration manual, section 7).
//!
//! Owns what an expression or a condition means: parsing from words, the type check, evaluation. Pure: what a fetch may see is
//! handed in as a [`Cx`], files and the environment as an [`Outside`]. It logs nothing and changes nothing but variables and
//! capture slots.

mod acl;
mod arg;
mod condition;
pub mod conv;
mod cx;
mod expr;
mod expr_parse;
pub mod fetch;
mod known;
mod parse;
pub mod pattern;
mod points;
#[cfg(test)]
mod tests;
pub mod time;
pub mod uri;
mod userlist;
mod value;
mod vars;

pub use acl::{Acl, AclSet, DERIVATIVES, Test};
pub use arg::{Arg, ArgType};
pub use condition::{Condition, Truth};
pub use conv::{ConverterRow, converters};
pub use cx::{Captured, Cx, Environment, Proxied, RequestLine, ServerNumbers, SessionView, StreamView};
pub use expr::Expr;
pub use fetch::{FetchRow, Missing, basic_credentials, fetches};
pub use known::{refused_converters, refused_fetches};
pub use parse::{CaptureSlots, Outside, ParseCx, Proxies, Reference, ReferenceKind};
pub use points::{PLACES, Place, Points, place_name};
pub use userlist::{NamedUserList, User, UserList};
pub use value::{Type, Value};
pub use vars::{Scope, VarName, Variables};
