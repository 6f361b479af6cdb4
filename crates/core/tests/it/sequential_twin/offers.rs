//! What the twin offers a task.

use super::*;

impl Twin<'_> {
    /// Every entry with every target; of each RSU the cheapest, of them the cheapest few, with every rule that holds.
    pub(super) fn offers(&self, task: usize) -> Vec<Offer> {
        let slot = self.slot;
        let data_bits = slot.tasks.data_bits[task];
        let mut ways: BTreeMap<u32, Offer> = BTreeMap::new();
        let mut links: Vec<_> = slot.links(task).iter().collect();
        links.retain(|link| self.entry(task).is_none_or(|entry| entry == link.rsu));
        let cost = |link: &wayside_core::slot::RadioLink| {
            let site = &self.sites[link.rsu as usize];
            let own = (site.entering + 1.0) * slot.upload_cost(task, link);
            (own, site.upload)
        };
        // of ways that cost the same that by the cheapest entry, then that by the nearest
        let cheapest = (0..links.len())
            .min_by(|&a, &b| {
                let sum = |i: usize| cost(links[i]).0 + cost(links[i]).1;
                sum(a).total_cmp(&sum(b))
            })
            .expect("covered");
        let first = links.remove(cheapest);
        links.insert(0, first);
        for link in links {
            let (own, others) = cost(link);
            let entering = self.sites[link.rsu as usize].entering + 1.0;
            for target in slot.routes.targets(link.rsu) {
                if self.sites[target.rsu as usize].available_hz <= 0.0 {
                    continue;
                }
                let migration = slot.migration_cost(data_bits, target);
                let way = Offer {
                    entry: link.rsu as usize,
                    rsu: target.rsu as usize,
                    span: 0,
                    hops: target.hops,
                    moved_s: data_bits * link.seconds_per_bit * entering
                        + data_bits * target.seconds_per_bit
                        + target.wait_s,
                    upload: own / entering,
                    own_upload: own,
                    others_upload: others,
                    migration,
                    hz: 0.0,
                    execution: 0.0,
                    added: 0.0,
                    holds: false,
                    least_hz: 0.0,
                    later: 0.0,
                    total: own + others + migration,
                };
                let known = ways.get(&target.rsu);
                if known.is_none_or(|known| way.total < known.total) {
                    ways.insert(target.rsu, way);
                }
            }
        }
        let mut all: Vec<(f64, Vec<Offer>)> = Vec::new();
        for way in ways.into_values() {
            let mut offers = Vec::new();
            let first = usize::from(self.later.is_some());
            for span in first..first + self.spans {
                offers.extend(self.offer(task, &way, span));
                if self.is_free(task, &way, span) {
                    break;
                }
            }
            let least = offers.iter().map(|o| o.total).fold(f64::INFINITY, f64::min);
            all.push((least, offers));
        }
        // stable: of equals the RSU of the lower number
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all.truncate(self.options);
        all.into_iter().flat_map(|(_, offers)| offers).collect()
    }

    /// The share with which it ends within so many slots.
    fn least_hz(&self, task: usize, way: &Offer, span: usize) -> f64 {
        let left_s = span as f64 * self.slot.slot_s * (1.0 - 1e-9) - way.moved_s;
        match span {
            0 => 0.0,
            _ if left_s > 0.0 => self.slot.tasks.cycles[task] / left_s,
            _ => f64::INFINITY,
        }
    }

    fn later_price(&self, span: usize) -> f64 {
        self.later
            .map_or(0.0, |later| later.price * (span - 1) as f64)
    }

    /// Whether it would take that share of its own will, had it the RSU to itself.
    fn is_free(&self, task: usize, way: &Offer, span: usize) -> bool {
        let curve = &self.sites[way.rsu].curve;
        self.later.is_some() && {
            let (wanted_hz, _) = curve.demand(self.later_price(span), self.slot.tasks.cycles[task]);
            self.least_hz(task, way, span) <= wanted_hz
        }
    }

    /// `way` with a rule on its end, where the rule can be kept.
    fn offer(&self, task: usize, way: &Offer, span: usize) -> Option<Offer> {
        let (cycles, site) = (self.slot.tasks.cycles[task], &self.sites[way.rsu]);
        let least_hz = self.least_hz(task, way, span);
        let fits = match self.later {
            Some(_) => least_hz <= site.available_hz - site.least_hz,
            None => span == 0 || least_hz <= site.free_hz(),
        };
        if !fits {
            return None;
        }
        // of its own will it takes an equal share, or less where it pays for later slots
        let equal_hz = site.share_hz(site.elastic + 1.0, site.free_hz());
        let later_price = self.later_price(span);
        let wanted_hz = match later_price > 0.0 {
            true => site.curve.demand(later_price, cycles).0.min(equal_hz),
            false => equal_hz,
        };
        let hz = wanted_hz.max(least_hz);
        let holds = least_hz > wanted_hz || wanted_hz < equal_hz;
        let before = site.execution_cost(site.free_hz());
        let execution = site.curve.cost(cycles, hz);
        let after = if holds {
            execution + site.execution_cost(site.free_hz() - hz)
        } else {
            site.curve.cost(site.cycles + cycles, hz)
        };
        let (added, later) = (after - before, later_price * hz);
        Some(Offer {
            span,
            hz,
            execution,
            added,
            holds,
            least_hz: if self.later.is_some() { least_hz } else { 0.0 },
            later,
            total: way.total + added + later,
            ..way.clone()
        })
    }
}
