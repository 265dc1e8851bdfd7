//! Interfaces up and down, and the delays until that counts: `interface_up_down_delays`.

use std::time::{Duration, Instant};

use super::{Output, Router};
use crate::config::LinkId;
use crate::event::Event;
use crate::track::Health;

impl Router {
    /// `interface_up_down_delays`: a change has to last before it counts. The first time an interface is seen up does.
    pub(super) fn handle_link(&mut self, now: Instant, link: LinkId, up: bool) {
        let counts = self.links.get(link.0).copied() == Some(Health::Good);
        if counts == up {
            if self.changing.remove(&link).is_some() {
                self.out.push_back(Output::Log(Event::LinkDelayCancelled(self.link_name(link))));
            }
            return;
        }
        if self.changing.contains_key(&link) {
            return;
        }
        let delay = self.link_delay(link, up);
        if delay.is_zero() {
            return self.link_counts_as(now, link, up);
        }
        self.changing.insert(link, (now + delay, up));
        self.out.push_back(Output::Log(Event::LinkDelayed { link: self.link_name(link), up, delay }));
    }

    /// Never so long that another router takes over before we notice: a master with a shorter interval may have come.
    fn link_delay(&self, link: LinkId, up: bool) -> Duration {
        let delays = self.config.delays.get(link.0).copied().unwrap_or_default();
        let delay = if up { delays.up } else { delays.down };
        let users = self.instances.iter().filter(|instance| instance.config().fault_links.contains(&link));
        let most = users.map(|instance| {
            let interval = instance.master_interval();
            (interval * instance.config().down_timer_adverts.saturating_sub(1)).saturating_sub(interval / 256)
        });
        most.min().map_or(delay, |most| delay.min(most))
    }

    fn link_counts_as(&mut self, now: Instant, link: LinkId, up: bool) {
        let Some(health) = self.links.get_mut(link.0) else { return };
        if std::mem::replace(health, Health::from_good(up)) == Health::from_good(up) {
            return;
        }
        self.update_verdicts(now, |config| config.uses_link(link));
    }

    /// Changes that have lasted long enough.
    pub(super) fn links_due(&mut self, now: Instant) {
        let due = self.changing.iter().filter(|(_, (at, _))| *at <= now);
        let changed: Vec<(LinkId, bool)> = due.map(|(link, (_, up))| (*link, *up)).collect();
        for (link, up) in changed {
            self.changing.remove(&link);
            self.link_counts_as(now, link, up);
        }
    }

    /// After a reload what counted before counts until the delay is over.
    pub(super) fn adopt_links(&mut self, old: &Self) {
        for (link, (at, up)) in &old.changing {
            let name = old.link_name(*link);
            if let Some(position) = self.config.links.iter().position(|known| *known == name) {
                if let Some(health) = self.links.get_mut(position) {
                    *health = Health::from_good(!*up);
                }
                self.changing.insert(LinkId(position), (*at, *up));
            }
        }
    }
}
