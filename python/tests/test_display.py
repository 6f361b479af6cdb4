"""What notebooks show: tables, figures, bars."""

import sys
import types
import xml.etree.ElementTree as ElementTree

import pytest

import wayside
from wayside import _progress

SMALL = {"fleet.size": 5}


@pytest.fixture(scope="module")
def results():
    return wayside.run("wang2025", ["nearest", "price"], seeds=range(3), slots=3, overrides=SMALL, bound="split")


def test_property_results_show_a_table_and_charts(results):
    text = results._repr_html_()
    assert text.count("<tr>") == 3 and "nearest" in text and "gap %" in text
    mean = results.metric("price", "objective")["mean"]
    assert f">{mean:.4f}<" in text
    assert text.count("data:image/svg+xml;base64,") == 2
    assert {"comparison", "gap", "delay"} <= set(results.figures)
    unbounded = wayside.run("wang2025", "price", seeds=[0], slots=1, overrides=SMALL)
    assert "gap" not in unbounded.figures
    with pytest.raises(AttributeError, match="there is no figure 'gap', but comparison"):
        _ = unbounded.figures.gap


def test_property_a_figure_is_an_image_and_its_data(results, tmp_path):
    figure = results.figures["gap"]
    assert figure is results.figures.gap
    assert ElementTree.fromstring(figure._repr_svg_()).tag.endswith("svg")
    assert figure.id == "gap" and figure.title and figure.caption
    drawn = {series["name"]: series["points"] for series in figure.data["series"]}
    found = 100 * results.metric("price", "gap")["mean"]
    points = [p for series in drawn.values() for p in series]
    assert any(value == pytest.approx(found) for p in points for value in (p["x"], p["y"]))
    for kind, start in [("svg", b"<svg"), ("pdf", b"%PDF"), ("png", b"\x89PNG"), ("csv", b""), ("tex", b"")]:
        figure.save(tmp_path / f"gap.{kind}")
        content = (tmp_path / f"gap.{kind}").read_bytes()
        assert content.startswith(start) and content
    with pytest.raises(ValueError, match="path: must end with one of svg"):
        figure.save(tmp_path / "gap.gif")
    assert "Figure('gap'" in repr(figure) and "gap" in repr(results.figures)


def test_property_figures_are_drawn_by_matplotlib(results):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    for figure in results.figures.values():
        ax = figure.axes()
        assert ax.get_title() == figure.title and ax.get_xlabel() == figure.data["x"]["title"]
        # the points of every series are among what is drawn
        drawn = [list(line.get_xdata()) for line in ax.get_lines()]
        assert all([p["x"] for p in series["points"]] in drawn for series in figure.data["series"])
        labels = ax.get_legend_handles_labels()[1]
        assert {series["name"] for series in figure.data["series"]} <= set(labels)
        plt.close(ax.figure)
    _, mine = plt.subplots()
    assert results.figures["comparison"].axes(mine) is mine


def test_property_score_cards_and_studies_show_themselves(tmp_path):
    card = wayside.benchmark(["nearest", "price"], tasks=["hotspot"], quick=True)
    text = card._repr_html_()
    assert text.count("<tr>") == 3 and "hotspot" in text and "data:image/svg" in text
    assert card.figure is not None and card.figure.id == "benchmark"
    gap = card.gap("price", "hotspot")
    assert f"{100 * gap:.3g}" in text
    study = tmp_path / "mine.toml"
    study.write_text(STUDY, encoding="utf-8")
    seen = []
    claims = wayside.study(study, out=tmp_path / "out", progress=lambda *n: seen.append(n))
    assert isinstance(claims, list) and claims[0]["id"] == "mine.price-wins"
    assert "price-wins" in claims._repr_html_() and claims[0]["verdict"] in claims._repr_html_()
    assert list(claims.figures) == ["crowd"] and claims._repr_html_().count("data:image") == 1
    assert seen[-1][0] == seen[-1][1] > 0


STUDY = """
[study]
name = "mine"
title = "Does price beat nearest in a crowd?"
seeds = 3

[[grid]]
id = "crowd"
scenario = "hotspot"
policies = ["nearest", "price"]
set = { "time.slots" = 2 }

[[grid.axis]]
key = "fleet.size"
name = "vehicles"
values = [20, 40]

[[figure]]
id = "crowd"
title = "Objective"
grid = "crowd"
x = "vehicles"
y = "objective"

[[claim]]
id = "price-wins"
claim = "price costs less than nearest"
source = "ours"
kind = "ordering"
grid = "crowd"
metric = "objective"
relation = "less"
policy = "price"
than = "nearest"
"""


def test_property_progress_is_told_and_its_exceptions_arrive():
    seen = []
    wayside.run("wang2025", "price", seeds=range(2), slots=4, progress=lambda *n: seen.append(n))
    assert seen[-1] == (8, 8) and seen == sorted(seen)
    wayside.benchmark("local", tasks=["slot-20"], quick=True, progress=lambda *n: seen.append(n))
    assert seen[-1][0] == seen[-1][1] > 0

    def refuse(done, total):
        raise ArithmeticError("enough")

    with pytest.raises(ArithmeticError, match="enough"):
        wayside.run("wang2025", "price", seeds=range(50), slots=100, progress=refuse)


def test_property_a_training_tells_its_steps(tmp_path, monkeypatch, capsys):
    short = {"total_timesteps": 240, "n_steps": 20, "n_envs": 1, "eval_slots": 2, "net_arch": [8, 8]}
    seen = []
    of = {"overrides": {"fleet.size": 4}, **short}
    wayside.train("ppo", out=tmp_path / "a", progress=lambda *n: seen.append(n), **of)
    assert seen[0] == (0, 240) and seen[-1] == (240, 240) and seen == sorted(seen)

    def refuse(done, total):
        raise ArithmeticError("enough")

    with pytest.raises(ArithmeticError, match="enough"):
        wayside.train("ppo", out=tmp_path / "b", progress=refuse, **of)
    monkeypatch.setattr(_progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr(_progress, "INTERVAL_S", 0.0)
    wayside.train("ppo", out=tmp_path / "c", **of)
    assert capsys.readouterr().err == ""
    wayside.train("ppo", out=tmp_path / "d", progress=True, **of)
    assert "240/240 steps" in capsys.readouterr().err


def test_property_a_bar_is_shown_where_it_is_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(_progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr(_progress, "INTERVAL_S", 0.0)
    of = {"seeds": range(2), "slots": 2, "overrides": SMALL}
    wayside.run("wang2025", "price", **of)
    assert capsys.readouterr().err == ""
    wayside.run("wang2025", "price", progress=True, **of)
    assert "4/4 slots" in capsys.readouterr().err


def test_property_a_notebook_gets_its_bar_by_itself(monkeypatch):
    """A stand-in for IPython with a kernel: what it was asked to display."""
    shown = []

    class Handle:
        def update(self, what):
            shown.append(what._repr_html_())

    def display(what, display_id):
        shown.append(what._repr_html_())
        return Handle()

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    part = types.ModuleType("IPython.display")
    part.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", part)
    monkeypatch.setattr(_progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr(_progress, "INTERVAL_S", 0.0)
    wayside.run("wang2025", "price", seeds=range(2), slots=2, overrides=SMALL)
    assert any('<progress value="4" max="4">' in text for text in shown) and shown[-1] == ""
    shown.clear()
    wayside.run("wang2025", "price", seeds=range(2), slots=2, overrides=SMALL, progress=False)
    assert shown == []
