"""Backhaul files against networkx, which has readers and writers of its own."""

import math
import os
from pathlib import Path

import pytest

import wayside

networkx = pytest.importorskip("networkx", reason="networkx is not installed")

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "crates/core/tests/corpus/topology", ROOT / "shared/data/backhaul", ROOT.parent / "shared/data/backhaul"]
FILES = sorted({
    path.resolve()
    for folder in FOLDERS
    if folder.is_dir()
    for pattern in ("*.graphml", "*.gml")
    for path in folder.glob(pattern)
})


def number(value):
    """A finite number, or nothing: text and gaps are no coordinates."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def coordinate(data, names):
    data = {name.lower(): value for name, value in data.items()}
    return next((found for name in names if (found := number(data.get(name))) is not None), None)


def told(graph):
    """Nodes with their places, and links by their ends, as networkx has them."""
    index = {node: i for i, node in enumerate(graph)}
    places = [
        (coordinate(data, ["longitude", "x"]), coordinate(data, ["latitude", "y"]))
        for _, data in graph.nodes(data=True)
    ]
    links = sorted(tuple(sorted((index[a], index[b]))) for a, b in graph.edges() if a != b)
    return len(index), places, links


def read(path):
    found = wayside.topology(path)
    places = [(node["x"], node["y"]) for node in found["nodes"]]
    links = sorted(tuple(sorted((link["a"], link["b"]))) for link in found["links"])
    return len(places), places, links


def oracle(path):
    if path.suffix == ".gml":
        return networkx.read_gml(path, label="id")
    return networkx.read_graphml(path, force_multigraph=True)


def test_there_are_files():
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_oracle_files_are_read_as_by_networkx(path):
    try:
        graph = oracle(path)
    except Exception as error:  # noqa: BLE001: networkx raises whatever it runs into
        # files that other readers refuse are read by Wayside, and tested in core
        wayside.topology(path)
        pytest.skip(f"networkx cannot read it: {error!r}")
    expected = told(graph)
    if path.name == "12-yed.graphml":
        # networkx takes yEd's drawing for places
        expected = expected[0], [(None, None)] * expected[0], expected[2]
    assert read(path) == expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_oracle_what_networkx_writes_is_read_alike(path, tmp_path):
    """The forms that the Topology Zoo has of every network, from the same graph."""
    try:
        graph = oracle(path)
    except Exception as error:  # noqa: BLE001
        pytest.skip(f"networkx cannot read it: {error!r}")
    expected = told(graph)
    plain = networkx.convert_node_labels_to_integers(graph, label_attribute=None)
    # GML has neither None nor keys with blanks
    for *_, data in [*plain.nodes(data=True), *plain.edges(data=True)]:
        for name in [name for name in data if not name.isidentifier()]:
            del data[name]
    forms = {"graphml": networkx.write_graphml_xml, "gml": networkx.write_gml}
    for suffix, write in forms.items():
        written = tmp_path / f"{path.stem}.{suffix}"
        write(plain, written)
        assert read(written) == expected, suffix


def zoo():
    """A network with everything that the Zoo's files have: kinds of links, missing places, links of a node to itself."""
    graph = networkx.MultiGraph(Network="Test", Creator="Wayside", DateObtained="2010-10-22", GeoLocation="Country")
    names = ["München", "A & B", 'C "D"', "e<f", "", "Zürich"]
    for i, name in enumerate(names):
        data = {"label": name, "Country": "Germany", "Internal": 1, "hyperedge": int(i == 4)}
        if i != 4:
            data |= {"Longitude": 11.5 + i / 7, "Latitude": -48.25 + i}
        graph.add_node(i, **data)
    graph.add_edge(0, 1, LinkLabel="OC-48", LinkSpeed="2.5", LinkSpeedUnits="G", LinkSpeedRaw=2.5e9)
    graph.add_edge(0, 1, LinkLabel="Backup")
    graph.add_edge(1, 2, LinkType="Fibre", LinkNote="till 2010")
    graph.add_edge(2, 2, LinkLabel="loop")
    graph.add_edge(3, 4)
    graph.add_edge(5, 3, LinkSpeed="155", LinkSpeedUnits="M", LinkSpeedRaw=155e6)
    return graph


@pytest.mark.parametrize("form", ["graphml", "graphml.prettyprint", "gml", "gml.stringizer", "json"])
def test_oracle_the_zoos_keys_in_every_form(form, tmp_path):
    graph = zoo()
    path = tmp_path / f"zoo.{form.split('.')[0]}"
    if form.startswith("graphml"):
        networkx.write_graphml_xml(graph, path, prettyprint="." in form)
    elif form.startswith("gml"):
        networkx.write_gml(graph, path, stringizer=str if "." in form else None)
    else:
        import json

        path.write_text(json.dumps(networkx.node_link_data(graph, edges="links")), encoding="utf-8")
    assert read(path) == told(graph)
    found = wayside.topology(path)
    labels = [data["label"] for _, data in graph.nodes(data=True)]
    # an empty label is none: the id stands for it; networkx writes ids in the place of GML's labels
    if not form.startswith("gml"):
        assert [n["name"] for n in found["nodes"]] == [name or "4" for name in labels]
    rates = sorted(link["rate_bps"] for link in found["links"] if link["rate_bps"])
    assert rates == [155e6, 2.5e9]


def test_regress_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        wayside.topology(tmp_path / "nowhere.gml")
    bad = tmp_path / "bad.gml"
    bad.write_text("graph [ node [ id 0 ]")
    with pytest.raises(ValueError, match="bad.gml"):
        wayside.topology(os.fspath(bad))
