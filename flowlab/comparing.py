"""Two answers to the same question, side by side."""

from __future__ import annotations

import pandas as pd

from flowlab.asking import MEASURES
from flowlab.errors import FlowlabError

_SUMS = (
    *MEASURES, "bytes_sent", "bytes_received", "bytes_a_to_b", "bytes_b_to_a", "accepted",
    "rejected", "interfaces", "peers", "peers_sent_to", "peers_heard_from",
)  # fmt: skip
_OTHERS = ("share", "cumulative_share", "first_start", "last_end")


def beside(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Put what a question gave for an earlier period beside what it gives now.

    Parameters
    ----------
    now : DataFrame
        Answer of `breakdown`, `top_talkers`, `peers` or `conversations`.
    before : DataFrame
        Answer of the same question for the earlier period; with ``n=None``, so that what was
        small then is there too.

    Returns
    -------
    DataFrame, the rows of `now` in their order
        The columns of `now`, and each measure of the earlier period as ``bytes_before`` and so
        on (int64): 0 where a group had no records then.

    Raises
    ------
    FlowlabError
        The two are not answers to one question.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> night = fl.top_talkers(flows, n=None, end="2026-03-02 06:00")
    >>> day = fl.top_talkers(flows, n=3, start="2026-03-02 06:00")
    >>> fl.beside(day, night).columns[-1]
    'bytes_received_before'
    """
    if list(now.columns) != list(before.columns):
        raise FlowlabError(
            "these two tables cannot stand side by side: they have different columns.",
            fix="ask the same question twice, with other periods.",
        )
    measures = [c for c in now.columns if c in _SUMS]
    keys = [c for c in now.columns if c not in (*_SUMS, *_OTHERS)]
    if not keys or not measures:
        raise FlowlabError(
            "these tables have no groups to compare.",
            fix="pass answers of fl.breakdown, fl.top_talkers, fl.peers or fl.conversations.",
        )
    named = {m: f"{m}_before" for m in measures}
    earlier = before[[*keys, *measures]].rename(columns=named)
    # A null is a group like any other: pandas joins nulls to nulls.
    joined = now.merge(earlier, how="left", on=keys, validate="one_to_one", sort=False)
    return joined.fillna(dict.fromkeys(named.values(), 0)).astype(
        dict.fromkeys(named.values(), "int64")
    )
