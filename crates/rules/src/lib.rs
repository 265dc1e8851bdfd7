//! Actions and rule sets (configuration manual, section 4.3).

/// The rules of one rule set of a proxy, in order.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {}

/// The reply that an error status, a deny or a return makes.
#[derive(Clone, Debug)]
pub struct Reply {}
