//! Topologies from files: published ones, refusals, mutations.

use super::*;

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

pub(super) const SMALL_JSON: &str = r#"{
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
