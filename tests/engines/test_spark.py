"""`spark` without Spark: what is missing, and what is no session. Real Spark is in test_parity."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from flowlab.engines.spark_refusals import explained
from flowlab.engines.spark_table import spark
from flowlab.errors import FlowlabError, MissingExtraError


def test_without_pyspark_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(MissingExtraError, match="pip install 'flowlab.spark"):
        spark(None, "logs/")


@pytest.mark.parametrize("home", [None, "nowhere"])
def test_without_java_it_says_how_to_get_it(monkeypatch, tmp_path, home):
    pytest.importorskip("pyspark")
    monkeypatch.setattr("pyspark.sql.SparkSession.getActiveSession", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    if home:
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / home))
    else:
        monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(FlowlabError, match="openjdk-17"):
        spark(None, "logs/")


def test_an_old_session_or_none_at_all_is_refused():
    old = SimpleNamespace(version="3.5.4", sql=None, catalog=None)
    with pytest.raises(FlowlabError, match=r"Spark 3\.5\.4; flowlab needs Spark 4"):
        spark(old, "logs/")
    with pytest.raises(FlowlabError, match="a str is no Spark session"):
        spark("logs/", "logs/")


def test_a_session_that_is_gone_is_told():
    pytest.importorskip("pyspark")
    with pytest.raises(FlowlabError, match="no longer there"), explained("asking logs"):
        raise ConnectionRefusedError
