//! Walls between vehicles and RSUs.

use crate::ragged::Ragged;

/// Walls of buildings, in cells of the map.
#[derive(Clone, Debug, Default)]
pub struct Buildings {
    /// Both ends of every wall \[m\].
    walls: Vec<[[f64; 2]; 2]>,
    min_m: [f64; 2],
    cell_m: f64,
    columns: usize,
    rows: usize,
    /// By cell the walls that may reach into it.
    near: Ragged<u32>,
}

/// Cells are about this large, unless there would be many more of them than walls \[m\].
const CELL_M: f64 = 25.0;

impl Buildings {
    /// From polygons, each a ring of corners \[m\].
    #[must_use]
    pub fn new(polygons: &[Vec<[f64; 2]>]) -> Self {
        let mut walls = Vec::new();
        for ring in polygons.iter().filter(|ring| ring.len() > 1) {
            let next = ring.iter().skip(1).chain(&ring[..1]);
            walls.extend(ring.iter().zip(next).map(|(&a, &b)| [a, b]));
        }
        let ends = || walls.iter().flatten();
        let fold = |f: fn(f64, f64) -> f64, start: f64, axis: usize| {
            ends().map(|end| end[axis]).fold(start, f)
        };
        let min_m = [0, 1].map(|axis| fold(f64::min, f64::INFINITY, axis));
        let max_m = [0, 1].map(|axis| fold(f64::max, f64::NEG_INFINITY, axis));
        if walls.is_empty() {
            return Self::default();
        }
        let count = |axis: usize, cell_m: f64| ((max_m[axis] - min_m[axis]) / cell_m) as usize + 1;
        let mut cell_m = CELL_M;
        while count(0, cell_m).saturating_mul(count(1, cell_m)) > 1024 + 16 * walls.len() {
            cell_m *= 2.0;
        }
        let mut index = Self {
            min_m,
            cell_m,
            columns: count(0, cell_m),
            rows: count(1, cell_m),
            walls,
            near: Ragged::default(),
        };
        let cells = index.columns * index.rows;
        let mut near = Ragged::default();
        near.group(
            cells,
            (0..index.walls.len()).flat_map(|w| {
                let [a, b] = index.walls[w];
                let mut cells = Vec::new();
                index.along(a, b, |cell| {
                    cells.push((cell, w as u32));
                    false
                });
                cells
            }),
        );
        index.near = near;
        index
    }

    /// Number of walls.
    #[must_use]
    pub fn len(&self) -> usize {
        self.walls.len()
    }

    /// Whether there is no wall.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.walls.is_empty()
    }

    /// Whether a wall cuts the ray. A ray that starts or ends in a wall counts as cut; one that runs along a wall does not.
    #[must_use]
    pub fn block(&self, from: [f64; 2], to: [f64; 2]) -> bool {
        if self.is_empty() {
            return false;
        }
        self.along(from, to, |cell| {
            let near = self.near.row(cell).iter();
            near.copied()
                .any(|wall| cuts(self.walls[wall as usize], [from, to]))
        })
    }

    /// Visits the cells that a line may touch, row by row, until `visit` says that it is done; whether it did.
    fn along(&self, a: [f64; 2], b: [f64; 2], mut visit: impl FnMut(usize) -> bool) -> bool {
        let place = |p: [f64; 2]| [0, 1].map(|i| (p[i] - self.min_m[i]) / self.cell_m);
        let (mut a, mut b) = (place(a), place(b));
        if a[1] > b[1] {
            std::mem::swap(&mut a, &mut b);
        }
        let most_row = self.rows as f64 - 1.0;
        if b[1] < 0.0 || a[1].floor() > most_row {
            return false;
        }
        let (first, last) = (a[1].floor().max(0.0), b[1].floor().min(most_row));
        let slope = (b[0] - a[0]) / (b[1] - a[1]);
        for row in first as usize..=last as usize {
            // where the line is within the row, a little wider than it is
            let at = |y: f64| match slope.is_finite() {
                true => a[0] + slope * (y.clamp(a[1], b[1]) - a[1]),
                false => f64::NAN,
            };
            let (mut left, mut right) = (at(row as f64), at(row as f64 + 1.0));
            if left.is_nan() {
                (left, right) = (a[0], b[0]);
            }
            if left > right {
                std::mem::swap(&mut left, &mut right);
            }
            let (left, right) = (left - 1e-6, right + 1e-6);
            let most = self.columns as f64 - 1.0;
            if right < 0.0 || left.floor() > most {
                continue;
            }
            for column in left.floor().max(0.0) as usize..=right.floor().min(most) as usize {
                if visit(row * self.columns + column) {
                    return true;
                }
            }
        }
        false
    }
}

/// Whether two segments meet in one point.
fn cuts([a, b]: [[f64; 2]; 2], [c, d]: [[f64; 2]; 2]) -> bool {
    let side = |p: [f64; 2], q: [f64; 2], r: [f64; 2]| {
        (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    };
    let (c_side, d_side) = (side(a, b, c), side(a, b, d));
    let (a_side, b_side) = (side(c, d, a), side(c, d, b));
    let parallel = c_side == 0.0 && d_side == 0.0;
    !parallel && c_side * d_side <= 0.0 && a_side * b_side <= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    #[test]
    fn closed_form_a_house_blocks_what_passes_through_it() {
        let house = vec![[10.0, 10.0], [20.0, 10.0], [20.0, 20.0], [10.0, 20.0]];
        let walls = Buildings::new(&[house]);
        assert_eq!(walls.len(), 4);
        assert!(walls.block([0.0, 15.0], [30.0, 15.0]), "through");
        assert!(walls.block([15.0, 15.0], [30.0, 15.0]), "from inside");
        assert!(!walls.block([0.0, 5.0], [30.0, 5.0]), "past");
        assert!(!walls.block([0.0, 15.0], [9.0, 15.0]), "before");
        assert!(walls.block([15.0, -1000.0], [15.0, 1000.0]), "from far");
        assert!(!walls.block([0.0, 10.0], [9.0, 10.0]), "along");
        assert!(!Buildings::new(&[]).block([0.0, 0.0], [1.0, 1.0]));
    }

    /// Against every wall, without cells.
    #[test]
    fn oracle_cells_lose_no_wall() {
        let mut stream = Streams::new(1).stream("test");
        let mut point = |scale: f64| [scale * stream.unit(), scale * stream.unit()];
        let polygons: Vec<Vec<[f64; 2]>> = (0..60)
            .map(|_| {
                let corner = point(1000.0);
                let (a, b) = (point(60.0), point(60.0));
                vec![
                    corner,
                    [corner[0] + a[0], corner[1] + a[1]],
                    [corner[0] - b[0], corner[1] + b[1]],
                ]
            })
            .collect();
        let walls = Buildings::new(&polygons);
        let mut blocked = 0;
        for i in 0..4000 {
            let (mut from, mut to) = (point(1200.0), point(1200.0));
            match i % 3 {
                0 => to[1] = from[1],
                1 => to[0] = from[0],
                _ => from[0] -= 100.0,
            }
            let twin = walls.walls.iter().any(|&wall| cuts(wall, [from, to]));
            assert_eq!(walls.block(from, to), twin, "{from:?} {to:?}");
            blocked += u32::from(twin);
        }
        assert!((500..3500).contains(&blocked), "{blocked}");
    }
}
