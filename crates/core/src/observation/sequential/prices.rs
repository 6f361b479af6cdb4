//! What one more task adds at each RSU.

use crate::observation::tentative::Site;
use crate::slot::order::ordered;

/// What one more task that takes any share adds, by RSU; in columns, so that RSUs are compared side by side.
#[derive(Clone, Debug, Default)]
pub(super) struct Prices {
    weight: Vec<f64>,
    over: Vec<f64>,
    times: [Vec<f64>; 2],
    cycles: Vec<f64>,
    cost: Vec<f64>,
    /// Whether it has CPU left.
    open: Vec<bool>,
    /// What the present task would cost.
    totals: Vec<f64>,
}

impl Prices {
    pub(super) fn begin(&mut self, sites: &[Site]) {
        let [first, second] = &mut self.times;
        for column in [
            &mut self.weight,
            &mut self.over,
            first,
            second,
            &mut self.cycles,
            &mut self.cost,
            &mut self.totals,
        ] {
            column.clear();
            column.resize(sites.len(), 0.0);
        }
        self.open.clear();
        self.open
            .extend(sites.iter().map(|site| site.available_hz > 0.0));
        for (m, site) in sites.iter().enumerate() {
            self.update(m, site);
        }
    }

    /// The site of RSU `m` has changed.
    #[inline]
    pub(super) fn update(&mut self, m: usize, site: &Site) {
        let (next, cycles, cost) = site.next();
        self.weight[m] = next.weight;
        self.over[m] = next.over;
        self.times[0][m] = next.times[0];
        self.times[1][m] = next.times[1];
        self.cycles[m] = cycles;
        self.cost[m] = cost;
    }

    /// Totals of a task of `cycles`, given what the paths cost; as [`Site::added`], to the bit.
    #[inline]
    pub(super) fn total(&mut self, paths: &[f64], cycles: f64) -> impl Iterator<Item = (i64, u32)> {
        let rsus = self.totals.len();
        let (weight, over) = (&self.weight[..rsus], &self.over[..rsus]);
        let (first, second) = (&self.times[0][..rsus], &self.times[1][..rsus]);
        let (there, cost) = (&self.cycles[..rsus], &self.cost[..rsus]);
        let paths = &paths[..rsus];
        for (m, total) in self.totals.iter_mut().enumerate() {
            let all = weight[m] * (there[m] + cycles) / over[m] * first[m] * second[m];
            *total = paths[m] + (all - cost[m]);
        }
        let open = self.totals.iter().zip(&self.open).zip(0..);
        open.filter(|((_, open), _)| **open)
            .map(|((total, _), m)| (ordered(*total), m))
    }
}
