//! The RSUs' fibre network: graph, hop counts, shortest paths.

mod file;
pub mod network;
pub mod paths;
mod routes;
pub mod search;

pub use routes::{MAX_STEPS, MAX_TARGETS, TOO_FAR};
#[cfg(test)]
mod tests;

pub use file::{Node, Topology, TopologyLink};

use crate::scenario::{self, LinkRule, Rsu};
use crate::{Error, Problem, Problems, Result};
use std::collections::BTreeMap;

/// One link of the backhaul, the same in both directions; its ends are rows of RSUs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// One end.
    pub a: u32,
    /// The other end.
    pub b: u32,
    /// Rate R_0 \[bit/s\], finite and positive.
    pub rate_bps: f64,
    /// Length \[m\].
    pub length_m: f64,
    /// Bits already queued on the link \[bit\].
    pub backlog_bits: f64,
}

/// Shortest paths between RSUs, limited to `max_hops`, and what is known of the rest.
///
/// A path has the fewest hops (k_{m,m'} of (2)); among those the least time per bit; then the
/// smallest RSU indices, compared from the target back. Targets of an RSU are ordered by (hops, RSU).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    /// `targets[start[m]..start[m + 1]]` are the RSUs within `max_hops` of `m`, `m` itself first.
    pub start: Vec<u32>,
    /// All targets.
    pub targets: Vec<Target>,
    /// For every RSU a lower bound on reaching any RSU beyond its targets, where there is one.
    pub beyond: Vec<Option<Beyond>>,
    /// Transfer time of one bit over the fastest link; 0 without links \[s/bit\].
    pub least_seconds_per_bit: f64,
}

/// An RSU that tasks can be migrated to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The RSU's row.
    pub rsu: u32,
    /// Hops k_{m,m'}; 0 for the RSU itself.
    pub hops: u32,
    /// Transfer time of one bit, the sum of 1/R over the links of the path \[s/bit\]: k/R_0 for equal links.
    pub seconds_per_bit: f64,
    /// Time that bits already queued on the links of the path take \[s\].
    pub wait_s: f64,
    /// The RSU before `rsu` on the path (itself for the RSU itself).
    pub previous: u32,
}

/// Bounds on every RSU that is reachable but not among the targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beyond {
    /// Fewest hops.
    pub hops: u32,
    /// Least transfer time per bit \[s/bit\].
    pub seconds_per_bit: f64,
}

/// The links that a scenario asks for; its RSUs are `rsus`, in order.
///
/// Several links of one pair become the fastest of them, then the shortest. The answer is ordered by
/// (smaller end, larger end).
///
/// # Errors
/// [`Error::Invalid`] for unknown RSUs, and for a file that is wrong or has another number of nodes than
/// there are RSUs; [`Error::Io`] for one that cannot be read.
pub fn edges(spec: &scenario::Backhaul, rsus: &[Rsu]) -> Result<Vec<Edge>> {
    let edges = match &spec.links {
        LinkRule::Distance(max_m) => {
            let x_m: Vec<f64> = rsus.iter().map(|r| r.x_m).collect();
            let y_m: Vec<f64> = rsus.iter().map(|r| r.y_m).collect();
            return links_within(&x_m, &y_m, *max_m, spec.rate_bps).ok_or_else(|| {
                let message = format!("links more than {MOST_LINKS} pairs of RSUs");
                Error::invalid("scenario", None, "backhaul.max_distance_m", message)
            });
        }
        LinkRule::Explicit(links) => explicit(links, rsus, spec.rate_bps)?,
        LinkRule::File(path) => {
            let topology = Topology::read(path)?;
            let (nodes, wanted) = (topology.nodes.len(), rsus.len());
            if nodes != wanted {
                let message = format!(
                    "has {nodes} nodes, but the scenario has {wanted} RSUs: its nodes, in order, are the RSUs"
                );
                return Err(Error::invalid(
                    path.display().to_string(),
                    None,
                    "",
                    message,
                ));
            }
            let resolve = |link: &TopologyLink| {
                link_between(
                    rsus,
                    link.a,
                    link.b,
                    link.rate_bps.unwrap_or(spec.rate_bps),
                    link.length_m.map(|m| m * spec.length_scale),
                )
            };
            topology.links.iter().map(resolve).collect()
        }
    };
    Ok(fastest(edges))
}

/// More links than any real network has; a scenario that asks for them has a typing error.
const MOST_LINKS: usize = 5_000_000;

/// Every pair of positions at most `max_distance_m` apart, ordered by (smaller, larger) row; `None` where
/// there are more than 5 million.
///
/// Looks only at neighbouring buckets of a grid, so that it scales with the number of links.
#[must_use]
pub fn links_within(
    x_m: &[f64],
    y_m: &[f64],
    max_distance_m: f64,
    rate_bps: f64,
) -> Option<Vec<Edge>> {
    // A hair more than the distance: two points in range never lie two buckets apart by rounding.
    let side_m = (max_distance_m * (1.0 + 1e-9)).max(1.0);
    let bucket = |x: f64| (x / side_m).floor() as i64;
    let mut buckets: BTreeMap<(i64, i64), Vec<u32>> = BTreeMap::new();
    for (row, (&x, &y)) in (0..).zip(x_m.iter().zip(y_m)) {
        buckets.entry((bucket(x), bucket(y))).or_default().push(row);
    }

    let mut edges = Vec::new();
    for (&(column, line), rows) in &buckets {
        let around = (-1..=1).flat_map(|i| (-1..=1).map(move |j| (i, j)));
        let near = around
            .filter_map(|(i, j)| buckets.get(&(column.saturating_add(i), line.saturating_add(j))))
            .flatten();
        for &b in near {
            for &a in rows.iter().filter(|&&a| a < b) {
                let (i, j) = (a as usize, b as usize);
                let length_m = (x_m[i] - x_m[j]).hypot(y_m[i] - y_m[j]);
                if length_m <= max_distance_m {
                    if edges.len() == MOST_LINKS {
                        return None;
                    }
                    edges.push(Edge {
                        a,
                        b,
                        rate_bps,
                        length_m,
                        backlog_bits: 0.0,
                    });
                }
            }
        }
    }
    edges.sort_by_key(|e| (e.a, e.b));
    Some(edges)
}

/// `[[backhaul.links]]` with its names resolved.
fn explicit(links: &[scenario::Link], rsus: &[Rsu], rate_bps: f64) -> Result<Vec<Edge>> {
    let rows: BTreeMap<&str, u32> = rsus.iter().map(|r| r.id.as_str()).zip(0..).collect();
    let mut problems = Problems::default();
    let mut edges = Vec::with_capacity(links.len());
    for (i, link) in links.iter().enumerate() {
        let mut wrong = |key: &str, message: String| {
            problems.push(Problem {
                file: "scenario".into(),
                line: None,
                path: format!("backhaul.links[{i}].{key}"),
                message,
            });
        };
        let mut row = |key: &str, id: &str| {
            let row = rows.get(id).copied();
            if row.is_none() {
                wrong(key, format!("there is no RSU {id:?}"));
            }
            row
        };
        match (row("a", &link.a), row("b", &link.b)) {
            (Some(a), Some(b)) if a == b => {
                wrong("b", format!("links RSU {:?} to itself", link.b));
            }
            (Some(a), Some(b)) => {
                let rate_bps = link.rate_bps.unwrap_or(rate_bps);
                edges.push(link_between(rsus, a, b, rate_bps, link.length_m));
            }
            _ => {}
        }
    }
    problems.into_result(edges)
}

/// A link whose length, where not given, is the distance of its ends.
fn link_between(rsus: &[Rsu], a: u32, b: u32, rate_bps: f64, length_m: Option<f64>) -> Edge {
    let (p, q) = (&rsus[a as usize], &rsus[b as usize]);
    Edge {
        a: a.min(b),
        b: a.max(b),
        rate_bps,
        length_m: length_m.unwrap_or_else(|| (p.x_m - q.x_m).hypot(p.y_m - q.y_m)),
        backlog_bits: 0.0,
    }
}

/// One link per pair: the fastest, then the shortest. Ends are in ascending order already.
fn fastest(mut edges: Vec<Edge>) -> Vec<Edge> {
    edges.sort_by(|p, q| {
        (p.a, p.b)
            .cmp(&(q.a, q.b))
            .then(q.rate_bps.total_cmp(&p.rate_bps))
            .then(p.length_m.total_cmp(&q.length_m))
    });
    edges.dedup_by_key(|e| (e.a, e.b));
    edges
}
