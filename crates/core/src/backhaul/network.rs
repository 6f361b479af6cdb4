//! The backhaul as a directed graph: what routers search and what the queue simulation sends tasks over.

use super::Edge;
use petgraph::unionfind::UnionFind;
use std::ops::Range;

/// The directed links of the backhaul, grouped by the RSU that they leave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// `links[first[m]..first[m + 1]]` leave RSU `m`, ordered by the RSU they reach.
    first: Vec<u32>,
    links: Vec<Link>,
}

/// One direction of a link: a FIFO queue of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The RSU that it leaves.
    pub from: u32,
    /// The RSU that it reaches.
    pub to: u32,
    /// Rate \[bit/s\].
    pub rate_bps: f64,
    /// Time of flight \[s\].
    pub propagation_s: f64,
    /// Bits already queued on it at the start \[bit\].
    pub backlog_bits: f64,
    /// Row of the other direction.
    pub reverse: u32,
}

impl Link {
    /// Time that `data_bits` keep the link busy \[s\].
    #[must_use]
    #[inline]
    pub fn transmission_s(&self, data_bits: f64) -> f64 {
        data_bits / self.rate_bps
    }
}

impl Network {
    /// Both directions of every edge between `rsus` RSUs; a signal takes `propagation_s_per_m` a metre.
    ///
    /// # Panics
    /// As [`with_propagation`](Self::with_propagation).
    #[must_use]
    pub fn new(rsus: usize, edges: &[Edge], propagation_s_per_m: f64) -> Self {
        let propagation_s: Vec<f64> = edges
            .iter()
            .map(|edge| edge.length_m * propagation_s_per_m)
            .collect();
        Self::with_propagation(rsus, edges, &propagation_s)
    }

    /// Both directions of every edge between `rsus` RSUs, with the time of flight of each edge \[s\].
    ///
    /// `edges` hold at most one per pair of RSUs, and none from an RSU to itself, as
    /// [`super::edges`] delivers them.
    ///
    /// # Panics
    /// If an edge names an RSU that does not exist.
    #[must_use]
    pub fn with_propagation(rsus: usize, edges: &[Edge], propagation_s: &[f64]) -> Self {
        let mut ends: Vec<(u32, u32, (&Edge, f64))> = edges
            .iter()
            .zip(propagation_s)
            .flat_map(|(edge, &s)| [(edge.a, edge.b, (edge, s)), (edge.b, edge.a, (edge, s))])
            .collect();
        ends.sort_by_key(|&(from, to, _)| (from, to));
        let row = |from: u32, to: u32| {
            let place = ends.binary_search_by_key(&(from, to), |&(from, to, _)| (from, to));
            place.expect("both directions are there") as u32
        };
        let links = ends
            .iter()
            .map(|&(from, to, (edge, propagation_s))| Link {
                from,
                to,
                rate_bps: edge.rate_bps,
                propagation_s,
                backlog_bits: edge.backlog_bits,
                reverse: row(to, from),
            })
            .collect();
        let mut first = vec![0; rsus + 1];
        for &(from, ..) in &ends {
            first[from as usize + 1] += 1;
        }
        for m in 0..rsus {
            first[m + 1] += first[m];
        }
        Self { first, links }
    }

    /// Number of RSUs.
    #[must_use]
    pub fn rsus(&self) -> usize {
        self.first.len().saturating_sub(1)
    }

    /// Number of parts between which no way leads.
    #[must_use]
    pub fn parts(&self) -> usize {
        let mut joined = UnionFind::new(self.rsus());
        let unions = self.links.iter();
        let unions = unions.map(|link| joined.union(link.from as usize, link.to as usize));
        self.rsus() - unions.filter(|&joins| joins).count()
    }

    /// All directed links, by row.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Rows of the links that leave RSU `m`.
    #[must_use]
    pub fn leaving(&self, m: u32) -> Range<u32> {
        self.first[m as usize]..self.first[m as usize + 1]
    }

    /// The row of the link from `from` to `to`, where they are neighbours.
    #[must_use]
    pub fn find(&self, from: u32, to: u32) -> Option<u32> {
        let rows = self.leaving(from);
        let links = &self.links[rows.start as usize..rows.end as usize];
        let place = links.binary_search_by_key(&to, |link| link.to).ok()?;
        Some(rows.start + place as u32)
    }
}
