"""Setting records aside by rules, and saying exactly what that took.

Nothing is excluded unasked. What is kept and what is excluded add up to the whole, in records,
packets and bytes, whatever holds the records.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
from sqlglot import exp

from flowlab import clauses as build
from flowlab import schema
from flowlab.asking import MEASURES, Question, question
from flowlab.choosing import KNOWN, chosen, need
from flowlab.conditions import missing, to_sql
from flowlab.contradictions import contradiction
from flowlab.errors import FlowlabWarning
from flowlab.exclusion_rules import Rule, any_of
from flowlab.rulebook import MAKERS, NAMED, SHAPES
from flowlab.tables import FilteredTable, FrameTable, Table, as_table
from flowlab.wording import plain_text

Flows = TypeVar("Flows")
_ROW = "row of the frame"
_FIRST, _LAST = "all records", "kept"


def exclude(flows: Flows, rules: Any) -> Flows:
    """Set aside the records that any of the rules matches, and keep all others.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
        Needs the columns that the rules test. It is not changed.
    rules : str, Rule, or a sequence of them
        Names of `rules`, or rules of your own made by `rule`.

    Returns
    -------
    DataFrame
        The same columns and types (categories too), index 0, 1, 2 ...; or of an Archive, something
        that every question accepts in its place.

    Raises
    ------
    MissingFieldError
        A rule needs a column that is absent; the message names the AWS field.
    UnknownNameError
        No such rule.

    Warns
    -----
    FlowlabWarning
        The rules leave nothing of a DataFrame, and which of them took it; or a rule contradicts
        itself, so that no record can match it.

    Notes
    -----
    A null matches nothing but None in a rule, and so stays; ``~rule`` takes it.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> len(flows), len(fl.exclude(flows, ["dns", "ntp"])), len(fl.only(flows, ["dns", "ntp"]))
    (97029, 87503, 9526)
    """
    return _divided(flows, rules, "exclude", keep_matches=False)


def only(flows: Flows, rules: Any) -> Flows:
    """Keep the records that any of the rules matches: what `exclude` sets aside.

    Parameters, results, errors and warnings are those of `exclude`; that no record matches is an
    answer, without a warning.
    """
    return _divided(flows, rules, "only", keep_matches=True)


def _divided(flows: Flows, rules: Any, asked_by: str, keep_matches: bool) -> Flows:
    taken = chosen(rules, asked_by)
    table = as_table(flows)
    need(table, taken)
    for one in taken:
        if reason := contradiction(one.condition):
            _warn(f"{asked_by}: no record can match the rule {one.name}: {reason}.")
    if not isinstance(flows, pd.DataFrame):

        def condition(asked: Table) -> exp.Expr:
            hit = any_of(asked, taken)
            return hit if keep_matches else exp.not_(hit)

        names = ", ".join(rule.name for rule in taken)
        words = f"only {names}" if keep_matches else f"without {names}"
        if not names:
            words = "none of them" if keep_matches else "nothing set aside"
        return cast(Flows, FilteredTable(table, condition, words))
    kept = np.full(len(flows), not keep_matches)
    kept[_rows_matched(flows, taken)] = keep_matches
    if len(kept) and not kept.any() and not keep_matches:
        steps = waterfall(flows, taken)
        took = steps[steps["flow_records_taken"] > 0]
        said = zip(took["step"], took["flow_records_taken"], strict=True)
        _warn(
            f"exclude leaves nothing of {len(kept):,} records: "
            f"{', '.join(f'{name} took {count:,}' for name, count in said)}. "
            "fl.waterfall(flows, rules) has it step by step."
        )
    return cast(Flows, _rows(flows, kept))


def _warn(words: str) -> None:
    warnings.warn(plain_text(words), FlowlabWarning, stacklevel=4)


def _rows_matched(flows: pd.DataFrame, rules: Sequence[Rule]) -> np.ndarray[Any, Any]:
    numbered = FrameTable(flows.assign(**{_ROW: np.arange(len(flows))}))
    query = exp.select(build.column(_ROW)).from_(build.flows()).where(any_of(numbered, rules))
    rows: np.ndarray[Any, Any] = numbered.run(query).column(0).to_numpy()
    return rows


def _rows(flows: pd.DataFrame, kept: np.ndarray[Any, Any]) -> pd.DataFrame:
    # Several columns at a time: Arrow and numpy let go of the interpreter while they copy.
    def part(name: str) -> pd.Series[Any]:
        # Named, the type stays: of objects pandas would make what they look like.
        return pd.Series(flows[name].array[kept], dtype=flows[name].dtype, copy=False)

    with ThreadPoolExecutor() as pool:
        parts = pool.map(part, flows.columns)
        data = dict(zip(flows.columns, parts, strict=True))
    return pd.DataFrame(data, index=pd.RangeIndex(int(kept.sum())), copy=False)


@question
def excluded_by(table: Table, rules: Any = None) -> Question:
    """Say what each rule would take alone, without excluding anything.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    rules : str, Rule, or a sequence of them, optional
        By default all of `rules`; those that cannot be applied here are listed too.

    Returns
    -------
    DataFrame, one row per rule, in order
        rule, flow_records, packets, bytes (int64, null where the rule cannot be applied),
        share_of_records, share_of_bytes (float64, null likewise) [0-1, of all records], needs
        (what is lacking for the rule: AWS fields, or a parameter of `rule`; else empty), why.
        packets and bytes only where the format has them. A record counts in every rule that
        matches it, so rows may overlap: see `waterfall`.

    Raises
    ------
    MissingFieldError
        A rule that was asked for needs a column that is absent.
    UnknownNameError
        No such rule.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> fl.excluded_by(flows, ["dns", "metadata"])["flow_records"].tolist()
    [7253, 0]
    """
    if rules is None:
        listed = [NAMED[name] if name in NAMED else SHAPES[name][0] for name in KNOWN]
        lacking = [_lacking(rule, table) for rule in listed]
    else:
        listed = chosen(rules, "excluded_by")
        need(table, listed)
        lacking = [""] * len(listed)
    usable = [rule for rule, lack in zip(listed, lacking, strict=True) if not lack]
    measures = _measures(table)

    def finish(answer: pd.DataFrame) -> pd.DataFrame:
        sums = {name: int(answer[name].iloc[0]) for name in answer}
        numbers = iter(range(len(usable)))
        places = [None if lack else next(numbers) for lack in lacking]
        counts = {m: [None if at is None else sums[f"{m} {at}"] for at in places] for m in measures}
        columns: dict[str, Any] = {"rule": [rule.name for rule in listed]}
        for measure in measures:
            columns[measure] = pd.array(counts[measure], dtype="int64[pyarrow]")
        for name, measure in (("share_of_records", "flow_records"), ("share_of_bytes", "bytes")):
            if measure in measures:
                whole = max(sums[f"{measure} of all"], 1)
                shares = [None if count is None else count / whole for count in counts[measure]]
                columns[name] = pd.array(shares, dtype="float64[pyarrow]")
        columns |= {"needs": lacking, "why": [rule.why for rule in listed]}
        return pd.DataFrame(columns)

    return Question(_summed(table, usable, measures), finish)


def _lacking(rule: Rule, table: Table) -> str:
    if rule.name in SHAPES:
        return f"{MAKERS[rule.name][1][0]}="
    fields = (schema.BY_COLUMN[name] for name in missing(rule.condition, table.columns))
    return ", ".join(f"{field.name} (version {field.version})" for field in fields)


@question
def waterfall(table: Table, rules: Any) -> Question:
    """Say what each rule takes, one after the other, and what is left.

    Parameters
    ----------
    flows : DataFrame (one row per flow record) or Archive
    rules : str, Rule, or a sequence of them
        In this order: a record belongs to the first rule that matches it.

    Returns
    -------
    DataFrame: a row for all records, one per rule, and a row for what is kept
        step, then for each measure (flow_records, packets, bytes; those the format has) four
        int64 columns: x_alone (what the rule matches by itself), x_taken (what is left of that at
        its turn), x_overlap (alone less taken: what earlier rules had taken) and x_remaining
        (after this step); and note, which says what is odd. What was taken and what remains in
        the last row add up to what remains in the first, exactly.

    Raises
    ------
    MissingFieldError
        A rule needs a column that is absent; the message names the AWS field.
    UnknownNameError
        No such rule.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> steps = fl.waterfall(flows, ["dns-private", "dns"])
    >>> steps["flow_records_taken"].tolist()
    [0, 6493, 760, 0]
    """
    taken = chosen(rules, "waterfall")
    need(table, taken)
    measures = _measures(table)

    def finish(answer: pd.DataFrame) -> pd.DataFrame:
        sums = {name: int(answer[name].iloc[0]) for name in answer}
        columns: dict[str, Any] = {"step": [_FIRST, *(rule.name for rule in taken), _LAST]}
        places = range(len(taken))
        for m in measures:
            alone = np.array([0, *(sums[f"{m} {at}"] for at in places), 0], "int64")
            first = np.array([0, *(sums[f"{m} first {at}"] for at in places), 0], "int64")
            columns[f"{m}_alone"] = alone
            columns[f"{m}_taken"] = first
            columns[f"{m}_overlap"] = alone - first
            columns[f"{m}_remaining"] = sums[f"{m} of all"] - np.cumsum(first)
        steps = pd.DataFrame(columns)
        return steps.assign(note=_notes(steps, taken))

    return Question(_summed(table, taken, measures, in_order=True), finish)


def _notes(steps: pd.DataFrame, rules: Sequence[Rule]) -> list[str]:
    records = zip(
        *(steps[f"flow_records_{c}"] for c in ("alone", "taken", "remaining")), strict=True
    )
    notes = []
    for alone, taken, remaining in records:
        if alone and not taken:
            notes.append("earlier rules took all it matches")
        elif taken and not remaining:
            notes.append("takes all that was left")
        else:
            notes.append("")
    for at, one in enumerate(rules, start=1):
        if not steps["flow_records_alone"].iloc[at]:
            reason = contradiction(one.condition)
            notes[at] = f"matches no record: {reason}" if reason else "matches no record"
    if not steps["flow_records_remaining"].iloc[-1]:
        notes[-1] = "nothing is left"
    return notes


def _measures(table: Table) -> list[str]:
    return [m for m in MEASURES if m == "flow_records" or m in table.columns]


def _summed(
    table: Table, rules: Sequence[Rule], measures: Sequence[str], in_order: bool = False
) -> exp.Select:
    """Sum up, in one row: all records, each rule's, and those it is the first to match."""
    hits = [
        build.named(to_sql(rule.condition, table.columns, table.dialect), f"rule {at}")
        for at, rule in enumerate(rules)
    ]
    carried = [build.column(m) for m in measures if m != "flow_records"]
    marked = exp.select(*carried, *hits, build.named(build.number(1), "flow_records"))
    marked = marked.from_(build.flows(), copy=False)
    wanted = [build.named(build.total(build.column(m)), f"{m} of all") for m in measures]
    for at in range(len(rules)):
        hit = build.column(f"rule {at}")
        wanted += [_where(hit, m, f"{m} {at}") for m in measures]
        if in_order:
            earlier = [exp.not_(build.column(f"rule {n}")) for n in range(at)]
            wanted += [_where(exp.and_(hit, *earlier), m, f"{m} first {at}") for m in measures]
    return exp.select(*wanted).from_(marked.subquery("marked", copy=False), copy=False)


def _where(hit: exp.Expr, measure: str, name: str) -> exp.Expr:
    amount = exp.Case().when(hit.copy(), build.column(measure)).else_(build.number(0))
    return build.named(build.total(amount), name)
