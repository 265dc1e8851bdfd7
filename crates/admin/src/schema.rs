//! The JSON schema of `show stat json` and `show info json` (management manual, `show schema json`).

const SCHEMA: &str = include_str!("schema.json");

/// The schema in one line.
#[must_use]
pub fn json() -> String {
    SCHEMA.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_is_json() {
        let parsed: serde_json::Value = serde_json::from_str(&super::json()).unwrap_or_default();
        assert!(parsed["definitions"]["typedValue"].is_object());
    }
}
