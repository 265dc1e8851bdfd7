//! Userlists: who may log in, with which password, and in which groups (configuration manual, section 12.1).

use crate::Environment;
use std::sync::{Arc, OnceLock};

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: String,
    /// The password, or its hash in a form that `crypt(3)` knows; none lets nobody in.
    pub password: Option<Vec<u8>>,
    /// Whether the password is written as it is.
    pub plain: bool,
    /// Groups.
    pub groups: Vec<String>,
}

/// A userlist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserList {
    /// Users in order.
    pub users: Vec<User>,
    /// Groups in order.
    pub groups: Vec<String>,
}

impl UserList {
    /// The user of a name, when the password is right.
    #[must_use]
    pub fn authenticate(&self, name: &[u8], password: &[u8], env: &dyn Environment) -> Option<&User> {
        let user = self.users.iter().find(|user| user.name.as_bytes() == name)?;
        let wanted = user.password.as_deref()?;
        let right = if user.plain { wanted == password } else { env.password_matches(password, wanted) };
        right.then_some(user)
    }
}

/// A userlist that an expression refers to by its name, before the section may have been read.
#[derive(Debug)]
pub struct NamedUserList {
    name: String,
    list: OnceLock<Arc<UserList>>,
}

impl NamedUserList {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), list: OnceLock::new() }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives it its list. The first one stays.
    pub fn bind(&self, list: Arc<UserList>) {
        let _ = self.list.set(list);
    }

    /// The list, once bound.
    #[must_use]
    pub fn get(&self) -> Option<&UserList> {
        self.list.get().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Reverse;

    impl Environment for Reverse {
        fn wall_us(&self) -> u64 {
            0
        }
        fn random(&self) -> u32 {
            0
        }
        fn usable_servers(&self, _: &str) -> Option<u32> {
            None
        }
        fn server_is_up(&self, _: &str, _: &str) -> Option<bool> {
            None
        }
        fn connections(&self, _: &str, _: bool) -> Option<u64> {
            None
        }
        fn queued(&self, _: &str) -> Option<u64> {
            None
        }
        fn password_matches(&self, given: &[u8], hash: &[u8]) -> bool {
            given.iter().rev().eq(hash.iter())
        }
    }

    #[test]
    fn only_the_right_password_lets_in() {
        let user = |name: &str, password: Option<&str>, plain| User {
            name: name.to_owned(),
            password: password.map(|p| p.as_bytes().to_vec()),
            plain,
            groups: Vec::new(),
        };
        let list = UserList {
            users: vec![
                user("plain", Some("abc"), true),
                user("hash", Some("cba"), false),
                user("none", None, true),
            ],
            groups: Vec::new(),
        };
        let who = |name: &str, password: &str| {
            list.authenticate(name.as_bytes(), password.as_bytes(), &Reverse).map(|user| user.name.as_str())
        };
        assert_eq!(who("plain", "abc"), Some("plain"));
        assert_eq!(who("hash", "abc"), Some("hash"));
        for (name, password) in [("plain", "cba"), ("hash", "cba"), ("none", ""), ("nobody", "abc")] {
            assert_eq!(who(name, password), None, "{name}");
        }
    }
}
