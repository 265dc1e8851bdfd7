//! Pieces of request targets, cookies and header lists (haproxy-algorithms, part 9.4).

/// The authority of an absolute target; none in the other forms.
#[must_use]
pub fn authority(uri: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(uri, b"://")?;
    if uri.first() == Some(&b'/') {
        return None;
    }
    let rest = uri.get(at + 3..)?;
    let end = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
    rest.get(..end)
}

/// Blanks at both ends removed.
#[must_use]
pub fn trim(text: &[u8]) -> &[u8] {
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let Some(start) = text.iter().position(|b| !blank(b)) else { return b"" };
    let end = text.iter().rposition(|b| !blank(b)).map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}

/// The values of a comma-separated field, commas in double quotes apart; blanks trimmed.
#[derive(Clone, Debug)]
pub struct List<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> List<'a> {
    /// Of one field value.
    #[must_use]
    pub fn new(value: &'a [u8]) -> Self {
        Self { rest: Some(value) }
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest?;
        let (mut quoted, mut escaped) = (false, false);
        let comma = text.iter().position(|&b| {
            if escaped {
                escaped = false;
            } else if quoted && b == b'\\' {
                escaped = true;
            } else if b == b'"' {
                quoted = !quoted;
            } else if b == b',' && !quoted {
                return true;
            }
            false
        });
        let value = match comma {
            None => {
                self.rest = None;
                text
            }
            Some(at) => {
                self.rest = text.get(at + 1..);
                text.get(..at).unwrap_or_default()
            }
        };
        Some(trim(value))
    }
}

/// The name and value pairs of a `cookie` field: separated by `;` or `,` outside quotes.
pub fn cookies(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        loop {
            let text = rest?;
            let mut quoted = false;
            let end = text.iter().position(|&b| {
                if b == b'"' {
                    quoted = !quoted;
                }
                !quoted && (b == b';' || b == b',')
            });
            let item = match end {
                None => {
                    rest = None;
                    text
                }
                Some(at) => {
                    rest = text.get(at + 1..);
                    text.get(..at).unwrap_or_default()
                }
            };
            if let Some(equals) = item.iter().position(|&b| b == b'=') {
                let (name, value) = item.split_at(equals);
                return Some((trim(name), trim(value.get(1..).unwrap_or_default())));
            }
        }
    })
}

/// The name and value of the cookie that each comma-separated element of a `set-cookie` field sets.
pub fn set_cookies(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    List::new(value).filter_map(|element| {
        let first = element.split(|&b| b == b';').next()?;
        let equals = first.iter().position(|&b| b == b'=')?;
        let (name, value) = first.split_at(equals);
        Some((trim(name), trim(value.get(1..).unwrap_or_default())))
    })
}

/// The parameters of a query string: separated by `&` or `;`, those without `=` skipped.
pub fn parameters<'a>(
    query: &'a [u8],
    separators: &'static [u8],
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    query.split(move |b| separators.contains(b)).filter_map(|item| {
        let equals = item.iter().position(|&b| b == b'=')?;
        let (name, value) = item.split_at(equals);
        Some((name, value.get(1..).unwrap_or_default()))
    })
}

/// The path of a target: from the first `/` after an optional `scheme://authority` up to the query; empty when there is none.
#[must_use]
pub fn path_of(uri: &[u8]) -> &[u8] {
    path_and_query_of(uri).split(|&b| b == b'?').next().unwrap_or_default()
}

/// The path with the query.
#[must_use]
pub fn path_and_query_of(uri: &[u8]) -> &[u8] {
    if uri.first() == Some(&b'/') {
        return uri;
    }
    let Some(scheme) = memchr::memmem::find(uri, b"://") else { return b"" };
    let rest = uri.get(scheme + 3..).unwrap_or_default();
    rest.iter().position(|&b| b == b'/').and_then(|slash| rest.get(slash..)).unwrap_or_default()
}
