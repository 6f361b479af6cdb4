//! Copies of a map side by side: a city as large as one likes from a small trace.

use super::{MobilitySource, Positions, VehicleKey};
use crate::error::{Error, Result};
use crate::scenario::Area;

/// Where copies of a map lie: row by row, in as square a block as there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tiling {
    /// Number of copies, the map itself among them.
    pub copies: usize,
    /// How many of them are side by side from west to east.
    pub columns: usize,
    width_m: f64,
    height_m: f64,
}

impl Tiling {
    /// `copies` of the map `one`.
    #[must_use]
    pub fn of(one: Area, copies: usize) -> Self {
        Self {
            copies,
            columns: columns(copies),
            width_m: one.x_max_m - one.x_min_m,
            height_m: one.y_max_m - one.y_min_m,
        }
    }

    /// The rectangle around all copies, of which `one` is the first.
    #[must_use]
    pub fn around(&self, one: Area) -> Area {
        let rows = self.copies.div_ceil(self.columns);
        Area {
            x_max_m: one.x_min_m + self.columns as f64 * self.width_m,
            y_max_m: one.y_min_m + rows as f64 * self.height_m,
            ..one
        }
    }

    /// How far the copy of that number is from the first, east and north \[m\].
    #[must_use]
    #[inline]
    pub fn shift_m(&self, copy: usize) -> [f64; 2] {
        [
            (copy % self.columns) as f64 * self.width_m,
            (copy / self.columns) as f64 * self.height_m,
        ]
    }
}

fn columns(copies: usize) -> usize {
    let root = (copies as f64).sqrt() as usize;
    root + usize::from(root * root < copies)
}

/// Vehicles of a source, in every copy of its map.
pub struct Copies<S> {
    source: S,
    tiling: Tiling,
    /// Of the first copy.
    one: Positions,
}

impl<S: MobilitySource> Copies<S> {
    /// `count` copies that cover `area` together.
    #[must_use]
    pub fn new(source: S, count: usize, area: Area) -> Self {
        let (columns, rows) = (columns(count), count.div_ceil(columns(count)));
        let tiling = Tiling {
            copies: count,
            columns,
            width_m: (area.x_max_m - area.x_min_m) / columns as f64,
            height_m: (area.y_max_m - area.y_min_m) / rows as f64,
        };
        Self {
            source,
            tiling,
            one: Positions::default(),
        }
    }
}

impl<S: MobilitySource> MobilitySource for Copies<S> {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
        let Self {
            source,
            tiling,
            one,
        } = self;
        source.advance(time_s, one)?;
        out.clear();
        let mut names = (0..one.len()).filter_map(|i| one.names.get(i));
        if let Some(name) = names.find(|name| name.contains(&b'#')) {
            let message = format!(
                "needs vehicles without # in their names, which marks copies, got {:?}",
                String::from_utf8_lossy(name)
            );
            let path = "fleet.mobility.copies";
            return Err(Error::invalid("scenario", None, path, message));
        }
        // Copies of a vehicle one after the other: keys ascend where those of the source do.
        for (i, key) in one.key.iter().enumerate() {
            for copy in 0..tiling.copies {
                let [east_m, north_m] = tiling.shift_m(copy);
                let key = VehicleKey(key.0 * tiling.copies as u64 + copy as u64);
                out.push(key, one.x_m[i] + east_m, one.y_m[i] + north_m);
                match one.names.get(i) {
                    Some(name) if copy == 0 => out.names.push(&[name]),
                    Some(name) => out.names.push(&[name, b"#", copy.to_string().as_bytes()]),
                    None => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two;

    impl MobilitySource for Two {
        fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
            out.clear();
            out.push(VehicleKey(0), 10.0 + time_s, 20.0);
            out.push(VehicleKey(7), 90.0, 40.0);
            Ok(())
        }
    }

    struct Named(&'static [u8]);

    impl MobilitySource for Named {
        fn advance(&mut self, _: f64, out: &mut Positions) -> Result<()> {
            out.clear();
            out.push(VehicleKey(0), 10.0, 20.0);
            out.names.push(&[self.0]);
            Ok(())
        }
    }

    #[test]
    fn regress_a_name_like_that_of_a_copy_is_refused() {
        let area = Area {
            x_min_m: 0.0,
            y_min_m: 0.0,
            x_max_m: 200.0,
            y_max_m: 50.0,
        };
        let names = |name| {
            let mut out = Positions::default();
            let advanced = Copies::new(Named(name), 2, area).advance(0.0, &mut out);
            advanced.map(|()| [out.name(0).into_owned(), out.name(1).into_owned()])
        };
        assert_eq!(names(b"v").unwrap(), [b"v".to_vec(), b"v#1".to_vec()]);
        let error = names(b"v#1").unwrap_err().to_string();
        assert_eq!(
            error,
            "scenario: fleet.mobility.copies: needs vehicles without # in their names, which marks copies, got \"v#1\""
        );
    }

    #[test]
    fn closed_form_five_copies_lie_three_by_two() {
        let one = Area {
            x_min_m: 5.0,
            y_min_m: 15.0,
            x_max_m: 105.0,
            y_max_m: 65.0,
        };
        let tiling = Tiling::of(one, 5);
        let all = tiling.around(one);
        assert_eq!((all.x_max_m, all.y_max_m), (305.0, 115.0));
        let mut out = Positions::default();
        Copies::new(Two, 5, all).advance(1.0, &mut out).unwrap();
        assert_eq!(out.len(), 10);
        let place = |i: usize| (out.key[i].0, out.x_m[i], out.y_m[i]);
        assert_eq!(place(0), (0, 11.0, 20.0));
        assert_eq!(place(2), (2, 211.0, 20.0));
        assert_eq!(place(4), (4, 111.0, 70.0));
        assert_eq!(place(9), (39, 190.0, 90.0));
        assert!(out.key.is_sorted());
        for copies in 1..200 {
            let tiling = Tiling::of(one, copies);
            let rows = copies.div_ceil(tiling.columns);
            assert!(
                tiling.columns >= rows && tiling.columns <= rows + 1,
                "{copies}"
            );
        }
    }
}
