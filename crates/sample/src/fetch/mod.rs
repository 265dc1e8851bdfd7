//! Sample fetches, one file a layer (configuration manual, sections 7.3.2 to 7.3.6). Each file ends with its table.

mod address;
mod buffer;
mod capture;
mod constant;
mod cookie;
mod header;
mod internal;
mod request;

pub use request::basic_credentials;
mod response;
mod rows;
mod source;
mod tls_hello;

pub(crate) use constant::check_unit;
pub use rows::{Check, FetchRow, Missing, Source};
pub(crate) use rows::{absent, dump_args, row};

/// Every fetch that exists.
pub fn fetches() -> impl Iterator<Item = &'static FetchRow> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// The fetch of a name.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static FetchRow> {
    fetches().find(|row| row.name.as_bytes() == name)
}

const TABLES: &[&[FetchRow]] = &[
    address::FETCHES,
    buffer::FETCHES,
    capture::FETCHES,
    constant::FETCHES,
    cookie::FETCHES,
    header::FETCHES,
    internal::FETCHES,
    request::FETCHES,
    response::FETCHES,
    tls_hello::FETCHES,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_known_and_documented() {
        let mut names: Vec<&str> = fetches().map(|row| row.name).collect();
        for row in fetches() {
            assert!(
                crate::known::FETCHES.contains(&row.name),
                "{} is not a fetch of the reference",
                row.name
            );
            assert!(!row.doc.is_empty(), "{}", row.name);
            assert!(usize::from(row.required) <= row.args.len(), "{}", row.name);
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
