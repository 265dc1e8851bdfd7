//! Userlists: groups are given to their users, and what refers to a list finds it.

use super::Resolver;
use crate::declared::UserListDecl;
use crate::reader::Declared;
use sample::{Acl, User, UserList};
use std::sync::Arc;

/// The lists as they run, by name.
pub(super) fn build(
    decls: Vec<UserListDecl>,
    resolver: &mut Resolver<'_, '_>,
) -> Vec<(String, Arc<UserList>)> {
    decls.into_iter().map(|decl| (decl.name.clone(), Arc::new(list(decl, resolver)))).collect()
}

fn list(decl: UserListDecl, resolver: &mut Resolver<'_, '_>) -> UserList {
    let mut list = UserList {
        users: Vec::with_capacity(decl.users.len()),
        groups: decl.groups.iter().map(|group| group.name.clone()).collect(),
    };
    // HAPROXY: the first name that does not exist ends the check.
    for user in decl.users {
        if let Some(group) = user.groups.iter().find(|group| !list.groups.contains(group)) {
            let (name, user) = (&decl.name, &user.name);
            resolver.refuse(format!("userlist '{name}': no such group '{group}' specified in user '{user}'"));
            return list;
        }
        let (name, groups) = (user.name, user.groups);
        list.users.push(User { name, password: user.password, plain: user.plain, groups });
    }
    for group in decl.groups {
        for member in group.users {
            let Some(user) = list.users.iter_mut().find(|user| user.name == member) else {
                let (name, group) = (&decl.name, &group.name);
                resolver.refuse(format!(
                    "userlist '{name}': no such user '{member}' specified in group '{group}'"
                ));
                return list;
            };
            user.groups.push(group.name.clone());
        }
    }
    list
}

/// Gives the expressions of a section their lists.
pub(super) fn bind(declared: &Declared<'_>, lists: &[(String, Arc<UserList>)]) {
    for named in &declared.parse.userlists {
        if let Some((_, list)) = lists.iter().find(|(name, _)| name == named.name()) {
            named.bind(Arc::clone(list));
        }
    }
}

/// The groups that a proxy's named ACLs ask for.
pub(super) fn check_groups(declared: &Declared<'_>, resolver: &mut Resolver<'_, '_>) {
    for acl in declared.parse.acls.iter() {
        for test in acl.tests().filter(|test| test.expr.fetch().name == "http_auth_group") {
            let Some(list) = test.expr.userlist() else { continue };
            check_test(acl, test, list, declared, resolver);
        }
    }
}

fn check_test(
    acl: &Acl,
    test: &sample::Test,
    list: &UserList,
    declared: &Declared<'_>,
    resolver: &mut Resolver<'_, '_>,
) {
    let title = format!(
        "proxy {}: acl {} {}()",
        declared.proxy.name,
        String::from_utf8_lossy(acl.name()),
        test.expr.fetch().name
    );
    if test.patterns().next().is_none() {
        resolver.refuse(format!("{title}: no groups specified."));
    }
    for text in test.patterns() {
        let group = String::from_utf8_lossy(text);
        if !list.groups.iter().any(|known| *known == group) {
            resolver.refuse(format!("{title}: invalid group '{group}'."));
        }
    }
}
