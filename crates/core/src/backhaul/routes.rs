//! Breadth-first search from every RSU, no farther than `max_hops`.

use super::network::Network;
use super::{Beyond, Edge, Routes, Target};

impl Routes {
    /// Shortest paths over `links` between `rsus` RSUs, at most `max_hops` long.
    ///
    /// Of several links of a pair the fastest counts, and links of an RSU to itself never do. Time and
    /// memory are proportional to what lies within `max_hops`, never to the square of `rsus`.
    ///
    /// # Panics
    /// If a link names an RSU that does not exist, or there are more than [`MAX_TARGETS`] targets.
    #[must_use]
    pub fn build(rsus: usize, links: &[Edge], max_hops: usize) -> Self {
        Self::try_build(rsus, links, max_hops).expect("at most MAX_TARGETS targets")
    }

    /// The same, or `None` where there are more than [`MAX_TARGETS`] targets, or finding them takes more than
    /// [`MAX_STEPS`] steps.
    ///
    /// # Panics
    /// If a link names an RSU that does not exist.
    #[must_use]
    pub fn try_build(rsus: usize, links: &[Edge], max_hops: usize) -> Option<Self> {
        Self::build_within(rsus, links, max_hops, MAX_STEPS)
    }

    pub(super) fn build_within(
        rsus: usize,
        links: &[Edge],
        max_hops: usize,
        most_steps: u64,
    ) -> Option<Self> {
        let network = Network::new(rsus, links, 0.0);
        let max_hops = u32::try_from(max_hops).unwrap_or(u32::MAX - 1);
        let mut routes = Self {
            start: Vec::with_capacity(rsus + 1),
            ..Self::default()
        };
        let component_size = component_sizes(rsus, links);
        let mut place = vec![UNSEEN; rsus];
        let mut steps = 0;
        routes.start.push(0);
        for source in 0..row(rsus) {
            let all = component_size[source as usize];
            steps += routes.search(source, (max_hops, all), &network, &mut place);
            if routes.targets.len() > MAX_TARGETS || steps > most_steps {
                return None;
            }
        }
        routes.bound_the_rest(links, max_hops, &component_size);
        Some(routes)
    }

    /// The RSUs within `max_hops` of `m`, ordered by (hops, RSU), `m` itself first.
    #[must_use]
    pub fn targets(&self, m: u32) -> &[Target] {
        let m = m as usize;
        &self.targets[self.start[m] as usize..self.start[m + 1] as usize]
    }

    /// How `to` is reached from `from`; `None` where it is not within `max_hops`.
    #[must_use]
    pub fn find(&self, from: u32, to: u32) -> Option<&Target> {
        let targets = self.targets(from);
        let (near, far) = targets.split_at(NEAR.min(targets.len()));
        if let Some(target) = near.iter().find(|target| target.rsu == to) {
            return Some(target);
        }
        let (first, last) = (far.first()?.hops, far.last()?.hops);
        (first..=last).find_map(|hops| {
            far.binary_search_by_key(&(hops, to), |t| (t.hops, t.rsu))
                .ok()
                .map(|i| &far[i])
        })
    }

    /// The RSUs on the path, both ends included; `None` where `to` is not within `max_hops`.
    #[must_use]
    pub fn path(&self, from: u32, to: u32) -> Option<Vec<u32>> {
        let mut path = vec![to];
        let mut at = to;
        while at != from {
            at = self.find(from, at)?.previous;
            path.push(at);
        }
        path.reverse();
        Some(path)
    }

    /// Appends the targets of `source`, layer by layer, until there are `all` that can be reached. Returns how many
    /// links it has looked at.
    fn search(
        &mut self,
        source: u32,
        (max_hops, all): (u32, u32),
        network: &Network,
        place: &mut [u32],
    ) -> u64 {
        let begin = self.targets.len();
        let mut steps = 0;
        self.targets.push(itself(source));
        place[source as usize] = row(begin);

        let mut layer = begin..begin + 1;
        for hops in 1..=max_hops {
            // The layer is in ascending order and only a strictly better path replaces one found:
            // equal ones keep the smallest RSU before the target.
            for at in layer.clone() {
                let from = self.targets[at];
                let neighbours = network.neighbours(from.rsu);
                steps += neighbours.len() as u64;
                for link in neighbours {
                    let target = Target {
                        rsu: link.to,
                        hops,
                        seconds_per_bit: from.seconds_per_bit + link.rate_bps.recip(),
                        wait_s: from.wait_s + link.transmission_s(link.backlog_bits),
                        previous: from.rsu,
                    };
                    let seen = &mut place[link.to as usize];
                    if *seen == UNSEEN {
                        *seen = row(self.targets.len());
                        self.targets.push(target);
                    } else if *seen as usize >= layer.end {
                        let known = &mut self.targets[*seen as usize];
                        if target.seconds_per_bit < known.seconds_per_bit {
                            *known = target;
                        }
                    }
                }
            }
            layer = layer.end..self.targets.len();
            self.targets[layer.clone()].sort_unstable_by_key(|t| t.rsu);
            if layer.is_empty() {
                break;
            }
            // A search from the last layer would find nothing; in dense graphs that layer is nearly all.
            if self.targets.len() - begin == all as usize {
                break;
            }
        }

        for target in &self.targets[begin..] {
            place[target.rsu as usize] = UNSEEN;
        }
        self.start.push(row(self.targets.len()));
        steps
    }

    /// Fills `beyond`: an RSU has one where its connected component is larger than its targets.
    fn bound_the_rest(&mut self, links: &[Edge], max_hops: u32, component_size: &[u32]) {
        let rsus = self.start.len() - 1;
        let fastest_bps = links.iter().map(|l| l.rate_bps).fold(0.0, f64::max);
        self.least_seconds_per_bit = if links.is_empty() {
            0.0
        } else {
            fastest_bps.recip()
        };
        let hops = max_hops + 1;
        let bound = Beyond {
            hops,
            seconds_per_bit: f64::from(hops) / fastest_bps,
        };
        self.beyond = (0..rsus)
            .map(|m| {
                let within = (self.start[m + 1] - self.start[m]) as usize;
                (component_size[m] as usize > within).then_some(bound)
            })
            .collect();
    }
}

/// An RSU as the first of its own targets.
fn itself(rsu: u32) -> Target {
    Target {
        rsu,
        hops: 0,
        seconds_per_bit: 0.0,
        wait_s: 0.0,
        previous: rsu,
    }
}

/// For every RSU, how many its connected component has.
fn component_sizes(rsus: usize, links: &[Edge]) -> Vec<u32> {
    let mut components = petgraph::unionfind::UnionFind::<u32>::new(rsus);
    for link in links {
        components.union(link.a, link.b);
    }
    let component = components.into_labeling();
    let mut size = vec![0; rsus];
    for &label in &component {
        size[label as usize] += 1;
    }
    let of = |&label: &u32| size[label as usize];
    component.iter().map(of).collect()
}

/// Targets tried one by one before searching: most tasks run where they enter or next to it.
const NEAR: usize = 8;

/// Most pairs of RSUs within reach of each other: 1.3 GB of them.
pub const MAX_TARGETS: usize = 32_000_000;

/// Most links that the search may look at, over all RSUs: some ten seconds.
pub const MAX_STEPS: u64 = 5_000_000_000;

/// What is said where `max_hops` leads to more than [`MAX_TARGETS`] or [`MAX_STEPS`].
pub const TOO_FAR: &str =
    "must reach at most 32 million pairs of RSUs, over at most 5 billion links in all";

/// `place` of an RSU that the search has not met.
const UNSEEN: u32 = u32::MAX;

/// A row or an offset as it is stored.
fn row(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 2^32 targets")
}
