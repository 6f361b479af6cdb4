//! Improves a plan: pairs of tasks swap destinations where a simulation confirms that it pays.
//!
//! Planning shortest tasks first sends small tasks to near servers and large ones over many links. With servers and links
//! that serve in order of arrival, the opposite is often better. So pairs of tasks swap destinations, the most promising
//! pairs first; then tasks try the shortest paths to their servers.

use crate::outlook::simulation::{Destination, PlanContext, PlanSimulation, Weight};
use std::ops::Range;

/// Smaller gains are rounding \[s\].
const LEAST_S: f64 = 1e-9;

/// A pair that promises less is not simulated \[s\].
const LEAST_PROMISE_S: f64 = 1e-6;

/// Of more tasks not all pairs are looked at.
const MOST_PARTNERS: usize = 64;

/// Improves plans, keeping its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct PlanImprover {
    simulation: PlanSimulation,
    weights: Vec<Weight>,
    /// The tasks by the end of their uploads, and the place of each among them.
    order: Vec<u32>,
    rank: Vec<u32>,
    lines: Lines,
    /// What a pair promises \[s\], and the ranks of its tasks.
    pairs: Vec<(f64, u32, u32)>,
    moved: Vec<bool>,
    /// Tasks that may still be simulated.
    left: usize,
}

impl PlanImprover {
    /// Improves the plan `destinations`, simulating at most `effort` tasks; `paths` are those to every server of the view.
    pub(super) fn improve(
        &mut self,
        context: &PlanContext<'_>,
        paths: &[Range<u32>],
        destinations: &mut [Destination],
        effort: usize,
    ) {
        let tasks = &context.view.tasks;
        self.order.clear();
        self.order.extend(0..tasks.len() as u32);
        self.order.sort_unstable_by(|&a, &b| {
            let ready_s = |n: u32| tasks[n as usize].ready_s;
            ready_s(a).total_cmp(&ready_s(b)).then(a.cmp(&b))
        });
        self.rank.resize(tasks.len(), 0);
        for (rank, &n) in (0..).zip(&self.order) {
            self.rank[n as usize] = rank;
        }
        self.left = effort;
        while let Some(mut least_s) = self.try_out(context, destinations) {
            let before_s = least_s;
            self.change_places(context, destinations, &mut least_s);
            self.change_paths(context, paths, destinations, &mut least_s);
            if least_s >= before_s {
                return;
            }
        }
    }

    /// The sum of ends of the plan, unless all effort is spent \[s\].
    fn try_out(&mut self, context: &PlanContext<'_>, destinations: &[Destination]) -> Option<f64> {
        self.left = self.left.checked_sub(destinations.len().max(1))?;
        Some(self.simulation.total_s(context, &self.order, destinations))
    }

    /// Lets pairs of tasks change places, in rounds, as long as that helps; the plan was the last simulated.
    fn change_places(
        &mut self,
        context: &PlanContext<'_>,
        destinations: &mut [Destination],
        least_s: &mut f64,
    ) {
        loop {
            self.simulation.weigh(destinations, &mut self.weights);
            self.lines
                .stand(context, destinations, &self.rank, &self.weights);
            self.lines.index(&self.rank, destinations.len());
            self.find_pairs(context, destinations);
            self.moved.clear();
            self.moved.resize(destinations.len(), false);
            let mut helped = false;
            for i in 0..self.pairs.len() {
                let (_, a, b) = self.pairs[i];
                let (a, b) = (
                    self.order[a as usize] as usize,
                    self.order[b as usize] as usize,
                );
                if self.moved[a] || self.moved[b] {
                    continue;
                }
                destinations.swap(a, b);
                let Some(total_s) = self.try_out(context, destinations) else {
                    destinations.swap(a, b);
                    return;
                };
                if total_s < *least_s - LEAST_S {
                    *least_s = total_s;
                    (self.moved[a], self.moved[b]) = (true, true);
                    helped = true;
                } else {
                    destinations.swap(a, b);
                }
            }
            if !helped || self.try_out(context, destinations).is_none() {
                return;
            }
        }
    }

    /// The pairs of the same source that promise something, best first.
    fn find_pairs(&mut self, context: &PlanContext<'_>, destinations: &[Destination]) {
        let tasks = &context.view.tasks;
        let movable = |n: usize| destinations[n] != Destination::Vehicle;
        self.pairs.clear();
        let gaps = (1..tasks.len()).step_by(tasks.len() / MOST_PARTNERS + 1);
        for gap in gaps {
            for (rank, (&a, &b)) in (0..).zip(self.order.iter().zip(&self.order[gap..])) {
                let (i, j) = (a as usize, b as usize);
                let alike =
                    destinations[i] == destinations[j] || tasks[i].source != tasks[j].source;
                if alike || !movable(i) || !movable(j) {
                    continue;
                }
                let change_s = self.change_s(context, i, j) + self.change_s(context, j, i);
                if change_s < -LEAST_PROMISE_S {
                    self.pairs.push((change_s, rank, rank + gap as u32));
                }
            }
        }
        self.pairs
            .sort_unstable_by(|p, q| p.0.total_cmp(&q.0).then((p.1, p.2).cmp(&(q.1, q.2))));
    }

    /// What changes at the destination of `n` if `other` takes it and `n` takes the other's, to first order \[s\].
    fn change_s(&self, context: &PlanContext<'_>, n: usize, other: usize) -> f64 {
        let (task, new) = (&context.view.tasks[n], &context.view.tasks[other]);
        let weight = &self.weights[n];
        let line = self.lines.line[n];
        let first_s = if line == NO_LINE {
            weight.later * (new.ready_s - task.ready_s)
        } else if line == self.lines.line[other] {
            0.0 // who stands there stays the same
        } else {
            let bits = (task.data_bits, new.data_bits);
            let rate_bps = context.network.links()[self.lines.link(n) as usize].rate_bps;
            self.lines.change_bits(n, bits, self.rank[other]) / rate_bps
        };
        first_s
            + weight.per_bit_s * (new.data_bits - task.data_bits)
            + weight.per_cycle_s * (new.cycles - task.cycles)
    }

    /// Lets every task that makes a detour try the first path to its server.
    fn change_paths(
        &mut self,
        context: &PlanContext<'_>,
        paths: &[Range<u32>],
        destinations: &mut [Destination],
        least_s: &mut f64,
    ) {
        for i in 0..self.order.len() {
            let n = self.order[i] as usize;
            let Destination::Server { server, path } = destinations[n] else {
                continue;
            };
            let first = paths[server as usize].start;
            if path == first {
                continue;
            }
            let destination = destinations[n];
            destinations[n] = Destination::Server {
                server,
                path: first,
            };
            match self.try_out(context, destinations) {
                Some(total_s) if total_s < *least_s - LEAST_S => *least_s = total_s,
                Some(_) => destinations[n] = destination,
                None => {
                    destinations[n] = destination;
                    return;
                }
            }
        }
    }
}

/// A task that takes no link.
const NO_LINE: u32 = u32::MAX;

/// The tasks in line for every first link, in the order in which their uploads end, as if it were never idle.
#[derive(Clone, Debug, Default)]
struct Lines {
    /// First links with their tasks.
    tasks: Vec<(u32, u32)>,
    /// Data and weights of all before a place, of all lines \[bit\].
    bits: Vec<f64>,
    later: Vec<f64>,
    /// Place of every task, and its line, [`NO_LINE`] where it stands in none.
    place: Vec<usize>,
    line: Vec<u32>,
    /// Places of every line.
    places: Vec<Range<usize>>,
    /// By line and rank: the place in front of which a task of that rank stands.
    before: Vec<usize>,
    ranks: usize,
}

impl Lines {
    fn stand(
        &mut self,
        context: &PlanContext<'_>,
        destinations: &[Destination],
        ranks: &[u32],
        weights: &[Weight],
    ) {
        self.tasks.clear();
        let first =
            |(n, &destination): (u32, &Destination)| Some((context.first_link(destination)?, n));
        self.tasks.extend((0..).zip(destinations).filter_map(first));
        self.tasks
            .sort_unstable_by_key(|&(link, n)| (link, ranks[n as usize]));
        self.bits.clear();
        self.later.clear();
        let (mut bits, mut later) = (0.0, 0.0);
        self.bits.push(bits);
        self.later.push(later);
        self.place.resize(destinations.len(), 0);
        self.line.clear();
        self.line.resize(destinations.len(), NO_LINE);
        self.places.clear();
        let mut begin = 0;
        while begin < self.tasks.len() {
            let link = self.tasks[begin].0;
            let many = self.tasks[begin..].iter().take_while(|(l, _)| *l == link);
            let end = begin + many.count();
            for place in begin..end {
                let n = self.tasks[place].1 as usize;
                (self.place[n], self.line[n]) = (place, self.places.len() as u32);
                bits += context.view.tasks[n].data_bits;
                later += weights[n].later;
                self.bits.push(bits);
                self.later.push(later);
            }
            self.places.push(begin..end);
            begin = end;
        }
    }

    /// Finds the place of every rank below `ranks` in every line.
    fn index(&mut self, rank_of: &[u32], ranks: usize) {
        self.ranks = ranks;
        self.before.clear();
        for places in &self.places {
            let mut to = places.start;
            for rank in 0..ranks as u32 {
                while to < places.end && rank_of[self.tasks[to].1 as usize] < rank {
                    to += 1;
                }
                self.before.push(to);
            }
        }
    }

    /// The link that task `n` stands in front of.
    fn link(&self, n: usize) -> u32 {
        self.tasks[self.place[n]].0
    }

    /// Change of the sum of weighted ends in the line of task `n` \[bit\] if one with other data and `rank` stands
    /// there instead, which then has the place that its upload gives it, and the weight of `n`.
    fn change_bits(&self, n: usize, (old, new): (f64, f64), rank: u32) -> f64 {
        let (place, number) = (self.place[n], self.line[n] as usize);
        let line = &self.places[number];
        let to = self.before[number * self.ranks + rank as usize];
        let weight = |places: Range<usize>| self.later[places.end] - self.later[places.start];
        let own = weight(place..place + 1);
        if to > place {
            // Those between move up by what it had, those behind by the difference.
            -old * weight(place + 1..to)
                + (new - old) * weight(to..line.end)
                + own * (self.bits[to] - self.bits[place] - 2.0 * old + new)
        } else {
            new * weight(to..place)
                + (new - old) * weight(place + 1..line.end)
                + own * (self.bits[to] - self.bits[place] + new - old)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    /// Sum of weighted ends of a line, by adding up.
    fn plainly(line: &[(u32, f64, f64)]) -> f64 {
        let mut at = 0.0;
        line.iter()
            .map(|(_, bits, later)| {
                at += bits;
                at * later
            })
            .sum()
    }

    #[test]
    fn oracle_lines_by_adding_up() {
        let mut stream = Streams::new(4).stream("lines");
        for _ in 0..2000 {
            let many = 2 + stream.below(8);
            // Tasks of even rank stand in two lines, those of odd rank may come.
            let ranks: Vec<u32> = (0..many as u32).map(|n| 2 * n).collect();
            let mut lines = Lines::default();
            let first = 1 + stream.below(many - 1);
            let (mut bits, mut later) = (0.0, 0.0);
            (lines.bits, lines.later) = (vec![0.0], vec![0.0]);
            let mut plain = Vec::new();
            for (n, &rank) in ranks.iter().enumerate() {
                let (b, l) = (stream.uniform(1.0, 2.0), stream.below(3) as f64);
                let line = u32::from(n >= first);
                lines.tasks.push((line, n as u32));
                lines.place.push(n);
                lines.line.push(line);
                (bits, later) = (bits + b, later + l);
                lines.bits.push(bits);
                lines.later.push(later);
                plain.push((rank, b, l));
            }
            let (n, rank) = (stream.below(many), 2 * stream.below(many + 1) as u32);
            let new = stream.uniform(1.0, 2.0);
            let (old, rank) = (plain[n].1, rank.saturating_sub(1) | 1);
            lines.places = vec![0..first, first..many];
            lines.index(&ranks, 2 * many + 2);
            let line = lines.places[lines.line[n] as usize].clone();
            let before = plainly(&plain[line.clone()]);
            let mut changed: Vec<_> = plain[line].to_vec();
            let at = changed
                .iter()
                .position(|task| task.0 == ranks[n])
                .expect("there");
            changed[at] = (rank, new, plain[n].2);
            changed.sort_by_key(|task| task.0);
            let expected = plainly(&changed) - before;
            let found = lines.change_bits(n, (old, new), rank);
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }
}
