use super::*;
use crate::rng::{Stream, Streams};
use petgraph::graph::{NodeIndex, UnGraph};
use std::ops::Add;
use std::path::{Path, PathBuf};

fn edge(a: u32, b: u32, rate_bps: f64) -> Edge {
    Edge {
        a,
        b,
        rate_bps,
        length_m: 0.0,
        backlog_bits: 0.0,
    }
}

/// Fewest hops first, then least time.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
struct Cost(u32, f64);

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }
}

/// A random multigraph whose rates are few, so that ties are many.
fn random_links(rng: &mut Stream, rsus: usize, links: usize) -> Vec<Edge> {
    let end = |rng: &mut Stream| u32::try_from(rng.below(rsus)).unwrap();
    (0..links)
        .map(|_| {
            let (a, b) = (end(rng), end(rng));
            let rate = [1e9, 2e9, 4e9][rng.below(3)];
            Edge {
                backlog_bits: 1e6 * rng.unit(),
                ..edge(a, b, rate)
            }
        })
        .collect()
}

#[test]
fn oracle_routes_agree_with_dijkstra() {
    let mut rng = Streams::new(1).stream("routes");
    for _ in 0..60 {
        let rsus = 1 + rng.below(24);
        let count = rng.below(2 * rsus);
        let links = random_links(&mut rng, rsus, count);
        let max_hops = rng.below(5);
        agree_with_dijkstra(rsus, &links, max_hops);
    }
}

fn agree_with_dijkstra(rsus: usize, links: &[Edge], max_hops: usize) {
    let routes = Routes::build(rsus, links, max_hops);
    let mut graph = UnGraph::<(), f64>::default();
    for _ in 0..rsus {
        graph.add_node(());
    }
    for link in links {
        graph.add_edge(link.a.into(), link.b.into(), link.rate_bps.recip());
    }
    for m in 0..u32::try_from(rsus).unwrap() {
        let all = petgraph::algo::dijkstra(&graph, m.into(), None, |e| Cost(1, *e.weight()));
        let mut within: Vec<(u32, u32, f64)> = all
            .iter()
            .filter(|(_, cost)| cost.0 as usize <= max_hops)
            .map(|(node, cost)| (cost.0, u32::try_from(node.index()).unwrap(), cost.1))
            .collect();
        within.sort_by(|p, q| p.partial_cmp(q).unwrap());
        let found: Vec<_> = routes
            .targets(m)
            .iter()
            .map(|t| (t.hops, t.rsu, t.seconds_per_bit))
            .collect();
        assert_eq!(found, within);
        assert_eq!(
            routes.beyond[m as usize].is_some(),
            all.len() > within.len()
        );

        let beyond = all.values().filter(|c| c.0 as usize > max_hops);
        for (cost, bound) in beyond.zip(routes.beyond[m as usize].iter().cycle()) {
            assert!(bound.hops <= cost.0 && bound.seconds_per_bit <= cost.1 * (1.0 + 1e-12));
        }
        for target in routes.targets(m) {
            assert_eq!(routes.find(m, target.rsu), Some(target));
            let path = routes.path(m, target.rsu).unwrap();
            assert_eq!((path[0], path.len()), (m, target.hops as usize + 1));
            if target.rsu != m {
                let smallest = graph
                    .neighbors(NodeIndex::from(target.rsu))
                    .filter(|&p| {
                        graph.edges_connecting(p, target.rsu.into()).any(|e| {
                            all[&p] + Cost(1, *e.weight()) == all[&NodeIndex::from(target.rsu)]
                        })
                    })
                    .min()
                    .unwrap();
                assert_eq!(target.previous as usize, smallest.index());
            }
        }
    }
}

#[test]
fn closed_form_routes_of_a_path() {
    let mut links = vec![
        edge(0, 1, 1e9),
        edge(1, 2, 2e9),
        edge(2, 3, 1e9),
        edge(1, 0, 5e8),
    ];
    links[1].backlog_bits = 2e6;
    let routes = Routes::build(5, &links, 2);
    let far = routes.find(0, 2).unwrap();
    assert_eq!((far.hops, far.previous), (2, 1));
    assert!((far.seconds_per_bit - 1.5e-9).abs() < 1e-24 && (far.wait_s - 1e-3).abs() < 1e-15);
    assert_eq!(routes.path(0, 2), Some(vec![0, 1, 2]));
    assert_eq!((routes.find(0, 3), routes.path(0, 3)), (None, None));
    let beyond = routes.beyond[0].unwrap();
    assert_eq!(beyond.hops, 3);
    assert!((beyond.seconds_per_bit - 1.5e-9).abs() < 1e-24);
    assert_eq!((routes.beyond[1], routes.beyond[4]), (None, None));
    assert_eq!(routes.targets(4).len(), 1);
}

#[test]
fn closed_form_grid_of_11000_rsus() {
    let (columns, lines) = (110_u32, 100_u32);
    let at = |i: u32, j: u32| j * columns + i;
    let mut links = Vec::new();
    for j in 0..lines {
        for i in 0..columns {
            if i + 1 < columns {
                links.push(edge(at(i, j), at(i + 1, j), 1e9));
            }
            if j + 1 < lines {
                links.push(edge(at(i, j), at(i, j + 1), 1e9));
            }
        }
    }
    let routes = Routes::build((columns * lines) as usize, &links, 6);
    // A diamond of radius 6 holds 2 * 6 * 7 + 1 places.
    assert_eq!(routes.targets(at(50, 50)).len(), 85);
    assert_eq!(routes.find(at(50, 50), at(53, 47)).unwrap().hops, 6);
    assert!(routes.beyond.iter().all(|b| b.is_some_and(|b| b.hops == 7)));
}

#[test]
fn oracle_links_within_agree_with_all_pairs() {
    let mut rng = Streams::new(2).stream("links");
    for (count, max_m) in [(0, 10.0), (1, 10.0), (300, 90.0), (300, 0.0), (40, 1e9)] {
        // Positions on a lattice, so that many pairs lie exactly at the limit.
        let mut place = || (rng.below(100) as f64 - 50.0) * 9.0;
        let (x_m, y_m): (Vec<f64>, Vec<f64>) = (0..count).map(|_| (place(), place())).unzip();
        let mut slow = Vec::new();
        for a in 0..count {
            for b in a + 1..count {
                if (x_m[a] - x_m[b]).hypot(y_m[a] - y_m[b]) <= max_m {
                    slow.push((u32::try_from(a).unwrap(), u32::try_from(b).unwrap()));
                }
            }
        }
        let fast = links_within(&x_m, &y_m, max_m, 1e9).unwrap();
        let fast: Vec<_> = fast.iter().map(|e| (e.a, e.b)).collect();
        assert_eq!(fast, slow);
    }
}

fn rsu(id: &str, x_m: f64) -> Rsu {
    Rsu {
        id: id.into(),
        x_m,
        y_m: 0.0,
        range_m: 500.0,
        bandwidth_hz: 1e8,
        cpu_hz: 1e10,
        cores: 1,
        energy_coeff: 1e-28,
    }
}

fn backhaul(links: LinkRule) -> scenario::Backhaul {
    scenario::Backhaul {
        links,
        rate_bps: 1e9,
        migration_power_w: 0.5,
        max_hops: 6,
        propagation_s_per_m: 0.0,
        length_scale: 1.0,
        allow_disconnected: false,
    }
}

fn link(a: &str, b: &str, rate_bps: Option<f64>) -> scenario::Link {
    scenario::Link {
        a: a.into(),
        b: b.into(),
        rate_bps,
        length_m: None,
    }
}

#[test]
fn closed_form_edges_of_every_rule() {
    let rsus = [rsu("r0", 0.0), rsu("r1", 100.0), rsu("r2", 300.0)];
    let near = edges(&backhaul(LinkRule::Distance(150.0)), &rsus).unwrap();
    assert_eq!(
        near.iter().map(|e| (e.a, e.b)).collect::<Vec<_>>(),
        [(0, 1)]
    );

    // 3200 * 3199 / 2 pairs
    let crowd = vec![rsu("r", 0.0); 3200];
    let message = edges(&backhaul(LinkRule::Distance(1.0)), &crowd).unwrap_err();
    assert_eq!(
        message.to_string(),
        "scenario: backhaul.max_distance_m: links more than 5000000 pairs of RSUs"
    );

    let links = vec![
        link("r2", "r1", None),
        link("r1", "r2", Some(4e9)),
        link("r0", "r1", None),
    ];
    let listed = edges(&backhaul(LinkRule::Explicit(links)), &rsus).unwrap();
    let expected = [
        Edge {
            length_m: 100.0,
            ..edge(0, 1, 1e9)
        },
        Edge {
            length_m: 200.0,
            ..edge(1, 2, 4e9)
        },
    ];
    assert_eq!(listed, expected);

    let wrong = vec![link("r9", "r1", None), link("r1", "r1", None)];
    let message = edges(&backhaul(LinkRule::Explicit(wrong)), &rsus)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("backhaul.links[0].a: there is no RSU \"r9\""),
        "{message}"
    );
    assert!(
        message.contains("backhaul.links[1].b: links RSU \"r1\" to itself"),
        "{message}"
    );
}

#[test]
fn closed_form_edges_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.json");
    std::fs::write(&path, SMALL_JSON).unwrap();
    let rule = backhaul(LinkRule::File(path));
    let three = [rsu("r0", 0.0), rsu("r1", 100.0), rsu("r2", 300.0)];
    let expected = [
        Edge {
            length_m: 1500.0,
            ..edge(0, 1, 4e9)
        },
        Edge {
            length_m: 200.0,
            ..edge(1, 2, 1e9)
        },
    ];
    assert_eq!(edges(&rule, &three).unwrap(), expected);

    let message = edges(&rule, &three[..2]).unwrap_err().to_string();
    assert!(
        message.contains("has 3 nodes, but the scenario has 2 RSUs"),
        "{message}"
    );
    let absent = backhaul(LinkRule::File(folder.path().join("absent")));
    assert!(matches!(edges(&absent, &three), Err(Error::Io { .. })));
}

/// `None`, said on stderr, where the data is not beside the checkout.
fn data(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("../shared/data/backhaul").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
    }
    path.exists().then_some(path)
}

#[test]
fn oracle_real_topologies_have_their_published_sizes() {
    for (name, nodes, links) in [
        ("gabriel_10_0", 10, 10),
        ("gabriel_25_0", 25, 40),
        ("sndlib_germany50", 50, 88),
        ("sndlib_nobel-germany", 17, 26),
        ("sndlib_polska", 12, 18),
        ("topozoo_Abilene", 11, 14),
        ("topozoo_BtEurope", 22, 35),
    ] {
        let Some(xml) = data(&format!("{name}.graphml")) else {
            continue;
        };
        let Some(json) = data(&format!("{name}.json")) else {
            continue;
        };
        let (xml, json) = (
            Topology::read(&xml).unwrap(),
            Topology::read(&json).unwrap(),
        );
        assert_eq!((xml.nodes.len(), xml.links.len()), (nodes, links), "{name}");
        assert_eq!(xml.nodes, json.nodes, "{name}");
        // BtEurope has two sites in one city, 0 km apart.
        assert!(xml.links.iter().all(|l| l.length_m.is_some()), "{name}");
        // Writers differ in the order of the links, and of the ends of each.
        let canonical = |t: &Topology| {
            let mut links: Vec<_> = t
                .links
                .iter()
                .map(|l| (l.a.min(l.b), l.a.max(l.b), l.length_m.map(f64::to_bits)))
                .collect();
            links.sort_unstable();
            links
        };
        assert_eq!(canonical(&xml), canonical(&json), "{name}");
    }
}

#[test]
fn oracle_germany50_spans_nine_hops() {
    let Some(path) = data("sndlib_germany50.graphml") else {
        return;
    };
    let topology = Topology::read(&path).unwrap();
    assert_eq!(topology.nodes[0].name, "Aachen");
    assert_eq!(
        (topology.nodes[0].x, topology.nodes[0].y),
        (Some(6.04), Some(50.76))
    );
    let rsus: Vec<_> = topology.nodes.iter().map(|n| rsu(&n.id, 0.0)).collect();
    let links = edges(&backhaul(LinkRule::File(path)), &rsus).unwrap();
    assert_eq!(links.len(), 88);
    let routes = Routes::build(50, &links, 50);
    assert!(routes.beyond.iter().all(Option::is_none));
    assert_eq!(routes.targets.iter().map(|t| t.hops).max(), Some(9));
}

const SMALL_JSON: &str = r#"{
  "nodes": [
    {"id": "0", "name": "north", "pos": [1.5, 2.5]},
    {"id": 1},
    {"id": "2"}
  ],
  "links": [
    {"source": "0", "target": 1, "dist_km": 1.5, "rate_bps": 4e9},
    {"source": 1, "target": "0"},
    {"source": "2", "target": "1"}
  ]
}"#;

const SMALL_GRAPHML: &str = r#"<?xml version='1.0' encoding='utf-8'?>
<!-- two fibres and a wire -->
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="d0" for="node" attr.name="label" attr.type="string"/>
  <key id="d0" for="edge" attr.name="LinkLengthKm" attr.type="double"/>
  <key id="d1" for="edge" attr.name="rate_bps"><default>2e9</default></key>
  <graph edgedefault="undirected">
    <node id="a"><data key="d0">A &amp; B</data></node>
    <node id="b"><data key="d0"><![CDATA[<b>]]></data></node>
    <edge source="b" target="a">
      <data key="d0"> 0.25 </data>
    </edge>
    <edge source="a" target="b"><data key="d1">1e9</data></edge>
  </graph>
</graphml>
"#;

#[test]
fn closed_form_small_files() {
    let json = Topology::parse(SMALL_JSON, "net.json").unwrap();
    let north = Node {
        id: "0".into(),
        name: "north".into(),
        x: Some(1.5),
        y: Some(2.5),
    };
    assert_eq!(json.nodes[0], north);
    assert_eq!((json.nodes[1].name.as_str(), json.nodes[1].x), ("1", None));
    let first = TopologyLink {
        a: 0,
        b: 1,
        length_m: Some(1500.0),
        rate_bps: Some(4e9),
    };
    assert_eq!(json.links[0], first);

    let xml = Topology::parse(SMALL_GRAPHML, "net.graphml").unwrap();
    let names: Vec<_> = xml.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["A & B", "<b>"]);
    let values: Vec<_> = xml
        .links
        .iter()
        .map(|l| (l.a, l.length_m, l.rate_bps))
        .collect();
    assert_eq!(values, [(1, Some(250.0), Some(2e9)), (0, None, Some(1e9))]);
    assert!(Topology::parse(r#"{"nodes": [{"id": 7}], "links": []}"#, "one").is_ok());
    let edges = SMALL_JSON.replace("\"links\"", "\"edges\"");
    assert_eq!(Topology::parse(&edges, "net.json").unwrap(), json);
}

/// What `text` is refused with.
fn refusal(text: &str) -> String {
    Topology::parse(text, "net").unwrap_err().to_string()
}

#[test]
fn closed_form_graphml_refusals_name_the_line() {
    let nodes = |edges: &str| {
        format!(
            "<graphml>\n<key id='l' for='edge' attr.name='length_m'/>\n<graph>\n<node id='a'/>\n<node id='b'/>\n{edges}\n</graph>\n</graphml>"
        )
    };
    let length = |value: &str| {
        nodes(&format!(
            "<edge source='a' target='b'>\n<data key='l'>{value}</data></edge>"
        ))
    };
    for (text, expected) in [
        (
            nodes("<edge source='a' target='c'/>"),
            "net:6: there is no node \"c\"",
        ),
        (
            nodes("<edge source='a' target='a'/>"),
            "net:6: links node \"a\" to itself",
        ),
        (nodes(""), "net:5: node \"b\" has no link"),
        (nodes("<node id='a'/>"), "net:6: node id \"a\" occurs twice"),
        (nodes("<hyperedge/>"), "net:6: <hyperedge> is not supported"),
        (
            nodes("<edge source='a'/>"),
            "net:6: <edge> needs the attribute \"target\"",
        ),
        (
            nodes("<edge source='a' target='b'><data key='z'/></edge>"),
            "net:6: there is no <key> \"z\" for edge",
        ),
        (length("-1"), "net:7: length must be >= 0, got -1"),
        (length("NaN"), "net:7: length must be >= 0, got NaN"),
        (
            length("far"),
            "net:7: length_m must be a number, got \"far\"",
        ),
        (
            "<graphml>\n<graph>\n<node id='a'/>".into(),
            "net:2: is truncated: <graph> is never closed",
        ),
        (
            "<graphml>\n<graph>\n<node id='a".into(),
            "net:3: is not well-formed",
        ),
        (
            "<graphml>\n<graph></graphml>".into(),
            "net:2: is not well-formed",
        ),
        ("<graphml/>".into(), "net: must hold one <graph>, got 0"),
        ("<graphml><graph/></graphml>".into(), "net: has no nodes"),
        (
            "<html></html>".into(),
            "net:1: must be <graphml>, got <html>",
        ),
        (
            "nodes".into(),
            "net: is neither GraphML (XML) nor a JSON object",
        ),
        (String::new(), "net: is neither"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(expected), "{message}\nexpected {expected}");
    }
}

#[test]
fn closed_form_json_refusals_name_the_path() {
    let with =
        |links: &str| format!(r#"{{"nodes": [{{"id": "a"}}, {{"id": "b"}}], "links": [{links}]}}"#);
    for (text, expected) in [
        (
            with(r#"{"source": "a", "target": "c"}"#),
            "net: $.links[0]: there is no node \"c\"",
        ),
        (
            with(r#"{"source": "a", "target": "a"}"#),
            "net: $.links[0]: links node \"a\" to itself",
        ),
        (
            with(r#"{"source": "a"}"#),
            "net: $.links[0].target: must be a string or a whole number",
        ),
        (with(""), "net: $.nodes[1]: node \"b\" has no link"),
        (
            with(r#"{"source": "a", "target": "b", "dist_km": -2}"#),
            "net: $.links[0].dist_km: length must be >= 0, got -2",
        ),
        (
            with(r#"{"source": "a", "target": "b", "dist_km": "2"}"#),
            "net: $.links[0].dist_km: must be a number, got \"2\"",
        ),
        (
            with(r#"{"source": "a", "target": "b", "rate_bps": 0}"#),
            "net: $.links[0].rate_bps: rate must be > 0, got 0",
        ),
        ("{\n\"nodes\": [".into(), "net:2: $: is not JSON"),
        ("{}".into(), "net: $.nodes: must be an array"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(expected), "{message}\nexpected {expected}");
    }
}

/// Any bytes give a topology or problems, never a panic.
#[test]
fn property_parsers_survive_mutations() {
    let mut rng = Streams::new(3).stream("fuzz");
    for seed in [SMALL_GRAPHML, SMALL_JSON] {
        for _ in 0..4000 {
            let mut bytes = seed.as_bytes().to_vec();
            for _ in 0..=rng.below(4) {
                mutate(&mut bytes, &mut rng);
            }
            if let Err(error) = Topology::parse(&String::from_utf8_lossy(&bytes), "fuzz") {
                assert!(matches!(error, Error::Invalid(problems) if !problems.0.is_empty()));
            }
        }
    }
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut Stream) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.below(bytes.len());
    let to = (at + 1 + rng.below(12)).min(bytes.len());
    match rng.below(5) {
        0 => bytes[at] = u8::try_from(rng.below(256)).unwrap(),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..to)),
        3 => {
            let copy = bytes[at..to].to_vec();
            let into = rng.below(bytes.len());
            bytes.splice(into..into, copy);
        }
        _ => bytes[at] = *b"<>\"&/{}[]-e9"[..].get(rng.below(12)).unwrap(),
    }
}
