//! The stats page (configuration manual, `stats enable` and following): HTML, CSV, JSON, and the actions of its forms.

pub mod document;
pub mod html;
mod modules;
pub mod query;
pub mod service;
pub mod table;
