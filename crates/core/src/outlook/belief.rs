//! What to believe of reports that may be stale or false.
//!
//! A report that differs from those of the neighbours gets less weight, the less likely an honest server would differ so
//! much. The rest of the weight goes to the usual state, a median, which tolerates almost half of the reports being false.

use super::view::View;

/// Moves reports towards the usual state, keeping its memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Belief {
    free: Vec<u32>,
    sorted: Vec<f64>,
    /// The median of the reports of the j-th core to be free, for every j \[s\].
    usual_s: Vec<f64>,
}

impl Belief {
    /// Replaces the reports to every source by what is believed; `doubt` is the share of false reports that is assumed
    /// before any is seen.
    pub(crate) fn form(&mut self, view: &mut View, doubt: f64) {
        let View {
            sources,
            servers,
            core_free_s,
            ..
        } = view;
        for source in sources {
            let known = &servers[source.servers.start as usize..source.servers.end as usize];
            // A server knows itself; of others it has only heard.
            let Some((_, heard)) = known.split_first() else {
                continue;
            };
            self.free.clear();
            let mut most_cores = 0;
            for server in heard {
                let cores = server.cores.start as usize..server.cores.end as usize;
                let free_s = &mut core_free_s[cores];
                free_s.sort_unstable_by(f64::total_cmp);
                self.free.push(free_s.partition_point(|&s| s <= 0.0) as u32);
                most_cores = most_cores.max(free_s.len());
            }
            self.usual_s.clear();
            for j in 0..most_cores {
                let of_core = heard.iter().filter_map(|server| {
                    let core = server.cores.start as usize + j;
                    (core < server.cores.end as usize).then(|| core_free_s[core])
                });
                self.sorted.clear();
                self.sorted.extend(of_core);
                self.usual_s.push(median(&mut self.sorted));
            }
            let shares = heard
                .iter()
                .zip(&self.free)
                .map(|(server, &free)| share(free, server.cores.len()));
            self.sorted.clear();
            self.sorted.extend(shares);
            let cap = median(&mut self.sorted);
            // The mean of what does not stand out by more than a core.
            let (mut sum, mut cores) = (0.5, 1.0);
            for (server, &free) in heard.iter().zip(&self.free) {
                let most = cap * server.cores.len() as f64 + 1.0;
                sum += f64::from(free).min(most);
                cores += server.cores.len() as f64;
            }
            let usual_share = sum / cores;
            for (server, &free) in heard.iter().zip(&self.free) {
                let honest = at_least(free, server.cores.len() as u32, usual_share);
                let lies = doubt / (doubt + (1.0 - doubt) * honest);
                let cores = server.cores.start as usize..server.cores.end as usize;
                for (free_s, usual_s) in core_free_s[cores].iter_mut().zip(&self.usual_s) {
                    *free_s += lies * (usual_s - *free_s);
                }
            }
        }
    }
}

fn share(free: u32, cores: usize) -> f64 {
    f64::from(free) / cores.max(1) as f64
}

/// The median of `values`, of an even number the lower one; infinite of none.
fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::INFINITY;
    }
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Probability of at least `k` successes in `n` trials, each with probability `p` in (0, 1).
fn at_least(k: u32, n: u32, p: f64) -> f64 {
    let (mut term, mut below) = ((1.0 - p).powi(n as i32), 0.0);
    for i in 0..k.min(n) {
        below += term;
        term *= f64::from(n - i) / f64::from(i + 1) * p / (1.0 - p);
    }
    (1.0 - below).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;
    use crate::engine::traffic::Traffic;
    use crate::engine::world::World;
    use crate::rng::Streams;

    /// Where all are busy: a report of all cores free is replaced by the usual state, and the others are believed.
    #[test]
    fn property_liars_are_not_believed() {
        let sets = [("execution.capability".to_owned(), "0".to_owned())];
        let world = World::new(&Scenario::builtin("lin2025", &sets).expect("valid"));
        let world = world.expect("a world");
        for seed in 0..20 {
            let mut slot = world.empty_slot();
            let mut traffic = Traffic::new(&world, Streams::new(seed)).expect("traffic");
            traffic.advance(0, &mut slot).expect("a slot");
            // reports are true
            slot.queues.as_mut().expect("queues").information = None;
            let mut view = View::default();
            view.observe(&slot, 3);
            let liars = 1 + seed as usize % 9;
            for server in &view.servers[1..=liars] {
                let cores = server.cores.start as usize..server.cores.end as usize;
                view.core_free_s[cores].fill(0.0);
            }
            let mut believed = view.clone();
            Belief::default().form(&mut believed, 0.003);
            assert_eq!(believed.cores(0), view.cores(0), "a server knows itself");
            let first = |view: &View, i: usize| view.cores(i).iter().copied().fold(9.0, f64::min);
            let mut reports: Vec<f64> = (1..view.servers.len()).map(|i| first(&view, i)).collect();
            let usual_s = median(&mut reports);
            assert!(usual_s > 0.0);
            for i in 1..view.servers.len() {
                let (before_s, after_s) = (first(&view, i), first(&believed, i));
                let expected_s = if i <= liars { usual_s } else { before_s };
                let slack_s = if i <= liars { 0.01 * usual_s } else { 0.02 };
                assert!(
                    (after_s - expected_s).abs() < slack_s,
                    "seed {seed}, {i}: {before_s} {after_s} {usual_s}"
                );
            }
        }
    }

    #[test]
    fn closed_form_tail_and_median() {
        assert!((at_least(0, 6, 0.3) - 1.0).abs() < 1e-15);
        assert!((at_least(6, 6, 0.5) - 1.0 / 64.0).abs() < 1e-15);
        assert!((at_least(5, 6, 0.5) - 7.0 / 64.0).abs() < 1e-15);
        assert!((median(&mut [3.0, 1.0, 2.0, 9.0]) - 2.0).abs() < 1e-15);
        assert!(median(&mut []).is_infinite());
    }
}
