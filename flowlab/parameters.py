"""Settings as they are typed on a command line, read as papermill reads them."""

from __future__ import annotations

import argparse
import keyword
import re
from typing import Any

from flowlab.errors import FlowlabError

_WHOLE = re.compile(r"[-+]?(?:0|[1-9]\d*)")
_NUMBER = re.compile(r"[-+]?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][-+]?\d{1,3})?|[-+]?\.\d+")
_WORDS = {"true": True, "false": False, "none": None, "null": None}


def parameter(text: str) -> tuple[str, Any]:
    """Read ``name=value``.

    Parameters
    ----------
    text : str
        The value is a number, true, false, none, a list or mapping in YAML's short form, or else
        text: so are dates, times of day, and an account id with a zero in front. What stands in
        quotes is text, too.

    Raises
    ------
    FlowlabError
        It is not a name and a value, or not YAML where it begins like it.
    """
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier() or keyword.iskeyword(name):
        raise FlowlabError(
            f"-p {text!r} is not a setting.", fix="write -p name=value, such as -p n=5."
        )
    return name, _typed(value)


def _typed(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return _from_yaml(text) if text[:1] in ("[", "{", '"', "'") else text


def _from_yaml(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """One whose dates stay text: a notebook need not have imported what they would become."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        return yaml.load(text, Loader)  # noqa: S506 - it is a SafeLoader
    except yaml.YAMLError as error:
        raise FlowlabError(
            f"the value {text!r} cannot be read as YAML.",
            "a bracket or a quote is not closed",
            """write a list as ["a", "b"]; text that begins like this, in quotes""",
        ) from error


def seconds(text: str) -> float:
    """Read a time-out, for argparse."""
    if not _NUMBER.fullmatch(text) or float(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return float(text)
