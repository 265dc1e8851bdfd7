//! ACLs and the conditions made of them.

/// The named ACLs of a proxy.
#[derive(Clone, Debug, Default)]
pub struct AclSet {}

/// A condition after `if` or `unless`.
#[derive(Clone, Debug)]
pub struct Condition {}
