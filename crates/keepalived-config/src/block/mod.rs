//! The blocks of keepalived.conf: one file each, with its keywords in a table at its end.

pub(crate) mod address;
pub(crate) mod authentication;
pub(crate) mod bfd_instance;
pub(crate) mod global_defs;
pub(crate) mod iproute;
pub(crate) mod network;
pub(crate) mod notify;
pub(crate) mod process;
pub(crate) mod route;
pub(crate) mod rule;
pub(crate) mod top;
pub(crate) mod track;
pub(crate) mod tracker;
pub(crate) mod vmac;
pub(crate) mod vrrp_instance;
pub(crate) mod vrrp_script;
pub(crate) mod vrrp_sync_group;

use crate::registry::{KeywordInfo, infos};

/// Every keyword of every block.
pub fn keywords() -> Vec<KeywordInfo> {
    let mut list = Vec::new();
    infos("", &top::TABLES, &mut list);
    infos("global_defs", &global_defs::TABLES, &mut list);
    infos("vrrp_sync_group", &vrrp_sync_group::TABLES, &mut list);
    infos("vrrp_instance", &vrrp_instance::TABLES, &mut list);
    infos("vrrp_instance/authentication", &authentication::TABLES, &mut list);
    infos("track_group", &network::TRACK_GROUP, &mut list);
    infos("garp_group", &network::GARP_GROUP, &mut list);
    infos("vrrp_script", &vrrp_script::TABLES, &mut list);
    infos("track_file", &tracker::FILE_TABLES, &mut list);
    infos("vrrp_track_file", &tracker::FILE_TABLES, &mut list);
    infos("vrrp_track_process", &tracker::PROCESS_TABLES, &mut list);
    infos("bfd_instance", &bfd_instance::TABLES, &mut list);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_documented() {
        let mut paths: Vec<_> = keywords().into_iter().map(|k| (k.path, k.doc)).collect();
        assert!(paths.iter().all(|(_, doc)| !doc.is_empty()));
        let count = paths.len();
        paths.sort();
        paths.dedup_by(|a, b| a.0 == b.0);
        assert_eq!(paths.len(), count, "a keyword has two rows");
    }

    /// The reference's own counts of keywords per block (2.3.3).
    #[test]
    fn every_keyword_of_the_reference_has_a_row() {
        let count = |block: &str| {
            keywords()
                .iter()
                .filter(|k| k.path.rsplit_once('/').map_or("", |(block, _)| block) == block)
                .count()
        };
        assert_eq!(count(""), 25);
        // And `status_socket`, `vrrp_restore_addresses` and `vrrp_both_families`, which are ours. `vrrp_ipsets` is in the manual,
        // but the reference's package is built without it.
        assert_eq!(count("global_defs"), 138 - 1 + 3);
        assert_eq!(count("vrrp_sync_group"), 15);
        assert_eq!(count("vrrp_instance"), 69);
        assert_eq!(count("vrrp_instance/authentication"), 2);
        assert_eq!(count("vrrp_script"), 8);
        assert_eq!(count("vrrp_track_file"), 3);
        assert_eq!(count("vrrp_track_process"), 9);
        assert_eq!(count("track_group"), 1);
        assert_eq!(count("garp_group"), 4);
        assert_eq!(count("bfd_instance"), 15);
    }
}
