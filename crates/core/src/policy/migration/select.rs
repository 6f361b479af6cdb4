//! Which server a task is migrated to: AAHP, WVAHP, or at random.

use crate::outlook::view::{SeenTask, View};
use crate::rng::{Stream, Streams};
use crate::scenario::options::judgment::{Judgment, MAX_CRITERIA};
use crate::scenario::options::migration::{Ahp, CRITERIA, Criterion, History, MigrationOptions};

/// How servers are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectorKind {
    /// One layer of weights, adjusted after every decision.
    Aahp,
    /// Two layers of weights that depend on the state.
    Wvahp,
    /// Any server within reach.
    Random,
}

/// Selects servers for the tasks of a slot, one after the other.
#[derive(Clone, Debug)]
pub struct Selector {
    history: History,
    rule: Rule,
    standing: Standing,
}

#[derive(Clone, Debug)]
enum Rule {
    Aahp(Box<Aahp>),
    Wvahp(Wvahp),
    Random(Box<Stream>),
}

impl Selector {
    /// A selector of one seed.
    #[must_use]
    pub fn new(kind: SelectorKind, options: &MigrationOptions, streams: Streams) -> Self {
        let rule = match kind {
            SelectorKind::Aahp => Rule::Aahp(Box::new(Aahp::new(&options.ahp, options.aahp_delta))),
            SelectorKind::Wvahp => Rule::Wvahp(Wvahp::new(options)),
            SelectorKind::Random => {
                Rule::Random(Box::new(streams.stream("policy.migration.random")))
            }
        };
        Self {
            history: options.history,
            rule,
            standing: Standing::default(),
        }
    }

    /// Begins a slot: nothing is chosen yet, or what was chosen before still counts.
    pub fn begin(&mut self, view: &View) {
        if self.history == History::Slot {
            self.standing.forget();
            if let Rule::Aahp(aahp) = &mut self.rule {
                aahp.forget();
            }
        }
        self.standing.begin(view);
    }

    /// The row of the server that `task` is migrated to; `None` where its source knows of no other.
    pub fn select(&mut self, view: &View, task: &SeenTask) -> Option<usize> {
        let source = task.source?;
        let candidates = view.candidates(source);
        if candidates.is_empty() {
            return None;
        }
        let chosen = match &mut self.rule {
            Rule::Aahp(aahp) => aahp.best(view, &self.standing, source, task),
            Rule::Wvahp(wvahp) => wvahp.best(view, &self.standing, source, task),
            Rule::Random(stream) => candidates.start + stream.below(candidates.len()),
        };
        if let Rule::Aahp(aahp) = &mut self.rule {
            aahp.learn(view, &self.standing, source, chosen);
        }
        self.standing.choose(view, chosen, task.data_bits);
        Some(chosen)
    }
}

/// Where candidates stand: what the RI said, and what was chosen since. Rows are those of the view.
#[derive(Clone, Debug, Default)]
struct Standing {
    /// x1, x2, x3 of every server.
    snapshot: Vec<[f64; 3]>,
    /// c_i: how often it was chosen, by anyone.
    count: Vec<u32>,
    /// The same by the row of the server among all.
    chosen: Vec<u32>,
    /// B_i: bits sent to it since \[bit\].
    bits: Vec<f64>,
}

/// Criteria never fall below this, so that no one of them rules alone.
const LEAST: f64 = 0.02;
/// Time that the way to a server is looked ahead \[s\]: B_i is weighed by what it carries in it.
const HORIZON_S: f64 = 0.02;

impl Standing {
    fn forget(&mut self) {
        self.chosen.clear();
    }

    fn begin(&mut self, view: &View) {
        let rsu = |row: usize| view.servers[row].rsu as usize;
        let rows = 0..view.servers.len();
        let rsus = rows.clone().map(|row| rsu(row) + 1).max().unwrap_or(0);
        if self.chosen.len() < rsus {
            self.chosen.resize(rsus, 0);
        }
        self.count.clear();
        self.count.extend(rows.map(|row| self.chosen[rsu(row)]));
        self.bits.clear();
        self.bits.resize(view.servers.len(), 0.0);
        self.snapshot.clear();
        for source in 0..view.sources.len() as u32 {
            // one row for the source itself, which is not a candidate
            self.snapshot.push([1.0; 3]);
            let candidates = view.candidates(source);
            let wait_s = |server: usize| {
                view.cores(server)
                    .iter()
                    .copied()
                    .fold(f64::INFINITY, f64::min)
            };
            let longest_s = candidates.clone().map(wait_s).fold(0.0, f64::max);
            let n = view.max_hops;
            for i in candidates {
                let cores = view.cores(i);
                let free = cores.iter().filter(|&&free_s| free_s <= 0.0).count() as f64;
                let x1 = (free + 0.25) / (cores.len() as f64 + 0.25);
                let x2 = if longest_s > 0.0 {
                    1.0 - 0.95 * wait_s(i) / longest_s
                } else {
                    1.0
                };
                let x3 = f64::from(n + 1 - view.servers[i].hops) / f64::from(n);
                self.snapshot.push([x1, x2, x3].map(|x| x.max(LEAST)));
            }
        }
    }

    fn choose(&mut self, view: &View, server: usize, data_bits: f64) {
        self.chosen[view.servers[server].rsu as usize] += 1;
        for &row in view.same(server) {
            self.count[row as usize] += 1;
            self.bits[row as usize] += data_bits;
        }
    }

    /// x1 to x6 of a candidate for `task`, in the order of [`CRITERIA`]; `fewest` = min_j c_j.
    #[inline]
    fn criteria(
        &self,
        view: &View,
        i: usize,
        fewest: u32,
        task: &SeenTask,
    ) -> [f64; CRITERIA.len()] {
        let [x1, x2, x3] = self.snapshot[i];
        let server = &view.servers[i];
        let rate_bps = f64::from(server.hops) / server.seconds_per_bit;
        let count = f64::from(self.count[i]);
        let in_time = tasks_in_time(view, i, task);
        let x4 = 1.0 / (1.0 + self.bits[i] / (rate_bps * HORIZON_S));
        let x5 = (1.0 + f64::from(fewest)) / (1.0 + count);
        let x6 = (in_time + 0.5) / (in_time + 0.5 + count);
        [x1, x2, x3, x4.max(LEAST), x5.max(LEAST), x6.max(LEAST)]
    }

    fn fewest(&self, view: &View, source: u32) -> u32 {
        let counts = &self.count[view.candidates(source)];
        counts.iter().copied().min().unwrap_or(0)
    }

    fn counts(&self, view: &View, source: u32) -> &[u32] {
        &self.count[view.candidates(source)]
    }
}

/// S_i: how many tasks like `task` server `i` can finish in time, one after the other on every core.
#[inline]
fn tasks_in_time(view: &View, i: usize, task: &SeenTask) -> f64 {
    let server = &view.servers[i];
    let ready_s = task.ready_s + task.data_bits * server.seconds_per_bit;
    let per_second = server.core_hz / task.cycles;
    let fits = |free_s: &f64| ((task.deadline_s - free_s.max(ready_s)) * per_second).floor();
    view.cores(i)
        .iter()
        .map(|free_s| fits(free_s).max(0.0))
        .sum()
}

/// Weights of all criteria on one layer, w_g w_k, with the group of each.
fn flattened(ahp: &Ahp) -> (Vec<Criterion>, Vec<f64>, Vec<bool>) {
    let outer = ahp.layer1.weights().weight;
    let (mut criteria, mut weights, mut history) = (Vec::new(), Vec::new(), Vec::new());
    for (g, group) in ahp.groups.iter().enumerate() {
        let inner = group.judgment.weights().weight;
        for (k, &criterion) in group.criteria.as_slice().iter().enumerate() {
            criteria.push(criterion);
            weights.push(outer[g] * inner[k]);
            history.push(g == 2);
        }
    }
    (criteria, weights, history)
}

/// The adjustable AHP: one layer, whose judgments on history shift with every decision.
#[derive(Clone, Debug)]
struct Aahp {
    delta: f64,
    criteria: Vec<Criterion>,
    history: Vec<bool>,
    initial: Judgment,
    judgment: Judgment,
    weight: [f64; MAX_CRITERIA],
    last: Option<u32>,
    /// Criteria of all candidates.
    x: Vec<[f64; CRITERIA.len()]>,
}

impl Aahp {
    fn new(ahp: &Ahp, delta: f64) -> Self {
        let (criteria, weights, history) = flattened(ahp);
        let initial = Judgment::of_weights(&weights);
        Self {
            delta,
            criteria,
            history,
            initial,
            judgment: initial,
            weight: initial.weights().weight,
            last: None,
            x: Vec::new(),
        }
    }

    fn forget(&mut self) {
        self.judgment = self.initial;
        self.weight = self.initial.weights().weight;
        self.last = None;
    }

    /// argmax_i sum_k w_k x_ik / sum_j x_jk.
    fn best(&mut self, view: &View, standing: &Standing, source: u32, task: &SeenTask) -> usize {
        let fewest = standing.fewest(view, source);
        let candidates = view.candidates(source);
        let mut sum = [0.0; CRITERIA.len()];
        self.x.clear();
        for i in candidates.clone() {
            let x = standing.criteria(view, i, fewest, task);
            for (sum, x) in sum.iter_mut().zip(x) {
                *sum += x;
            }
            self.x.push(x);
        }
        argmax(self.x.iter().map(|x| {
            let parts = self.criteria.iter().zip(&self.weight);
            parts
                .map(|(&k, w)| w * x[k as usize] / sum[k as usize])
                .sum()
        })) + candidates.start
    }

    /// History matters more after a repeated choice or one above the mean, less after another.
    fn learn(&mut self, view: &View, standing: &Standing, source: u32, chosen: usize) {
        let counts = standing.counts(view, source);
        let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
        let rsu = view.servers[chosen].rsu;
        let again = self.last == Some(rsu) || f64::from(standing.count[chosen]) > mean;
        let factor = if again {
            1.0 + self.delta
        } else {
            1.0 / (1.0 + self.delta / 2.0)
        };
        for (k, _) in self.history.iter().enumerate().filter(|&(_, &h)| h) {
            for (m, _) in self.history.iter().enumerate().filter(|&(_, &h)| !h) {
                self.judgment.scale(k, m, factor);
            }
        }
        self.last = Some(rsu);
        self.weight = self.judgment.weights_from(&self.weight).weight;
    }
}

/// The weight-variable AHP: two layers; the worse a criterion, the more it counts.
#[derive(Clone, Debug)]
struct Wvahp {
    a1: f64,
    a2: f64,
    eta: f64,
    groups: [Inner; 3],
    /// W0 of the groups, as judged.
    judged: [f64; 3],
}

#[derive(Clone, Debug)]
struct Inner {
    criteria: Vec<Criterion>,
    /// w0 of the criteria, as judged.
    judged: Vec<f64>,
}

impl Wvahp {
    fn new(options: &MigrationOptions) -> Self {
        let outer = options.ahp.layer1.weights().weight;
        let groups = options.ahp.groups.map(|group| {
            let criteria = group.criteria.as_slice().to_vec();
            let judged = group.judgment.weights().weight[..criteria.len()].to_vec();
            Inner { criteria, judged }
        });
        Self {
            a1: options.wvahp.group_exponent,
            a2: options.wvahp.criterion_exponent,
            eta: options.wvahp.eta,
            groups,
            judged: [outer[0], outer[1], outer[2]],
        }
    }

    /// W0 of the groups now: history by 1 + eta CV(counts), renormalised.
    fn weights(&self, counts: &[u32]) -> [f64; 3] {
        let [computing, network, history] = self.judged;
        let history = history * (1.0 + self.eta * variation(counts));
        let sum = computing + network + history;
        [computing, network, history].map(|w| w / sum)
    }

    /// argmax_i sum_g W_g(X_i) X_ig.
    fn best(&mut self, view: &View, standing: &Standing, source: u32, task: &SeenTask) -> usize {
        let outer = self.weights(standing.counts(view, source));
        let fewest = standing.fewest(view, source);
        let candidates = view.candidates(source);
        argmax(candidates.clone().map(|i| {
            let x = standing.criteria(view, i, fewest, task);
            let (mut value, mut weight) = (0.0, 0.0);
            for (group, outer) in self.groups.iter().zip(outer) {
                let inner = group.value(&x, self.a2);
                let w = outer * inner.powf(self.a1 - 1.0);
                value += w * inner;
                weight += w;
            }
            value / weight
        })) + candidates.start
    }
}

impl Inner {
    /// X_g = sum_k w_k(x) x_k with w_k(x) = w0_k x_k^(a - 1) / sum_j w0_j x_j^(a - 1).
    #[inline]
    fn value(&self, x: &[f64; CRITERIA.len()], exponent: f64) -> f64 {
        let (mut value, mut weight) = (0.0, 0.0);
        for (&k, judged) in self.criteria.iter().zip(&self.judged) {
            let x = x[k as usize];
            let w = judged * x.powf(exponent - 1.0);
            value += w * x;
            weight += w;
        }
        value / weight
    }
}

/// Coefficient of variation: standard deviation over mean, 0 where all are zero.
fn variation(counts: &[u32]) -> f64 {
    let n = counts.len() as f64;
    let (sum, squares) = counts.iter().fold((0.0, 0.0), |(sum, squares), &c| {
        let c = f64::from(c);
        (sum + c, squares + c * c)
    });
    if sum <= 0.0 {
        return 0.0;
    }
    let mean: f64 = sum / n;
    (squares / n - mean * mean).max(0.0).sqrt() / mean
}

/// Place of the first largest score.
fn argmax(scores: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (i, score) in scores.enumerate() {
        if score > best.1 {
            best = (i, score);
        }
    }
    best.0
}
