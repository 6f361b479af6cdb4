//! The backhaul as a directed graph: what routers search and what the queue simulation sends tasks over.

use super::Edge;
use crate::ragged::Ragged;
use petgraph::unionfind::UnionFind;
use std::ops::Range;

/// The directed links of the backhaul, grouped by the RSU that they leave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// By RSU the links that leave it, ordered by the RSU they reach.
    links: Ragged<Link>,
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
    /// Of several edges between a pair the fastest counts, and an edge from an RSU to itself never does.
    ///
    /// # Panics
    /// If an edge names an RSU that does not exist.
    #[must_use]
    pub fn with_propagation(rsus: usize, edges: &[Edge], propagation_s: &[f64]) -> Self {
        let mut ends: Vec<(u32, u32, (&Edge, f64))> = edges
            .iter()
            .zip(propagation_s)
            .filter(|(edge, _)| edge.a != edge.b)
            .flat_map(|(edge, &s)| [(edge.a, edge.b, (edge, s)), (edge.b, edge.a, (edge, s))])
            .collect();
        let wait_s = |edge: &Edge| edge.backlog_bits / edge.rate_bps;
        ends.sort_by(|(from, to, (p, _)), (other, near, (q, _))| {
            (from, to)
                .cmp(&(other, near))
                .then(p.rate_bps.recip().total_cmp(&q.rate_bps.recip()))
                .then(wait_s(p).total_cmp(&wait_s(q)))
        });
        ends.dedup_by_key(|&mut (from, to, _)| (from, to));
        let row = |from: u32, to: u32| {
            let place = ends.binary_search_by_key(&(from, to), |&(from, to, _)| (from, to));
            place.expect("both directions are there") as u32
        };
        let mut links = Ragged::default();
        let mut ordered = ends.iter().peekable();
        for m in 0..rsus as u32 {
            while let Some(&(from, to, (edge, propagation_s))) =
                ordered.next_if(|&&(from, ..)| from == m)
            {
                links.push(Link {
                    from,
                    to,
                    rate_bps: edge.rate_bps,
                    propagation_s,
                    backlog_bits: edge.backlog_bits,
                    reverse: row(to, from),
                });
            }
            links.close_row();
        }
        assert!(ordered.next().is_none(), "edges name RSUs that exist");
        Self { links }
    }

    /// Number of RSUs.
    #[must_use]
    pub fn rsus(&self) -> usize {
        self.links.len()
    }

    /// Number of parts between which no way leads.
    #[must_use]
    pub fn parts(&self) -> usize {
        let mut joined = UnionFind::new(self.rsus());
        let unions = self.links().iter();
        let unions = unions.map(|link| joined.union(link.from as usize, link.to as usize));
        self.rsus() - unions.filter(|&joins| joins).count()
    }

    /// All directed links, by row.
    #[must_use]
    #[inline]
    pub fn links(&self) -> &[Link] {
        self.links.values()
    }

    /// Rows of the links that leave RSU `m`.
    #[must_use]
    #[inline]
    pub fn leaving(&self, m: u32) -> Range<u32> {
        let rows = self.links.range(m as usize);
        rows.start as u32..rows.end as u32
    }

    /// The links that leave RSU `m`, ordered by the RSU they reach.
    #[must_use]
    #[inline]
    pub fn neighbours(&self, m: u32) -> &[Link] {
        self.links.row(m as usize)
    }

    /// The row of the link from `from` to `to`, where they are neighbours.
    #[must_use]
    pub fn find(&self, from: u32, to: u32) -> Option<u32> {
        let links = self.neighbours(from);
        let place = links.binary_search_by_key(&to, |link| link.to).ok()?;
        Some((self.links.range(from as usize).start + place) as u32)
    }

    /// Fills `hops` with the fewest hops from `from` to every RSU, `u32::MAX` where no path leads there. Links run
    /// both ways, so these are also the hops back.
    pub fn hops(&self, from: u32, hops: &mut Vec<u32>) {
        hops.clear();
        hops.resize(self.rsus(), u32::MAX);
        hops[from as usize] = 0;
        let mut queue = vec![from];
        let mut next = 0;
        while let Some(&at) = queue.get(next) {
            next += 1;
            for link in self.neighbours(at) {
                if hops[link.to as usize] == u32::MAX {
                    hops[link.to as usize] = hops[at as usize] + 1;
                    queue.push(link.to);
                }
            }
        }
    }
}
