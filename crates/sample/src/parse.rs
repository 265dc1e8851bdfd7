//! What parsers of expressions, conditions and rules are given beside their words, and what they leave behind for the end of the
//! configuration.

use crate::pattern::{Catalogue, Map, Method};
use crate::{AclSet, NamedUserList, Points, Type};
use std::collections::HashMap;
use std::sync::Arc;

/// What is outside of the configuration text. The binary implements it with the file system; tests with a table.
pub trait Outside {
    /// Reads a file of patterns, a map, an error file. The error is the system's text, such as `No such file or directory`.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// An environment variable (`env(NAME)`), after `setenv` and its family.
    fn variable(&self, name: &str) -> Option<String>;

    /// Resolves a host name in an address pattern; the first IPv4 address wins.
    fn resolve(&self, _name: &str) -> Option<std::net::IpAddr> {
        None
    }
}

/// What kind of thing a reference names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// A frontend.
    Frontend,
    /// A backend.
    Backend,
    /// A server, as `backend/server` or `server` of the current backend.
    Server,
    /// A stick table.
    Table,
    /// A userlist.
    UserList,
}

/// A name that must exist once the whole configuration was read.
#[derive(Clone, Debug)]
pub struct Reference {
    /// What it names.
    pub kind: ReferenceKind,
    /// The name as written; for a server, the server's. The current proxy's when it was left out.
    pub name: Arc<str>,
    /// For a server, its backend.
    pub proxy: Arc<str>,
    /// Whether a name was written.
    pub written: bool,
    /// Such as `arg 1 of sample fetch keyword 'nbsrv' in http-request expression in proxy 'f'`.
    pub used_in: String,
    /// File and line.
    pub declared_at: (Arc<str>, u32),
}

/// What [`Reference::check`] asks about the whole configuration.
pub trait Proxies {
    /// Whether a proxy has the frontend and the backend capability; none when there is no such proxy. Where a frontend and a backend
    /// share a name, their capabilities are joined.
    fn capabilities(&self, proxy: &str) -> Option<(bool, bool)>;
    /// Whether a backend has a server.
    fn has_server(&self, backend: &str, server: &str) -> bool;
    /// Whether there is a userlist.
    fn has_userlist(&self, _name: &str) -> bool {
        false
    }
}

impl Reference {
    /// The reference's complaint after `parsing [file:line]: ` when the name does not exist.
    #[must_use]
    pub fn check(&self, proxies: &dyn Proxies) -> Option<String> {
        let Self { name, used_in, .. } = self;
        let side = |wanted: &str, has: fn((bool, bool)) -> bool| match proxies.capabilities(name) {
            Some(capabilities) if has(capabilities) => None,
            Some(_) if !self.written => {
                Some(format!("proxy '{name}', referenced in {used_in}, has not {wanted} capability."))
            }
            _ => Some(format!("unable to find {wanted} '{name}' referenced in {used_in}.")),
        };
        match self.kind {
            ReferenceKind::Frontend => side("frontend", |(frontend, _)| frontend),
            ReferenceKind::Backend => side("backend", |(_, backend)| backend),
            ReferenceKind::Server if !self.written => Some(format!("missing server name in {used_in}.")),
            ReferenceKind::Server => match proxies.capabilities(&self.proxy) {
                None => Some(format!("unable to find proxy '{}' referenced in {used_in}.", self.proxy)),
                Some(_) if proxies.has_server(&self.proxy, name) => None,
                Some(_) => Some(format!(
                    "unable to find server '{name}' in proxy '{}', referenced in {used_in}.",
                    self.proxy
                )),
            },
            ReferenceKind::Table => Some(format!("unable to find table '{name}' referenced in {used_in}.")),
            ReferenceKind::UserList if !self.written => Some(format!("missing userlist name in {used_in}.")),
            ReferenceKind::UserList if proxies.has_userlist(name) => None,
            ReferenceKind::UserList => {
                Some(format!("unable to find userlist '{name}' referenced in {used_in}."))
            }
        }
    }
}

/// Declared capture slots: lower-case header name (empty for a slot that only a rule fills) and length.
#[derive(Clone, Debug, Default)]
pub struct CaptureSlots {
    /// Request slots.
    pub request: Vec<(Vec<u8>, usize)>,
    /// Response slots.
    pub response: Vec<(Vec<u8>, usize)>,
}

/// Given to every parse function of expressions, conditions, log formats and rules. One lives as long as a proxy's section is read.
pub struct ParseCx<'a> {
    /// Files and environment.
    pub outside: &'a dyn Outside,
    /// Name of the proxy; empty in `global`.
    pub proxy: Arc<str>,
    /// Whether the proxy has the frontend capability.
    pub frontend: bool,
    /// Whether the proxy has the backend capability.
    pub backend: bool,
    /// Whether the proxy is known to be in HTTP mode.
    pub http: bool,
    /// Where the current words stand (one place, or the frontend and the backend one of a listen); decides which fetches are valid.
    /// Rule parsers set it themselves.
    pub places: Points,
    /// What the expressions being parsed belong to, for late messages: ` in http-request expression` or nothing. Rule parsers set
    /// it themselves.
    pub context: &'static str,
    /// File name of the line being read.
    pub file: Arc<str>,
    /// Number of the line being read.
    pub line: u32,
    /// The proxy's named ACLs.
    pub acls: AclSet,
    /// The proxy's capture slots.
    pub captures: CaptureSlots,
    /// Names to check at the end.
    pub references: Vec<Reference>,
    /// Userlists that expressions refer to, to be bound at the end.
    pub userlists: Vec<Arc<NamedUserList>>,
    /// Refusals that the reference tells only after it has read everything: file, line, and the text after `parsing [file:line]: `.
    pub late: Vec<(Arc<str>, u32, String)>,
    /// Refusals of capture ids, told at the end without a place: `Proxy 'f': unable to find capture id …`. Slot, whether of the
    /// response, and the rule's name.
    pub capture_uses: Vec<(usize, bool, String)>,
    /// Warnings since the caller last took them, with the way the reference writes their place.
    pub warnings: Vec<(config_text::Place, String)>,
    /// Whether this is a `defaults` section.
    pub defaults: bool,
    /// `expose-experimental-directives`
    pub experimental: bool,
    /// The lists of patterns of the whole configuration.
    pub lists: Arc<Catalogue>,
    files: HashMap<String, Arc<[u8]>>,
}

impl std::fmt::Debug for ParseCx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParseCx")
            .field("proxy", &self.proxy)
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

impl<'a> ParseCx<'a> {
    /// For a proxy's section.
    #[must_use]
    pub fn new(outside: &'a dyn Outside, proxy: &str, frontend: bool, backend: bool) -> Self {
        Self {
            outside,
            proxy: proxy.into(),
            frontend,
            backend,
            http: false,
            places: Points::LOG,
            context: "",
            file: Arc::from(""),
            line: 0,
            acls: AclSet::default(),
            captures: CaptureSlots::default(),
            references: Vec::new(),
            userlists: Vec::new(),
            late: Vec::new(),
            capture_uses: Vec::new(),
            warnings: Vec::new(),
            defaults: false,
            experimental: false,
            lists: Arc::default(),
            files: HashMap::new(),
        }
    }

    /// The complaints about capture slots that no line declared, for the end of the proxy's section. Only frontends complain: a
    /// backend may rely on the frontend's slots.
    #[must_use]
    pub fn capture_complaints(&self) -> Vec<String> {
        if !self.frontend {
            return Vec::new();
        }
        self.capture_uses
            .iter()
            .filter(|(slot, response, _)| {
                *slot >= if *response { self.captures.response.len() } else { self.captures.request.len() }
            })
            .map(|(slot, _, rule)| {
                format!(
                    "Proxy '{}': unable to find capture id '{slot}' referenced by {rule} rule.",
                    self.proxy
                )
            })
            .collect()
    }

    /// Warnings since the last call.
    pub fn take_warnings(&mut self) -> Vec<(config_text::Place, String)> {
        std::mem::take(&mut self.warnings)
    }

    /// The bytes of a file, read once.
    ///
    /// # Errors
    /// The system's text when it cannot be read.
    pub fn read_file(&mut self, path: &str) -> Result<Arc<[u8]>, String> {
        if let Some(known) = self.files.get(path) {
            return Ok(Arc::clone(known));
        }
        let bytes: Arc<[u8]> = self.outside.read(path)?.into();
        self.files.insert(path.to_owned(), Arc::clone(&bytes));
        Ok(bytes)
    }

    /// A map, loaded once for a file, method and kind of value.
    pub(crate) fn map(&mut self, path: &str, method: Method, output: Type) -> Result<Arc<Map>, String> {
        let known = self
            .lists
            .maps()
            .iter()
            .find(|map| map.file() == path && map.kind() == (method, output))
            .cloned();
        let map = match known {
            Some(map) => map,
            None => {
                let text = crate::acl::read_patterns(path, self)?;
                let outside = self.outside;
                let list = self.lists.file(path, true);
                let map = Arc::new(Map::load(list, &text, method, output, &|host| outside.resolve(host))?);
                self.lists.maps().push(Arc::clone(&map));
                map
            }
        };
        map.list().used(true, format!("map at file '{}' line {}", self.file, self.line));
        Ok(map)
    }
}
