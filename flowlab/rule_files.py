"""Rules in a file that people can read, review and keep under version control.

.. code-block:: yaml

    rules:
    - dns                              # one of flowlab's own, by name
    - name: backup
      why: rsync every night
      match:                           # all of these
        dstport: 873
        srcaddr: [10.0.9.0/24, 2001:db8:9::/48]
    - name: old hosts
      match:
        any:                           # at least one of these
        - rack: {from: 1, to: 5}       # a range, of a column of your own
        - addr: 10.0.7.0/24
        - not:
            port: 1024-65535
"""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from flowlab import schema
from flowlab.choosing import KNOWN, chosen
from flowlab.conditions import DEEPEST, Condition, Either, Every, FirstPossible, Not, to_plain
from flowlab.errors import (
    FlowlabError,
    FlowlabWarning,
    LineFormatError,
    SourceError,
    unknown_name,
)
from flowlab.exclusion_rules import Rule
from flowlab.matches import EITHER_SIDE, match
from flowlab.rulebook import NAMED
from flowlab.wording import plain_text
from flowlab.writing import write_whole

_TEXTS = ("name", "why", "source", "limits")
_GROUPS: dict[str, Any] = {"any": Either, "all": Every, "first_possible": FirstPossible}
_DEEPEST = 2 * DEEPEST + 10  # lists and mappings inside one another: a list in each condition
_WORDS = {*_GROUPS, "not"}
_COLUMNS = [*schema.BY_COLUMN, *(derived.column for derived in schema.DERIVED), *EITHER_SIDE]
_HEAD = "# Rules of flowlab: load them with fl.load_rules. Ends of ranges are included.\n"


def save_rules(rules: Any, path: str | os.PathLike[str]) -> Path:
    """Write rules to a YAML file.

    Parameters
    ----------
    rules : str, Rule, or a sequence of them
        As `exclude` takes them. flowlab's own are written by name.
    path : path
        The file; one that exists is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SourceError
        The folder does not exist.
    """
    listed = [_entry(rule) for rule in chosen(rules, "save_rules")]
    file = Path(path).expanduser()
    if not file.parent.is_dir():
        raise SourceError(f"{file.parent}: there is no such folder.", fix="check the path.")
    data = {"rules": listed}
    text = _dumped(data, allow_unicode=True)
    if yaml.safe_load(text) != data:  # odd line breaks, such as U+0085, come back only if escaped
        text = _dumped(data, allow_unicode=False)
    return write_whole(file, (_HEAD + text).encode())


def _dumped(data: dict[str, Any], allow_unicode: bool) -> str:
    text: str = yaml.safe_dump(
        data, sort_keys=False, allow_unicode=allow_unicode, width=100, default_flow_style=None
    )
    return text


def _entry(rule: Rule) -> str | dict[str, Any]:
    if NAMED.get(rule.name) == rule:
        return rule.name
    texts = {name: getattr(rule, name) for name in _TEXTS if getattr(rule, name)}
    return texts | {"match": to_plain(rule.condition)}


def load_rules(path: str | os.PathLike[str]) -> list[Rule]:
    """Read rules from a YAML file, as `save_rules` writes it or a person does.

    Parameters
    ----------
    path : path
        A file with the key ``rules``: a list of names of `rules`, and of entries with name, why
        (and source, limits) and match. ``match`` has what `rule` takes, and the words any, all and
        not.

    Returns
    -------
    list of Rule
        In the order of the file; `exclude` and `waterfall` take it as it is.

    Raises
    ------
    SourceError
        There is no such file.
    LineFormatError
        A mistake in the file; the message says in which line, and what is wrong with it.

    Warns
    -----
    FlowlabWarning
        A column that flowlab does not know, but nearly; yours may have this name.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise SourceError(f"{file}: there is no such file.", fix="check the path.")
    try:
        text = file.read_text("utf-8")
        _refuse_mazes(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        rules = [_rule(node) for node in _rules_of(root)]
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise _no_yaml(file, problem) from problem
    except _MistakeError as mistake:
        raise LineFormatError(
            f"{file.name}, line {mistake.line}: {mistake.said.what}",
            mistake.said.why,
            mistake.said.fix,
        ) from mistake
    for key, meant in _doubtful(root):
        words = (
            f"{file.name}, line {key.start_mark.line + 1}: {key.value} is no column that flowlab "
            f"knows; did you mean {meant}? Where records lack it, the rule is refused."
        )
        warnings.warn(plain_text(words), FlowlabWarning, stacklevel=2)
    return rules


def _doubtful(node: Node | None, *, condition: bool = False) -> Iterator[tuple[ScalarNode, str]]:
    """Give the keys of conditions that are nearly the name of a column, and that name."""
    if isinstance(node, SequenceNode):
        for one in node.value:
            yield from _doubtful(one, condition=condition)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            if condition and key.value not in _COLUMNS and key.value not in _WORDS:
                near = difflib.get_close_matches(key.value.lower(), _COLUMNS, n=1, cutoff=0.8)
                yield from ((key, meant) for meant in near)
            yield from _doubtful(value, condition=condition or key.value == "match")


class _MistakeError(Exception):
    """What is wrong, and in which line."""

    def __init__(self, node: Node | yaml.Event | None, said: FlowlabError) -> None:
        mark = node.start_mark if node else None
        self.line, self.said = mark.line + 1 if mark else 1, said
        super().__init__(self.line)


def _refuse_mazes(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        # A few lines of references can unfold into more than memory holds, or into themselves.
        if isinstance(event, yaml.AliasEvent):
            raise _wrong(event, "references (*name) are not used in rules.", "write it out.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _wrong(event, "the parts of a rule stand in each other too deep.",
                         "write fewer of any, all and not inside one another.")  # fmt: skip


def _no_yaml(file: Path, problem: Exception) -> LineFormatError:
    if isinstance(problem, UnicodeDecodeError):
        line = problem.object.count(b"\n", 0, problem.start) + 1
        return LineFormatError(
            f"{file.name}, line {line}: this is no YAML: it is not UTF-8.",
            fix="save the file as UTF-8.",
        )
    mark = getattr(problem, "problem_mark", None)
    place = f", line {mark.line + 1}" if mark else ""
    said = getattr(problem, "problem", None) or "it cannot be read"
    if begun := getattr(problem, "context_mark", None):
        said += f", in what begins in line {begun.line + 1}"
    return LineFormatError(
        f"{file.name}{place}: this is no YAML: {said}.",
        "indentation, a missing colon, a quote that is not closed, or an address such as ::1 "
        "without quotes.",
        "compare it with a file that fl.save_rules wrote.",
    )


def _wrong(node: Node | yaml.Event | None, what: str, fix: str = "") -> _MistakeError:
    return _MistakeError(node, FlowlabError(what, fix=fix))


def _rules_of(root: Node | None) -> Sequence[Node]:
    if isinstance(root, MappingNode) and root.value:
        pairs = _pairs(root)
        for key, _ in pairs:
            if key.value != "rules":
                raise _MistakeError(key, unknown_name("the key", key.value, ["rules"]))
        for _, value in pairs:
            if isinstance(value, SequenceNode):
                listed: list[Node] = value.value
                return listed
            raise _wrong(value, "the rules are no list.", "begin each rule with a hyphen.")
    raise _wrong(root, "there are no rules.", "write the key rules:, and below it a list of rules.")


def _pairs(node: MappingNode) -> list[tuple[ScalarNode, Node]]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, ScalarNode):
            raise _wrong(key, "a key is not a word.")
        if key.value in seen:
            raise _wrong(
                key, f"{key.value!r} stands twice.", "join the two, or put them in a list."
            )
        seen.add(key.value)
    return list(node.value)


def _rule(node: Node) -> Rule:
    if isinstance(node, ScalarNode):
        try:
            return chosen(node.value, "the file")[0]
        except FlowlabError as said:
            raise _MistakeError(node, said) from said
    if not isinstance(node, MappingNode):
        raise _wrong(node, "this is no rule.", "write a name, or name:, why: and match:.")
    texts: dict[str, str] = {}
    condition: Condition | None = None
    for key, value in _pairs(node):
        if key.value == "match":
            condition = _condition(value)
        elif key.value not in _TEXTS:
            raise _MistakeError(key, unknown_name("the key", key.value, [*_TEXTS, "match"]))
        elif not isinstance(value, ScalarNode) or not value.value:
            raise _wrong(value, f"{key.value} is no text.")
        else:
            texts[key.value] = value.value
    if not texts.get("name", "").strip():
        raise _wrong(node, "the rule has no name.", "add name: and a word for it.")
    if condition is None:
        hint = " or write its name alone" if texts["name"] in KNOWN else ""
        raise _wrong(node, "the rule has no match, so it would match every record.",
                     f"add match: and columns below it{hint}.")  # fmt: skip
    try:
        return Rule(condition=condition, **texts)
    except FlowlabError as said:  # too deep
        raise _MistakeError(node, said) from said


def _condition(node: Node) -> Condition:
    if not isinstance(node, MappingNode) or not node.value:
        raise _wrong(node, "this is no condition.", "write columns and values, as in dstport: 873.")
    parts = [_part(key, value) for key, value in _pairs(node)]
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def _part(key: ScalarNode, value: Node) -> Condition:
    if key.value == "not":
        return Not(_condition(value))
    if key.value in _GROUPS:
        if not isinstance(value, SequenceNode) or not value.value:
            raise _wrong(
                value, f"{key.value} is no list.", "begin each of its parts with a hyphen."
            )
        condition: Condition = _GROUPS[key.value](tuple(map(_condition, value.value)))
        return condition
    nodes = value.value if isinstance(value, SequenceNode) else [value]
    for one in nodes:  # each by itself first, so that the mistake has its own line
        _match(one, key.value, [_value(one, key.value)])
    return _match(value, key.value, [_value(one, key.value) for one in nodes])


def _match(node: Node, name: str, values: list[Any]) -> Condition:
    try:
        return match(name, values)
    except FlowlabError as said:
        raise _MistakeError(node, said) from said


def _value(node: Node, name: str) -> Any:
    """Read a value as it stands: YAML would make a number of an account id or an address."""
    if isinstance(node, MappingNode) and {key.value for key, _ in _pairs(node)} == {"from", "to"}:
        ends = {key.value: end for key, end in _pairs(node) if end.tag.endswith(":int")}
        return {name: yaml.safe_load(end.value) for name, end in ends.items()}
    if not isinstance(node, ScalarNode):
        raise _wrong(node, f"{name}: this is neither a value nor a list of values.")
    if node.tag == "tag:yaml.org,2002:null":
        if not node.value:
            raise _wrong(node, f"{name} has no value.", "write null for records that lack it.")
        return None
    column = EITHER_SIDE.get(name, (name,))[0]
    if column in schema.BY_COLUMN or node.style in ("'", '"'):
        return node.value
    typed = node.tag.endswith((":int", ":bool", ":float"))
    return yaml.safe_load(node.value) if typed else node.value
