"""How policies compare: wildcards, ARNs, variables and conditions, three-valued.

True, False, or None where the answer hangs on something that is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

Truth = bool | None

OPEN = "\0"  # ends a value whose rest AWS chooses: "arn:aws:logs:eu-west-1:123456789012:" + OPEN


def any_of(truths: Iterable[Truth]) -> Truth:
    """Or."""
    found = set(truths)
    return True if True in found else None if None in found else False


def all_of(truths: Iterable[Truth]) -> Truth:
    """And."""
    found = set(truths)
    return False if False in found else None if None in found else True


def opposite(truth: Truth) -> Truth:
    """Not."""
    return None if truth is None else not truth


def match(pattern: str, value: str, flags: int = 0) -> Truth:
    """Match as IAM does: * and ? and nothing else. None if it depends on what `OPEN` stands for."""
    if not value.endswith(OPEN):
        return _regex(pattern, flags).fullmatch(value) is not None
    start = value.removesuffix(OPEN)
    if pattern.endswith("*") and _regex(pattern, flags).fullmatch(start):
        return True
    heads = (pattern[:length] for length in range(len(pattern) + 1))
    return None if any(_regex(head, flags).fullmatch(start) for head in heads) else False


def match_arn(pattern: str, value: str) -> Truth:
    """Match ARNs part by part; None where a star would have to swallow a colon in the middle.

    A pattern that stops early with a star, as in ``arn:aws:logs:*``, covers the rest.
    """
    if pattern == "*":
        return True
    wanted, have = pattern.split(":", 5), value.split(":", 5)
    if len(have) == 6 and (len(wanted) == 6 or wanted[-1].endswith("*")):
        last = len(wanted) - 1
        heads = zip(wanted[:last], have[:last], strict=True)
        same = all_of([*(match(a, b) for a, b in heads), match(wanted[-1], ":".join(have[last:]))])
        if same is not False:
            return same
    return None if match(pattern, value) is not False else False


def covers(variables: bool, pattern: str, value: str, known: Mapping[str, str | None]) -> Truth:
    """Say whether the Resource of a statement covers an ARN; see `condition_holds`."""
    text = _filled(variables, pattern, known)
    return None if text is None else match_arn(text, value)


def condition_holds(
    variables: bool,
    operator: str,
    key: str,
    wanted: Sequence[str],
    known: Mapping[str, str | None],
) -> Truth:
    """Say whether one condition holds.

    Parameters
    ----------
    variables : bool
        Whether ``${...}`` in `wanted` are variables.
    operator : str
        As in ``StringEqualsIfExists``. Numbers, dates, addresses and sets are not decided.
    key : str
        Condition key, in lower case.
    wanted : sequence of str
        One of them suffices; none may, with an operator that negates.
    known : mapping
        The request's values by key, in lower case; None for a key that it lacks.
    """
    if key not in known:
        return None
    value = known[key]
    name = operator.lower()
    if name == "null":
        return (value is None) == (wanted[0].lower() == "true")
    optional, name = name.endswith("ifexists"), name.removesuffix("ifexists")
    if value is None and optional:
        return True
    positive = name.replace("not", "")
    if positive not in _OPERATORS:  # numbers, dates, addresses, sets
        return None
    if value is None:
        return positive != name
    texts = [_filled(variables, text, known) for text in wanted]
    held = any_of(None if text is None else _OPERATORS[positive](text, value) for text in texts)
    return held if positive == name else opposite(held)


def _equal(text: str, value: str) -> Truth:
    if value.endswith(OPEN):
        return None if text.startswith(value.removesuffix(OPEN)) else False
    return text.translate(_AS_IS) == value


_OPERATORS: dict[str, Callable[[str, str], Truth]] = {
    "stringequals": _equal,
    "stringequalsignorecase": lambda text, value: _equal(text.lower(), value.lower()),
    "stringlike": match,
    "arnlike": match_arn,
    "arnequals": match_arn,  # AWS: the two behave the same
    "bool": lambda text, value: text.lower() == value.lower(),
}

# Characters that are meant as themselves while others are wildcards.
_MEANT = {"*": "\ue000", "?": "\ue001"}
_AS_IS = str.maketrans({sign: plain for plain, sign in _MEANT.items()})


def _filled(variables: bool, text: str, known: Mapping[str, str | None]) -> str | None:
    """Put the values of policy variables in; None where one is not known."""
    if not variables or "${" not in text:
        return text
    filled = []
    for piece in re.split(r"(\$\{[^}]*\})", text):
        if not piece.startswith("${"):
            filled.append(piece)
            continue
        name, comma, instead = piece[2:-1].partition(",")
        if name in ("*", "?", "$"):
            filled.append(_MEANT.get(name, name))
            continue
        key = name.strip().lower()
        value = known.get(key)
        if key not in known or (value and OPEN in value):
            return None
        if value is None:
            value = instead.strip(" '") if comma else "\ue002"  # which nothing equals
        filled.append("".join(_MEANT.get(sign, sign) for sign in value))
    return "".join(filled)


@lru_cache(4096)
def _regex(pattern: str, flags: int) -> re.Pattern[str]:
    signs = {"*": ".*", "?": "."}
    made = (signs.get(c) or re.escape(c.translate(_AS_IS)) for c in pattern)
    return re.compile("".join(made), re.S | flags)
