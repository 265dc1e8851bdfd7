//! Replies that stand in an `http-errors` section, referred to by its name before the section may have been read.

use crate::Reply;
use std::sync::{Arc, OnceLock};

/// One status of an `http-errors` section. Bound once, when the whole configuration is known.
#[derive(Debug)]
pub struct NamedErrors {
    section: String,
    status: u16,
    reply: OnceLock<Arc<Reply>>,
}

impl NamedErrors {
    pub(crate) fn new(section: &str) -> Self {
        Self { section: section.to_owned(), status: 0, reply: OnceLock::new() }
    }

    pub(crate) fn set_status(&mut self, status: u16) {
        self.status = status;
    }

    /// Name of the section.
    #[must_use]
    pub fn section(&self) -> &str {
        &self.section
    }

    /// The status whose page is meant.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Gives it its page. The first one stays.
    pub fn bind(&self, reply: Arc<Reply>) {
        let _ = self.reply.set(reply);
    }

    pub(crate) fn reply(&self) -> Option<Arc<Reply>> {
        self.reply.get().cloned()
    }
}
