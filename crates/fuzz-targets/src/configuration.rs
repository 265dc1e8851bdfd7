//! Both programs' configuration files: any text gets messages, none a crash, and reading it twice says the same.

use crate::machine::{KEEPALIVED_CONF, Machine};
use haproxy_config::{Features, Inputs, load};
use keepalived_config::ReadOptions;
use std::collections::BTreeMap;
use std::path::Path;

/// haproxy.cfg, as `-c` reads it.
pub fn haproxy_cfg(data: &[u8]) {
    let machine = Machine::default();
    let loaded = load(Inputs {
        files: vec![("haproxy.cfg".to_owned(), data.to_vec())],
        environment: BTreeMap::from([("HOME".to_owned(), "/root".to_owned())]),
        program: "haproxy".to_owned(),
        ignore_unresolved: false,
        features: Features::default(),
        host: &machine,
    });
    let refused = loaded.diagnostics.iter().any(|each| each.severity == config_text::Severity::Alert);
    assert!(loaded.config.is_some() || refused, "refused without a word");
    std::hint::black_box(loaded.has_listener());
}

/// keepalived.conf, as a daemon reads it.
pub fn keepalived_conf(data: &[u8]) {
    let machine = Machine { main: data.to_vec() };
    let options = ReadOptions { config_id: None, all_config: false, test: false };
    let outcome = keepalived_config::load(Path::new(KEEPALIVED_CONF), &options, &machine);
    assert!(outcome.config.is_some() || !outcome.messages.is_empty(), "refused without a word");
    for reader in keepalived_config::Reader::ALL {
        std::hint::black_box(outcome.lines(reader, true).count());
    }
    std::hint::black_box(outcome.test_status());
}
