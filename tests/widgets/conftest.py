"""What the tests of widgets share: few records, a way to look at every widget, no rendering."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import ipywidgets as w
import matplotlib as mpl
import pandas as pd
import pytest

import flowlab as fl

# ipympl makes itself everybody's backend when it is first imported: here, and never again.
pytest.importorskip("ipympl")
mpl.use("agg")


def pytest_collection_modifyitems(items):
    """Let ipympl make its toolbar, which traitlets finds old-fashioned."""
    for item in items:
        if item.path.parent.name == "widgets":
            item.add_marker(
                pytest.mark.filterwarnings(
                    "ignore:Passing unrecognized arguments to super:DeprecationWarning"
                )
            )


@pytest.fixture(scope="session")
def sample():
    """Some 1,600 records of the whole sample day, and the ledger of its reading."""
    flows, ledger = fl.sample_flows()
    return flows.iloc[::60].reset_index(drop=True), ledger


@pytest.fixture(scope="session")
def flows(sample):
    return sample[0]


@pytest.fixture
def unrendered(monkeypatch):
    """Charts are built, artist by artist, but their pixels are not: what takes most of the time."""
    from matplotlib.backends.backend_webagg_core import FigureCanvasWebAggCore

    monkeypatch.setattr(FigureCanvasWebAggCore, "draw", lambda self: None)
    monkeypatch.setattr("flowlab.widgets.charts.Chart.png", lambda self: b"")


@pytest.fixture
def run():
    """Run the text of a call as a person would, and give what its last line gives."""

    def ran(text: str, records: Any) -> pd.DataFrame:
        names = {"fl": fl, "flows": records}
        *before, last = ast.parse(text).body
        exec(compile(ast.Module(before, []), "<call>", "exec"), names)
        assert isinstance(last, ast.Expr), text
        return eval(compile(ast.Expression(last.value), "<call>", "eval"), names)

    return ran


@pytest.fixture
def everything():
    """Find every widget inside another."""

    def found(widget: w.Widget) -> Iterator[w.Widget]:
        yield widget
        for child in getattr(widget, "children", ()):
            yield from found(child)

    return found
