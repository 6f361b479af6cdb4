//! `[backhaul]`: the fibre network of the RSUs.

use super::basic::LENGTH_M;
use super::rsu::NamedRsus;
use crate::config::{Count, Flag, Float, Keys, LinkedPairs, Presence, Text};
use std::path::{Path, PathBuf};

/// `[backhaul]`: the fibre network of the RSUs.
#[derive(Clone, Debug, PartialEq)]
pub struct Backhaul {
    /// Which links there are.
    pub links: LinkRule,
    /// Rate R_0 of a link where none is given for it \[bit/s\].
    pub rate_bps: f64,
    /// Power p_optical of a fibre interface \[W\].
    pub migration_power_w: f64,
    /// Farthest execution RSU that policies look at \[hops\].
    pub max_hops: usize,
    /// Time of flight over a metre \[s/m\].
    pub propagation_s_per_m: f64,
    /// By what lengths that a file gives are multiplied.
    pub length_scale: f64,
    /// Whether RSUs may lack a way to others; those of queues otherwise may not.
    pub allow_disconnected: bool,
}

impl Default for Backhaul {
    fn default() -> Self {
        Self {
            links: LinkRule::default(),
            rate_bps: 0.0,
            migration_power_w: 0.0,
            max_hops: 6,
            propagation_s_per_m: 0.0,
            length_scale: 1.0,
            allow_disconnected: false,
        }
    }
}

impl Backhaul {
    pub(super) fn keys(&mut self, k: &mut Keys<'_, '_>, folder: &Path, rsus: &NamedRsus) {
        let doc = "rate R_0 of a link [bit/s]";
        k.required("rate_bps", Float::POSITIVE, &mut self.rate_bps, doc);
        let (kind, doc) = (
            Float::NON_NEGATIVE,
            "power p_optical of a fibre interface [W]",
        );
        k.required("migration_power_w", kind, &mut self.migration_power_w, doc);
        let (kind, doc) = (
            Count { min: 0, max: 1000 },
            "farthest execution RSU that policies consider [hops]",
        );
        k.default("max_hops", kind, &mut self.max_hops, doc);
        let (kind, doc) = (
            Float::NON_NEGATIVE.up_to(1.0),
            "time of flight over a metre [s/m]",
        );
        let field = &mut self.propagation_s_per_m;
        k.default("propagation_s_per_m", kind, field, doc);
        let (kind, doc) = (
            Float::POSITIVE.up_to(1e6),
            "factor on the lengths in the file of `path`",
        );
        k.default("length_scale", kind, &mut self.length_scale, doc);
        let doc = "whether some RSUs may be unreachable from others, where tasks queue for cores";
        k.default(
            "allow_disconnected",
            Flag,
            &mut self.allow_disconnected,
            doc,
        );
        self.links.keys(k, folder, rsus);
    }
}

/// Which RSUs are linked.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkRule {
    /// Every pair at most so far apart \[m\].
    Distance(f64),
    /// One by one.
    Explicit(Vec<Link>),
    /// From a GraphML or JSON file; its nodes, in order, are the RSUs.
    File(PathBuf),
}

impl Default for LinkRule {
    fn default() -> Self {
        Self::Explicit(Vec::new())
    }
}

impl LinkRule {
    fn keys(&mut self, k: &mut Keys<'_, '_>, folder: &Path, rsus: &NamedRsus) {
        let (mut distance_m, mut path, mut links) = (None, None, None);
        match std::mem::take(self) {
            Self::Distance(max_m) => distance_m = Some(max_m),
            Self::File(file) => path = Some(file.to_string_lossy().into_owned()),
            Self::Explicit(list) => links = Some(list),
        }
        let without = "`link` or `path` is given";
        let doc = "link every pair of RSUs at most this far apart [m]";
        k.optional("max_distance_m", LENGTH_M, without, &mut distance_m, doc);
        let without = "`max_distance_m` or `link` is given";
        let doc = "GraphML or JSON file, relative to this one; its nodes, in order, are the RSUs";
        k.optional("path", Text::NAME, without, &mut path, doc);
        if !k.writes() || links.is_some() {
            let without = Presence::Optional("`max_distance_m` or `path` is given");
            let doc = "Links one by one, the same in both directions";
            let mut linked = LinkedPairs::default();
            let list = links.get_or_insert_default();
            k.list("link", without, doc, list, |link, k, _| {
                link.keys(k, rsus, &mut linked);
            });
        }
        let links = links.filter(|_| k.writes() || k.has("link"));
        let rules = [
            distance_m.map(Self::Distance),
            path.map(|path| Self::File(folder.join(path))),
            links.map(Self::Explicit),
        ];
        let mut given = rules.into_iter().flatten();
        let rule = given.next();
        if rule.is_none() || given.next().is_some() {
            k.problem("", "needs exactly one of max_distance_m, link and path");
        }
        *self = rule.unwrap_or_default();
    }
}

/// One link of the backhaul, the same in both directions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// One end: an RSU's id.
    pub a: String,
    /// The other end.
    pub b: String,
    /// Rate \[bit/s\]; `None`: the backhaul's.
    pub rate_bps: Option<f64>,
    /// Length \[m\]; `None`: the distance of its ends.
    pub length_m: Option<f64>,
}

impl Link {
    fn keys(&mut self, k: &mut Keys<'_, '_>, rsus: &NamedRsus, linked: &mut LinkedPairs) {
        k.required("a", Text::NAME, &mut self.a, "one end, an RSU's id");
        k.required("b", Text::NAME, &mut self.b, "the other end");
        k.check(|s| match rsus.is_list {
            Some(true) => {
                linked.add(s, &rsus.names, (&self.a, &self.b));
            }
            Some(false) => s.problem("", "explicit links need [[rsu]] entries"),
            None => {}
        });
        let (kind, without) = (Float::POSITIVE, "the backhaul's");
        k.optional(
            "rate_bps",
            kind,
            without,
            &mut self.rate_bps,
            "rate [bit/s]",
        );
        let (kind, without) = (Float::NON_NEGATIVE, "the distance of its ends");
        k.optional("length_m", kind, without, &mut self.length_m, "length [m]");
    }
}
