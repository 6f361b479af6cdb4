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
        (nodes("<node id='a'/>"), "net:6: node id \"a\" occurs twice"),
        (nodes("<hyperedge/>"), "net:6: <hyperedge> is not supported"),
        (
            nodes("<edge source='a'/>"),
            "net:6: <edge> needs the attribute \"target\"",
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
            with(r#"{"source": "a"}"#),
            "net: $.links[0].target: must be a string or a whole number",
        ),
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
    for seed in [SMALL_GRAPHML, SMALL_JSON, SMALL_GML, SMALL_SNDLIB] {
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

const SMALL_GML: &str = r#"Creator "us"
# two sites
graph [
  directed 0
  node [ id 0 label "A &amp; B" graphics [ x 1.5 y -2 ] ]
  node [
    id 7 label "C" Longitude 3.5 Latitude 4
    LabelGraphics [ text "C" ]
  ]
  edge [ source 0 target 7 LinkSpeed "10" LinkSpeedUnits "G" LinkLabel "10 Gbps" LinkNote "dark" ]
  edge [ source 0 target 7 LinkLabel "< 155 Mbit/s" dist 1.5 ]
  edge [ source 7 target 7 ]
]
"#;

const SMALL_SNDLIB: &str = r#"<?xml version="1.0" encoding="ISO-8859-1"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <networkStructure>
  <nodes coordinatesType="geographical">
   <node id="Aachen"><coordinates><x>6.04</x><y>50.76</y></coordinates></node>
   <node id="Bonn"><coordinates><x>7.1</x><y>50.73</y></coordinates></node>
  </nodes>
  <links>
   <link id="L1"><source>Aachen</source><target>Bonn</target>
    <additionalModules><addModule><capacity>40.0</capacity><cost>7290.0</cost></addModule></additionalModules>
   </link>
  </links>
 </networkStructure>
 <demands><demand id="D"><source>Aachen</source><target>Bonn</target></demand></demands>
</network>
"#;

#[test]
fn closed_form_gml_and_sndlib() {
    let gml = Topology::parse(SMALL_GML, "net").unwrap();
    let north = Node {
        id: "0".into(),
        name: "A & B".into(),
        x: Some(1.5),
        y: Some(-2.0),
    };
    assert_eq!(gml.nodes[0], north);
    assert_eq!((gml.nodes[1].x, gml.nodes[1].y), (Some(3.5), Some(4.0)));
    let values: Vec<_> = gml.links.iter().map(|l| (l.rate_bps, l.length_m)).collect();
    assert_eq!(values, [(Some(10e9), None), (Some(155e6), Some(1500.0))]);
    assert_eq!(gml.self_loops, 1);
    assert_eq!(gml.unread.iter().collect::<Vec<_>>(), ["LinkNote"]);
    let sndlib = Topology::parse(SMALL_SNDLIB, "net").unwrap();
    assert_eq!((sndlib.nodes.len(), sndlib.links.len()), (2, 1));
    assert_eq!(
        (sndlib.nodes[0].id.as_str(), sndlib.nodes[0].x),
        ("Aachen", Some(6.04))
    );
    for (text, expected) in [
        (
            "graph [ node [ id 0 ]",
            "is truncated: graph [ is never closed",
        ),
        ("graph [ ] ]", "net:1: is not well-formed: ] without ["),
        ("graph [ node [ label 3 ] ]", "net:1: node needs id"),
        ("graph [ node [ id ] ]", "\"id\" has no value"),
        ("Creator [ ]", "must hold one graph, got 0"),
    ] {
        let message = refusal(text);
        assert!(message.contains(expected), "{message}");
    }
}

/// GraphML with these keys and links between the nodes a, b and c.
fn graphml(keys: &str, edges: &str) -> String {
    format!(
        "<graphml>{keys}<graph><node id='a'/><node id='b'/><node id='c'/>\n{edges}</graph></graphml>"
    )
}

#[test]
fn closed_form_cases_12_to_14_graphml_of_other_programs() {
    for text in [
        include_str!("../../../tests/corpus/topology/12-yed.graphml"),
        include_str!("../../../tests/corpus/topology/13-k.graphml"),
        include_str!("../../../tests/corpus/topology/14-n.graphml"),
    ] {
        let topology = Topology::parse(text, "net").unwrap();
        assert_eq!(
            (topology.nodes.len(), topology.links.len()),
            (3, 2),
            "{text}"
        );
    }
    let all = graphml(
        "<key id='l' attr.name='length_m'><default>4</default></key>",
        "<edge source='a' target='b'><data key='l'>9</data><data key='who'>x</data></edge><edge source='b' target='c'/>",
    );
    let lengths: Vec<_> = Topology::parse(&all, "net")
        .unwrap()
        .links
        .iter()
        .map(|l| l.length_m)
        .collect();
    assert_eq!(lengths, [Some(9.0), Some(4.0)]);
}

#[test]
fn closed_form_cases_15_16_isolated_nodes_and_self_loops_are_read() {
    let isolated = include_str!("../../../tests/corpus/topology/15-i.graphml");
    assert!(Topology::parse(isolated, "net").is_ok());
    let looped = graphml(
        "",
        "<edge source='a' target='a'/><edge source='a' target='b'/>",
    );
    let topology = Topology::parse(&looped, "net").unwrap();
    assert_eq!((topology.self_loops, topology.links.len()), (1, 1));
    assert!(
        topology
            .report()
            .contains("left out: 1 of a node to itself")
    );
    let json = r#"{"nodes": [{"id": 0}, {"id": 1}], "links": [{"source": 0, "target": 0}]}"#;
    assert_eq!(Topology::parse(json, "net").unwrap().self_loops, 1);
}

#[test]
fn closed_form_case_17_unused_values_refuse_nothing() {
    for text in [
        include_str!("../../../tests/corpus/topology/17-p3.json"),
        include_str!("../../../tests/corpus/topology/17-none.graphml"),
        include_str!("../../../tests/corpus/topology/17-empty.graphml"),
        r#"{"nodes": [{"id": 0, "pos": "here", "x": null}, {"id": 1, "pos": [1]}], "links": []}"#,
    ] {
        Topology::parse(text, "net").unwrap();
    }
    let json = r#"{"nodes": [{"id": 0, "pos": [1, 2, 3]}], "links": []}"#;
    let node = &Topology::parse(json, "net").unwrap().nodes[0];
    assert_eq!((node.x, node.y), (Some(1.0), Some(2.0)));
}

#[test]
fn closed_form_case_18_rates_and_lengths_under_other_names() {
    let text = include_str!("../../../tests/corpus/topology/18-bw.graphml");
    let topology = Topology::parse(text, "net").unwrap();
    let first = topology.links[0];
    assert_eq!(
        (first.rate_bps, first.length_m),
        (Some(1000.0), Some(5000.0))
    );
    assert_eq!(
        topology.report(),
        "3 nodes, 2 links, 1 of 2 with a rate (1000 bit/s), 1 of 2 with a length (5000 m)"
    );
    let named = |name: &str, value: &str| {
        let key = format!("<key id='k' for='edge' attr.name='{name}'/>");
        let edge = format!("<edge source='a' target='b'><data key='k'>{value}</data></edge>");
        Topology::parse(&graphml(&key, &edge), "net").unwrap()
    };
    for (name, value, rate) in [
        ("LinkSpeedRaw", "10000000000.0", Some(10e9)),
        ("LinkSpeed", "2.5 Gbps", Some(2.5e9)),
        ("Bandwidth", "100Mbps", Some(100e6)),
        ("capacity", "4e9", Some(4e9)),
        ("LinkLabel", "12", None),
        ("LinkLabel", "STM-16", None),
        ("speed", "fast", None),
    ] {
        assert_eq!(named(name, value).links[0].rate_bps, rate, "{name} {value}");
    }
    assert_eq!(named("length", "700 m").links[0].length_m, Some(700.0));
    assert!(
        named("colour", "red")
            .report()
            .ends_with("not read: colour")
    );
}

#[test]
fn closed_form_case_19_ids_of_several_parts() {
    let json = r#"{"nodes": [{"id": [0, 1]}, {"id": [0, "b"]}, {"id": [[1], 2]}],
        "links": [{"source": [0, 1], "target": [0, "b"]}, {"source": [0, "b"], "target": [[1], 2]}]}"#;
    let topology = Topology::parse(json, "net").unwrap();
    let ids: Vec<_> = topology.nodes.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(ids, ["(0, 1)", "(0, 'b')", "((1,), 2)"]);
    assert_eq!((topology.links[1].a, topology.links[1].b), (1, 2));
}

#[test]
fn regress_files_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let latin = include_bytes!("../../../tests/corpus/topology/26-n.graphml");
    assert!(Topology::read(&write("n.graphml", latin)).is_ok());
    for (bytes, expected) in [
        (&b"\xff\xfe<\0"[..], "is UTF-16 text"),
        (b"\x1f\x8b\x08", "is compressed by gzip"),
        (
            b"<?xml version='1.0' encoding='Shift_JIS'?><graphml/>",
            "declares shift_jis",
        ),
        (b"\xc3\x28", "is not UTF-8 text"),
    ] {
        let error = Topology::read(&write("f", bytes)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    #[cfg(unix)]
    {
        let error = Topology::read(Path::new("/dev/zero"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("must be a file"), "{error}");
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
