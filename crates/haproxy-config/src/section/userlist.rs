//! The section `userlist` (configuration manual, section 12.1).

use crate::cx::{Cx, Line, Outcome, Refusal};
use crate::declared::{GroupDecl, UserDecl, UserListDecl};
use config_text::{Place, Severity};

fn warn(line: &Line<'_>, cx: &mut Cx<'_>, text: String) {
    cx.tell(Severity::Warning, "duplicate", Place::ParsingTight, Some(line.span), text);
}

/// The line that opens the section. A second section of a name has no effect: none is returned.
pub(crate) fn open(
    line: &Line<'_>,
    known: &[UserListDecl],
    cx: &mut Cx<'_>,
) -> Result<Option<UserListDecl>, Refusal> {
    let name = line.arg(0);
    if name.is_empty() {
        return Err(Refusal::fatal("'userlist' expects <name> as arguments.").tight());
    }
    line.at_most(1)?;
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-:".contains(*c))) {
        let text = format!("character '{bad}' is not permitted in 'userlist' name '{name}'.");
        return Err(Refusal::fatal(text).tight());
    }
    if known.iter().any(|list| list.name == name) {
        warn(line, cx, format!("ignoring duplicated userlist '{name}'."));
        return Ok(None);
    }
    Ok(Some(UserListDecl { name, ..UserListDecl::default() }))
}

/// A line of the section.
pub(crate) fn section_line(list: &mut UserListDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    match line.name().as_str() {
        "group" => group(list, line, cx),
        "user" => user(list, line, cx),
        other => Err(Refusal::fatal(format!("unknown keyword '{other}' in 'users' section")).tight()),
    }
}

fn names(text: &str) -> Vec<String> {
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn checked_name(line: &Line<'_>) -> Result<String, Refusal> {
    let (keyword, name) = (line.name(), line.arg(0));
    if name.is_empty() {
        return Err(Refusal::fatal(format!("'{keyword}' expects <name> as arguments.")).tight());
    }
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-:".contains(*c)))
        && keyword == "group"
    {
        let text = format!("character '{bad}' is not permitted in '{keyword}' name '{name}'.");
        return Err(Refusal::fatal(text).tight());
    }
    Ok(name)
}

fn group(list: &mut UserListDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = checked_name(line)?;
    if list.groups.iter().any(|group| group.name == name) {
        warn(line, cx, format!("ignoring duplicated group '{name}' in userlist '{}'.", list.name));
        return Ok(());
    }
    let mut users: Option<Vec<String>> = None;
    let mut at = 1;
    while !line.arg(at).is_empty() {
        if line.arg(at) != "users" {
            return Err(Refusal::fatal("'group' only supports 'users' option.").tight());
        }
        if users.is_some() {
            let text = format!("'users' option already defined in 'group' name '{name}'.");
            return Err(Refusal::fatal(text).tight());
        }
        users = Some(names(&line.arg(at + 1)));
        at += 2;
    }
    list.groups.push(GroupDecl { name, users: users.unwrap_or_default() });
    Ok(())
}

fn user(list: &mut UserListDecl, line: &Line<'_>, cx: &mut Cx<'_>) -> Outcome {
    let name = checked_name(line)?;
    if list.users.iter().any(|user| user.name == name) {
        warn(line, cx, format!("ignoring duplicated user '{name}' in userlist '{}'.", list.name));
        return Ok(());
    }
    let mut user = UserDecl { name, ..UserDecl::default() };
    let mut at = 1;
    while !line.arg(at).is_empty() {
        let value = line.arg(at + 1);
        match line.arg(at).as_str() {
            word @ ("password" | "insecure-password") => {
                user.plain = word == "insecure-password";
                user.password = Some(value.into_bytes());
            }
            "groups" => user.groups = names(&value),
            _ => {
                let text = "'user' only supports 'password', 'insecure-password' and 'groups' options.";
                return Err(Refusal::fatal(text).tight());
            }
        }
        at += 2;
    }
    list.users.push(user);
    Ok(())
}
