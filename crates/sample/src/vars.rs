//! Variables and their scopes (configuration manual, section 4.4: `set-var`).

use crate::{Cx, Value};
use std::cell::RefCell;

/// Where a variable lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The whole process.
    Proc,
    /// The client connection.
    Sess,
    /// Request and response.
    Txn,
    /// The request.
    Req,
    /// The response.
    Res,
    /// A check.
    Check,
}

/// The full name of a variable: `scope.name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VarName {
    /// Its scope.
    pub scope: Scope,
    /// The name after the dot.
    pub name: Box<[u8]>,
}

impl VarName {
    /// Parses `scope.name`.
    ///
    /// # Errors
    /// The reference's text for a missing or unknown scope or a character outside `a-zA-Z0-9_.`.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let shown = String::from_utf8_lossy(text);
        if text.is_empty() {
            return Err("variable name length is zero".to_owned());
        }
        const SCOPES: [(&[u8], Scope); 6] = [
            (b"proc.", Scope::Proc),
            (b"sess.", Scope::Sess),
            (b"txn.", Scope::Txn),
            (b"req.", Scope::Req),
            (b"res.", Scope::Res),
            (b"check.", Scope::Check),
        ];
        let Some((scope, name)) = SCOPES
            .iter()
            .find_map(|(prefix, scope)| text.strip_prefix(*prefix).map(|name| (*scope, name)))
            .filter(|(_, name)| !name.is_empty())
        else {
            return Err(format!(
                "invalid variable name '{shown}'. A variable name must be start by its scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'"
            ));
        };
        if !name.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.') {
            let bad = name
                .iter()
                .position(|&b| !(b.is_ascii_alphanumeric() || b == b'_' || b == b'.'))
                .unwrap_or(0);
            let rest = String::from_utf8_lossy(name.get(bad..).unwrap_or_default()).into_owned();
            return Err(format!("invalid syntax at char '{rest}'"));
        }
        Ok(Self { scope, name: name.into() })
    }

    /// The variable's value.
    #[must_use]
    pub fn value(&self, cx: &Cx<'_>) -> Option<Value<'static>> {
        match self.scope {
            Scope::Proc => cx.env.process_variable(&self.name),
            Scope::Check => None,
            scope => Self::store(scope, cx)?.value(&self.name),
        }
    }

    /// Sets it, or removes it with none.
    pub fn set(&self, cx: &Cx<'_>, value: Option<Value<'_>>) {
        match self.scope {
            Scope::Proc => cx.env.set_process_variable(&self.name, value.map(Value::into_owned)),
            Scope::Check => {}
            scope => {
                if let Some(store) = Self::store(scope, cx) {
                    store.set(&self.name, value.map(Value::into_owned));
                }
            }
        }
    }

    fn store<'a>(scope: Scope, cx: &Cx<'a>) -> Option<&'a Variables> {
        match scope {
            Scope::Sess => Some(&cx.session.vars),
            Scope::Txn => Some(&cx.stream.txn_vars),
            Scope::Req => (!cx.in_response).then_some(&cx.stream.req_vars),
            Scope::Res => cx.in_response.then_some(&cx.stream.res_vars),
            Scope::Proc | Scope::Check => None,
        }
    }
}

/// The variables of one scope. Few at a time: a list is quicker than a map. Rules set them while expressions read others, hence
/// the interior mutability; no borrow outlives a call.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    list: RefCell<Vec<(Box<[u8]>, Value<'static>)>>,
}

impl Variables {
    /// The value of a name.
    #[must_use]
    pub fn value(&self, name: &[u8]) -> Option<Value<'static>> {
        self.list.borrow().iter().find(|(n, _)| **n == *name).map(|(_, v)| v.clone())
    }

    /// Sets a name, or removes it with none.
    pub fn set(&self, name: &[u8], value: Option<Value<'static>>) {
        let mut list = self.list.borrow_mut();
        let at = list.iter().position(|(n, _)| **n == *name);
        match (at, value) {
            (Some(at), Some(value)) => {
                if let Some(entry) = list.get_mut(at) {
                    entry.1 = value;
                }
            }
            (Some(at), None) => {
                list.swap_remove(at);
            }
            (None, Some(value)) => list.push((name.into(), value)),
            (None, None) => {}
        }
    }

    /// Forgets all, keeping the memory.
    pub fn clear(&self) {
        self.list.borrow_mut().clear();
    }
}
