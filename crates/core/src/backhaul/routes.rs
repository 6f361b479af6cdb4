//! Breadth-first search from every RSU, no farther than `max_hops`.

use super::network::{Link, Network};
use super::{Beyond, Edge, Routes, Target};
use std::ops::Range;

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
        let fastest_bps = links.iter().map(|l| l.rate_bps).fold(0.0, f64::max);
        let mut scratch = Scratch {
            place: vec![UNSEEN; rsus],
            unseen: Vec::new(),
            least_seconds_per_bit: fastest_bps.recip(),
        };
        let mut steps = 0;
        routes.start.push(0);
        for source in 0..row(rsus) {
            let all = component_size[source as usize];
            steps += routes.search(source, (max_hops, all), &network, &mut scratch);
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
        scratch: &mut Scratch,
    ) -> u64 {
        let begin = self.targets.len();
        let mut steps = 0;
        self.targets.push(itself(source));
        scratch.place[source as usize] = row(begin);

        let mut layer = begin..begin + 1;
        for _ in 1..=max_hops {
            // The layer is in ascending order and only a strictly better path replaces one found:
            // equal ones keep the smallest RSU before the target.
            if self.is_worth_meeting(layer.clone(), network, scratch) {
                steps += self.meet(layer.clone(), network, scratch);
            } else {
                steps += self.spread(layer.clone(), network, &mut scratch.place);
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
            scratch.place[target.rsu as usize] = UNSEEN;
        }
        self.start.push(row(self.targets.len()));
        steps
    }

    /// Looks from every RSU of `layer` at its neighbours, and appends those that are new. Returns the links looked at.
    fn spread(&mut self, layer: Range<usize>, network: &Network, place: &mut [u32]) -> u64 {
        let mut steps = 0;
        for at in layer.clone() {
            let from = self.targets[at];
            let neighbours = network.neighbours(from.rsu);
            steps += neighbours.len() as u64;
            for link in neighbours {
                let target = one_farther(&from, link, link.to);
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
        steps
    }

    /// Whether to [`meet`](Self::meet) `layer`: it has about as many links as the RSUs not yet seen, or more, as in dense graphs. Sets
    /// those.
    fn is_worth_meeting(
        &self,
        layer: Range<usize>,
        network: &Network,
        scratch: &mut Scratch,
    ) -> bool {
        let links = |rsu: u32| network.leaving(rsu).len();
        let forth: usize = self.targets[layer].iter().map(|t| links(t.rsu)).sum();
        if forth <= 4 * network.rsus() {
            return false;
        }
        let rsus = 0..row(network.rsus());
        let place = &scratch.place;
        scratch.unseen.clear();
        let unseen = rsus.filter(|&rsu| place[rsu as usize] == UNSEEN);
        scratch.unseen.extend(unseen);
        scratch.unseen.iter().map(|&rsu| links(rsu)).sum::<usize>() <= 2 * forth
    }

    /// What [`spread`](Self::spread) does, from the other side: looks from every RSU not yet seen back at the layer, and
    /// stops at a neighbour than which none can be nearer. Links are the same in both directions.
    fn meet(&mut self, layer: Range<usize>, network: &Network, scratch: &mut Scratch) -> u64 {
        let Scratch {
            place,
            unseen,
            least_seconds_per_bit,
        } = scratch;
        for at in layer.clone() {
            place[self.targets[at].rsu as usize] = row(at);
        }
        let in_layer = self.targets[layer.clone()].iter();
        let least = in_layer
            .map(|t| t.seconds_per_bit)
            .fold(f64::INFINITY, f64::min);
        let floor = least + *least_seconds_per_bit;
        let mut steps = 0;
        for &rsu in unseen.iter() {
            let mut best: Option<Target> = None;
            for link in network.neighbours(rsu) {
                steps += 1;
                let at = place[link.to as usize] as usize;
                if !layer.contains(&at) {
                    continue;
                }
                let target = one_farther(&self.targets[at], link, rsu);
                if best.is_none_or(|best| target.seconds_per_bit < best.seconds_per_bit) {
                    best = Some(target);
                    if target.seconds_per_bit <= floor {
                        break;
                    }
                }
            }
            if let Some(target) = best {
                place[rsu as usize] = row(self.targets.len());
                self.targets.push(target);
            }
        }
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

/// Scratch memory of a search.
struct Scratch {
    /// Where each RSU is among the targets.
    place: Vec<u32>,
    /// RSUs that are not among them.
    unseen: Vec<u32>,
    /// Of the fastest link.
    least_seconds_per_bit: f64,
}

/// `rsu`, at the other end of `link` from `from`.
fn one_farther(from: &Target, link: &Link, rsu: u32) -> Target {
    Target {
        rsu,
        hops: from.hops + 1,
        seconds_per_bit: from.seconds_per_bit + link.rate_bps.recip(),
        wait_s: from.wait_s + link.transmission_s(link.backlog_bits),
        previous: from.rsu,
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
