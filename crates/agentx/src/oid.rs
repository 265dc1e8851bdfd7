//! Object identifiers.

/// The most numbers that an identifier has. RFC 2578, section 3.5.
pub const PARTS_MAX: usize = 128;

/// An object identifier; ordered as SNMP orders them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Vec<u32>);

impl Oid {
    /// An identifier of at most [`PARTS_MAX`] numbers; what is beyond is dropped.
    pub fn new(parts: &[u32]) -> Self {
        Self(parts.iter().copied().take(PARTS_MAX).collect())
    }

    /// Its numbers.
    pub fn parts(&self) -> &[u32] {
        &self.0
    }

    /// This one with more numbers behind.
    pub fn child(&self, parts: &[u32]) -> Self {
        Self(self.0.iter().chain(parts).copied().take(PARTS_MAX).collect())
    }

    /// Whether it is `root` or below it.
    pub fn is_below(&self, root: &Self) -> bool {
        self.0.starts_with(&root.0)
    }

    /// True for the null identifier, which has no numbers.
    pub fn is_null(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u32>> for Oid {
    /// What is beyond [`PARTS_MAX`] is dropped.
    fn from(mut parts: Vec<u32>) -> Self {
        parts.truncate(PARTS_MAX);
        Self(parts)
    }
}

impl std::fmt::Display for Oid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| write!(f, ".{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_children_and_text() {
        let root = Oid::new(&[1, 3, 6]);
        assert!(
            root < root.child(&[1])
                && root.child(&[1, 9]) < root.child(&[2])
                && root.child(&[2]) < root.child(&[10])
        );
        assert!(
            root.child(&[1]).is_below(&root) && root.is_below(&root) && !root.is_below(&root.child(&[1]))
        );
        assert_eq!(root.child(&[1, 4]).to_string(), ".1.3.6.1.4");
        assert_eq!(Oid::new(&[0; 200]).parts().len(), PARTS_MAX);
        assert_eq!(root.child(&[0; 200]).parts().len(), PARTS_MAX);
    }
}
