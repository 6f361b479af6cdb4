//! What has been read of a file so far, right or wrong.

use super::attributes::{Given, Place, Wrong, is_read, length_m, rate_bps};
use super::{Node, Topology, TopologyLink};
use crate::scenario::columns::{LATITUDE, LONGITUDE};
use crate::{Problem, Problems, Result};
use std::collections::{BTreeMap, BTreeSet};

/// A link whose ends are still names.
pub(super) struct NamedLink {
    ends: [String; 2],
    link: TopologyLink,
    place: Place,
}

/// What has been read so far, wrong or not.
pub(super) struct Draft<'a> {
    file: &'a str,
    nodes: Vec<(Node, Place)>,
    pub(super) links: Vec<NamedLink>,
    unread: BTreeSet<String>,
    problems: Problems,
}

impl<'a> Draft<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self {
            file,
            nodes: Vec::new(),
            links: Vec::new(),
            unread: BTreeSet::new(),
            problems: Problems::default(),
        }
    }

    pub(super) fn wrong(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.push(Problem {
            file: self.file.into(),
            line: place.line,
            path: place.path.clone(),
            message: message.into(),
        });
    }

    /// Resolves the names, unless the text could not be read to its end.
    pub(super) fn check(mut self) -> Result<Topology> {
        if !self.problems.0.is_empty() {
            return self.problems.into_result(Topology::default());
        }
        if self.nodes.is_empty() {
            self.wrong(&Place::default(), "has no nodes");
        }
        let mut rows: BTreeMap<String, u32> = BTreeMap::new();
        let nodes = std::mem::take(&mut self.nodes);
        for (row, (node, place)) in (0..).zip(&nodes) {
            if rows.insert(node.id.clone(), row).is_some() {
                self.wrong(place, format!("node id {:?} occurs twice", node.id));
            }
        }

        let mut self_loops = 0;
        let mut links = Vec::with_capacity(self.links.len());
        for NamedLink { ends, link, place } in std::mem::take(&mut self.links) {
            let [a, b] = ends.each_ref().map(|id| {
                let row = rows.get(id).copied();
                if row.is_none() {
                    self.wrong(&place, format!("there is no node {id:?}"));
                }
                row
            });
            let (Some(a), Some(b)) = (a, b) else { continue };
            if a == b {
                self_loops += 1;
                continue;
            }
            links.push(TopologyLink { a, b, ..link });
        }
        let nodes = nodes.into_iter().map(|(node, _)| node).collect();
        self.problems.into_result(Topology {
            nodes,
            links,
            self_loops,
            unread: self.unread,
        })
    }

    /// The value, or none and what is wrong with it.
    fn sound(&mut self, value: std::result::Result<Option<f64>, Wrong>) -> Option<f64> {
        value.unwrap_or_else(|(place, message)| {
            self.wrong(&place, message);
            None
        })
    }

    /// Adds a node; its label and coordinates are for people.
    pub(super) fn node(&mut self, id: String, place: Place, get: impl Fn(&str) -> Option<Given>) {
        let number = |degrees: &[&str], metres: &str| {
            let mut names = degrees.iter().copied().chain([metres]);
            names.find_map(|name| match get(name)? {
                Given::Number(value) => Some(value).filter(|value| value.is_finite()),
                Given::Text(text) => text.trim().parse().ok().filter(|v: &f64| v.is_finite()),
            })
        };
        let label = ["label", "name"].iter().find_map(|&name| match get(name)? {
            Given::Text(text) => Some(text),
            Given::Number(_) => None,
        });
        let node = Node {
            name: label.unwrap_or_else(|| id.clone()),
            x: number(&LONGITUDE, "x"),
            y: number(&LATITUDE, "y"),
            id,
        };
        self.nodes.push((node, place));
    }

    /// Adds a link by what its attributes say, looked up by lower-case name; `names` are all of them.
    pub(super) fn link<'n>(
        &mut self,
        ends: [String; 2],
        place: Place,
        names: impl Iterator<Item = &'n str>,
        get: impl Fn(&str) -> Option<(Given, Place)>,
    ) {
        /// More names would not help the reader.
        const MOST_NAMES: usize = 100;
        for name in names {
            if !is_read(&name.to_lowercase()) && self.unread.len() < MOST_NAMES {
                self.unread.insert(name.to_owned());
            }
        }
        let link = TopologyLink {
            a: 0,
            b: 0,
            length_m: self.sound(length_m(&get)),
            rate_bps: self.sound(rate_bps(&get)),
        };
        self.links.push(NamedLink { ends, link, place });
    }
}
