//! `balance first`: the server with the lowest id that has a free slot.

use crate::server::{Load, Server};

#[derive(Clone, Debug, Default)]
pub(crate) struct First {
    by_id: Vec<u32>,
}

impl First {
    pub(crate) fn new(servers: &[Server], backup: bool) -> Self {
        let mut by_id: Vec<u32> = (0..servers.len() as u32).collect();
        by_id.retain(|&index| servers.get(index as usize).is_some_and(|server| server.backup == backup));
        by_id.sort_by_key(|&index| servers.get(index as usize).map(|server| server.id));
        Self { by_id }
    }

    pub(crate) fn pick(&self, servers: &[Server], load: Load, avoid: Option<usize>) -> Option<usize> {
        let mut avoided = None;
        for &index in &self.by_id {
            let server = servers.get(index as usize)?;
            if !server.usable() || server.saturated(load) {
                continue;
            }
            if Some(index as usize) != avoid {
                return Some(index as usize);
            }
            avoided = Some(index as usize);
        }
        avoided
    }
}
