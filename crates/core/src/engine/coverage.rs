//! Who covers whom: RSUs in buckets as large as the largest range.

use crate::model::channel::{Radio, seconds_per_bit};
use crate::parallel;
use crate::ragged::Ragged;
use crate::slot::{Coverage, RadioLink, Rsus, Vehicles};

/// Finds the RSUs that cover a place.
#[derive(Clone, Debug)]
pub struct CoverageIndex {
    radio: Radio,
    x_min_m: f64,
    y_min_m: f64,
    cell_m: f64,
    columns: usize,
    rows: usize,
    /// By cell the RSUs whose range may reach into it.
    near: Ragged<Reach>,
}

/// An RSU, with what decides whether it covers a place: side by side in the order in which they are asked.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    x_m: f64,
    y_m: f64,
    range2_m2: f64,
    rsu: u32,
}

impl Reach {
    fn new(rsus: &Rsus, m: usize) -> Self {
        Self {
            x_m: rsus.x_m[m],
            y_m: rsus.y_m[m],
            range2_m2: rsus.range_m[m] * rsus.range_m[m],
            rsu: m as u32,
        }
    }
}

/// Squared distances and rows of the RSUs that cover one vehicle.
pub(super) type Near = Vec<(f64, u32)>;

/// Memory of [`CoverageIndex::cover`].
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pub(super) near: Near,
    /// By block of vehicles, where there are many.
    near_of_block: Vec<Near>,
}

/// More cells than this per RSU would only cost memory.
const CELLS_PER_RSU: usize = 16;

impl CoverageIndex {
    /// Indexes `rsus`.
    #[must_use]
    pub fn new(radio: Radio, rsus: &Rsus) -> Self {
        let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range_m = most(&rsus.range_m).max(1.0);
        if rsus.is_empty() {
            return Self {
                radio,
                x_min_m: 0.0,
                y_min_m: 0.0,
                cell_m: 1.0,
                columns: 0,
                rows: 0,
                near: Ragged::default(),
            };
        }
        let (x_min_m, y_min_m) = (least(&rsus.x_m) - range_m, least(&rsus.y_m) - range_m);
        let width_m = most(&rsus.x_m) + range_m - x_min_m;
        let height_m = most(&rsus.y_m) + range_m - y_min_m;
        let cells = |length_m: f64, cell_m: f64| (length_m / cell_m) as usize + 1;
        let mut cell_m = range_m;
        while cells(width_m, cell_m).saturating_mul(cells(height_m, cell_m))
            > 64 + CELLS_PER_RSU * rsus.len()
        {
            cell_m *= 2.0;
        }
        let (columns, rows) = (cells(width_m, cell_m), cells(height_m, cell_m));
        let reach = |center: f64, min: f64, range: f64, count: usize| {
            let low = ((center - range - min) / cell_m).max(0.0) as usize;
            let high = ((center + range - min) / cell_m).max(0.0) as usize;
            low..=high.min(count - 1)
        };
        let cells_of = |m: usize| {
            let columns_of_m = reach(rsus.x_m[m], x_min_m, rsus.range_m[m], columns);
            reach(rsus.y_m[m], y_min_m, rsus.range_m[m], rows).flat_map(move |row| {
                let cell = move |column| row * columns + column;
                columns_of_m.clone().map(cell)
            })
        };
        let mut near = Ragged::default();
        near.group(
            columns * rows,
            (0..rsus.len()).flat_map(|m| {
                let rsu = Reach::new(rsus, m);
                cells_of(m).map(move |cell| (cell, rsu))
            }),
        );
        Self {
            radio,
            x_min_m,
            y_min_m,
            cell_m,
            columns,
            rows,
            near,
        }
    }

    /// Fills `coverage` with the links of every vehicle, nearest RSU first, ties by row.
    pub fn cover(
        &self,
        rsus: &Rsus,
        vehicles: &Vehicles,
        scratch: &mut Scratch,
        coverage: &mut Coverage,
    ) {
        let rate = |v: usize, m: u32, distance2_m2: f64| {
            let snr = self.radio.snr(vehicles.tx_power_w[v], distance2_m2);
            seconds_per_bit(rsus.bandwidth_hz[m as usize], snr)
        };
        let count = vehicles.len();
        if count < parallel::LARGE || parallel::is_alone() {
            let link = |v: usize, m: u32, distance2_m2: f64| Some(rate(v, m, distance2_m2));
            self.cover_by(vehicles, &mut scratch.near, coverage, link);
            return;
        }
        // All links are counted first, so that every block writes its own to where they belong.
        let Coverage { start, links } = coverage;
        parallel::fill(start, count + 1, |row| match row.checked_sub(1) {
            Some(v) => self.covering(vehicles, v).count() as u32,
            None => 0,
        });
        for v in 0..count {
            start[v + 1] += start[v];
        }
        let nowhere = RadioLink {
            rsu: 0,
            seconds_per_bit: 0.0,
        };
        links.resize(start[count] as usize, nowhere);
        let len = parallel::block_len(count);
        let blocks = count.div_ceil(len);
        scratch.near_of_block.resize_with(blocks, Near::default);
        let mut rest = links.as_mut_slice();
        let mut blocks: Vec<_> = scratch
            .near_of_block
            .iter_mut()
            .enumerate()
            .map(|(i, near)| {
                let rows = i * len..count.min((i + 1) * len);
                let size = (start[rows.end] - start[rows.start]) as usize;
                let (own, after) = std::mem::take(&mut rest).split_at_mut(size);
                rest = after;
                (rows, near, own)
            })
            .collect();
        parallel::each_item(&mut blocks, |_, (rows, near, links)| {
            let mut links = links.iter_mut();
            for v in rows.clone() {
                self.find_near(vehicles, v, near);
                for (&(distance2, rsu), to) in near.iter().zip(&mut links) {
                    *to = RadioLink {
                        rsu,
                        seconds_per_bit: rate(v, rsu, distance2),
                    };
                }
            }
        });
    }

    /// The same with links of another radio: `link` gives the time of one bit from vehicle to RSU over a squared distance
    /// \[s/bit\], `None` where there is no link.
    pub(super) fn cover_by(
        &self,
        vehicles: &Vehicles,
        near: &mut Near,
        coverage: &mut Coverage,
        mut link: impl FnMut(usize, u32, f64) -> Option<f64>,
    ) {
        coverage.start.clear();
        coverage.links.clear();
        coverage.start.push(0);
        for v in 0..vehicles.len() {
            self.find_near(vehicles, v, near);
            coverage
                .links
                .extend(near.iter().filter_map(|&(distance2, rsu)| {
                    link(v, rsu, distance2).map(|seconds_per_bit| RadioLink {
                        rsu,
                        seconds_per_bit,
                    })
                }));
            coverage.start.push(coverage.links.len() as u32);
        }
    }

    /// Squared distances and rows of the RSUs that cover vehicle `v`, as they come.
    fn covering(&self, vehicles: &Vehicles, v: usize) -> impl Iterator<Item = (f64, u32)> {
        let (x_m, y_m) = (vehicles.x_m[v], vehicles.y_m[v]);
        self.candidates(x_m, y_m).iter().filter_map(move |rsu| {
            let (dx, dy) = (rsu.x_m - x_m, rsu.y_m - y_m);
            let distance2 = dx * dx + dy * dy;
            (distance2 <= rsu.range2_m2).then_some((distance2, rsu.rsu))
        })
    }

    /// Puts them in `near`, nearest first, ties by row.
    fn find_near(&self, vehicles: &Vehicles, v: usize, near: &mut Near) {
        near.clear();
        near.extend(self.covering(vehicles, v));
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }

    /// The nearest RSU that covers a place, of those that `admit` lets through, with its squared distance \[m^2\]; ties by row.
    pub fn nearest(&self, [x_m, y_m]: [f64; 2], admit: impl Fn(u32) -> bool) -> Option<(f64, u32)> {
        let covering = self.candidates(x_m, y_m).iter().filter_map(|rsu| {
            let (dx, dy) = (rsu.x_m - x_m, rsu.y_m - y_m);
            let distance2 = dx * dx + dy * dy;
            (distance2 <= rsu.range2_m2 && admit(rsu.rsu)).then_some((distance2, rsu.rsu))
        });
        covering.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
    }

    /// Time of one bit over a band of its own, between antennas whose ground distance has that square \[s/bit\].
    #[must_use]
    pub fn seconds_per_bit(&self, bandwidth_hz: f64, tx_power_w: f64, distance2_m2: f64) -> f64 {
        seconds_per_bit(bandwidth_hz, self.radio.snr(tx_power_w, distance2_m2))
    }

    fn candidates(&self, x_m: f64, y_m: f64) -> &[Reach] {
        let column = (x_m - self.x_min_m) / self.cell_m;
        let row = (y_m - self.y_min_m) / self.cell_m;
        if column < 0.0 || row < 0.0 || column >= self.columns as f64 || row >= self.rows as f64 {
            return &[];
        }
        let cell = row as usize * self.columns + column as usize;
        self.near.row(cell)
    }
}
