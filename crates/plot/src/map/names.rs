//! Names beside RSUs.

use super::{Frame, Site};
use crate::text::width;

/// Where the names of RSUs can stand: none covers another, or an RSU.
pub(super) struct Names<'a> {
    frame: &'a Frame<'a>,
    /// Half the width of an RSU's mark.
    half: f64,
    /// What is taken: left, top, right, bottom.
    taken: Vec<[f64; 4]>,
}

impl<'a> Names<'a> {
    pub(super) fn around(sites: &[Site], frame: &'a Frame<'a>, half: f64) -> Self {
        let marks = sites.iter().map(|site| {
            let (x, y) = frame.at(site.x_m, site.y_m);
            [x - half, y - half, x + half, y + half]
        });
        let taken = marks.collect();
        Self { frame, half, taken }
    }

    /// Where the name of the RSU at a place begins or ends, and its base line; above it where that is free, else below. None where
    /// there is no room: its mark still says it to who points there.
    pub(super) fn place(
        &mut self,
        name: &str,
        (x, y): (f64, f64),
    ) -> Option<(f64, f64, &'static str)> {
        let (text, small) = (self.frame.theme.text, self.frame.theme.small);
        let (half, long) = (self.half, width(name, small));
        let aside = half + 0.3 * text;
        for base in [y - half, y + half + 0.7 * small] {
            for (at, left, anchor) in [
                (x + aside, x + aside, "start"),
                (x - aside, x - aside - long, "end"),
            ] {
                let own = [left, base - 0.75 * small, left + long, base + 0.2 * small];
                let inside =
                    own[2] <= self.frame.right() && (anchor == "start" || left >= self.frame.left);
                let meets = |other: &[f64; 4]| {
                    own[0] < other[2] && other[0] < own[2] && own[1] < other[3] && other[1] < own[3]
                };
                if inside && !self.taken.iter().any(meets) {
                    self.taken.push(own);
                    return Some((at, base, anchor));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{Map, draw};
    use crate::theme::{PAPER, SCREEN};

    fn sites(places: &[(f64, f64)]) -> Vec<Site> {
        let site = |(i, &(x_m, y_m)): (usize, &(f64, f64))| Site {
            id: format!("site {i}"),
            x_m,
            y_m,
            range_m: 100.0,
            cpu_hz: 1e9,
        };
        places.iter().enumerate().map(site).collect()
    }

    /// On a line that gets ever denser names are left out, and those that stand do not meet.
    #[test]
    fn property_names_do_not_meet() {
        for theme in [PAPER, SCREEN] {
            for apart_m in [500.0, 100.0, 50.0, 20.0, 5.0, 1.0] {
                let places: Vec<_> = (0..24)
                    .map(|i| (f64::from(i % 8) * apart_m, f64::from(i / 8) * 40.0))
                    .collect();
                let map = Map {
                    x_m: [0.0, 1000.0],
                    y_m: [0.0, 1000.0],
                    rsus: sites(&places),
                    ..Map::default()
                };
                let frame = Frame::new(&map, &theme);
                let mut names = Names::around(&map.rsus, &frame, 1.0);
                let mut placed = 0;
                for site in &map.rsus {
                    let at = frame.at(site.x_m, site.y_m);
                    placed += usize::from(names.place(&site.id, at).is_some());
                }
                assert!(placed >= 1, "{apart_m}");
                assert!((apart_m < 500.0) || placed >= 8, "{apart_m}: {placed}");
                let meet = |a: &[f64; 4], b: &[f64; 4]| {
                    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
                };
                for (i, name) in names.taken.iter().enumerate().skip(map.rsus.len()) {
                    for other in names.taken[..i].iter() {
                        assert!(!meet(name, other), "{apart_m}: {name:?} {other:?}");
                    }
                }
                // one text for each name that stands, and every RSU still says its name
                let svg = draw(&map, &theme);
                assert!(svg.matches(">site ").count() >= map.rsus.len());
            }
        }
    }
}
