//! Backhaul graphs as a scenario reads them.

use pyo3::prelude::*;
use std::path::PathBuf;
use wayside_core::backhaul::Topology;

/// Id, label and place of a node.
type Node = (String, String, Option<f64>, Option<f64>);
/// Ends, length and rate of a link.
type Link = (u32, u32, Option<f64>, Option<f64>);

/// Nodes and links of a file.
#[pyfunction]
pub(crate) fn topology(path: PathBuf) -> PyResult<(Vec<Node>, Vec<Link>)> {
    let Topology { nodes, links, .. } = Topology::read(&path).map_err(crate::raised)?;
    let nodes = nodes.into_iter().map(|n| (n.id, n.name, n.x, n.y));
    let links = links.iter().map(|l| (l.a, l.b, l.length_m, l.rate_bps));
    Ok((nodes.collect(), links.collect()))
}
