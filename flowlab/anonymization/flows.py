"""Flow frames to show to others: whose traffic it was is hidden, what happened is not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flowlab import schema
from flowlab.anonymization.keyed import Anonymizer
from flowlab.coded import category, encoded
from flowlab.errors import FlowlabError, unknown_name
from flowlab.working import POOL, at_once

# Columns of AWS's and flowlab's own words. What is recognised as an address, id or ARN is mapped
# even there: a line read in a wrong format has it in any column.
_MEANING = (
    "action log_status type region az_id sublocation_type pkt_src_aws_service pkt_dst_aws_service "
    "flow_direction reject_reason interface_type next_hop_az_id next_hop_interface_type "
    "resource_type tgw_src_az_id tgw_dst_az_id protocol_name service tcp_flag_names "
    "traffic_path_name scope direction direction_basis src_aws_service dst_aws_service "
    "aws_service_basis initiator_basis"
)
MEANING = frozenset(_MEANING.split())
# What flowlab.enrich says in src_owner and dst_owner where it knows of no owner.
NO_OWNER = ("unknown at that time", "several at that time")
_OWNERS = ("src_owner", "dst_owner")
_DERIVED = frozenset(derived.column for derived in schema.DERIVED)  # all of them text


def anonymize(
    flows: pd.DataFrame,
    *,
    key: str | bytes | Anonymizer | None = None,
    time_shift: str | timedelta | None = None,
    keep: str | Iterable[str] = (),
) -> pd.DataFrame:
    """Replace addresses, ids and names by others, so that records can be shown to others.

    Parameters
    ----------
    flows : DataFrame (one row per flow record)
        With or without the columns of `flowlab.enrich`. Summaries can be given, too.
    key : str, bytes or Anonymizer, optional
        The same key gives the same replacements, in every frame and report. Choose one that is
        hard to guess and keep it: whoever has it can find out what was what. By default a new
        one that nobody knows, not even you: what is anonymized later will not fit.
    time_shift : timedelta, text such as "-30D", or "random", optional
        Added to every time. [whole seconds] "random" is 1 to 3650 whole days back, by the key.
    keep : str or iterable of str
        Columns to leave as they are.

    Returns
    -------
    DataFrame
        The same rows, columns and types; null stays null. `flows` is not changed.

    Raises
    ------
    FlowlabError
        Not a DataFrame; an index that may hold addresses; a column that holds neither text,
        numbers nor times; an empty key; a time shift that is none.
    UnknownNameError
        A name in `keep` that is no column.

    Notes
    -----
    Addresses: Crypto-PAn (Xu et al., ICNP 2002), IPv4 and IPv6. Two addresses have as many bits
    in common at the beginning as before, so subnets stay subnets, and no two become one. Private
    blocks map into themselves; loopback, link-local, multicast, broadcast and AWS's metadata, DNS
    and time addresses stay; no other address becomes one of these. For that, an address keeps the
    first bits it shares with such a block, and one more: 8.8.8.8 stays in 8.0.0.0/7. The last
    bits do change: a VPC's router and resolver are no longer at +1 and +2 of their subnet, and
    AWS's public ranges no longer fit.

    Ids and names: letters become letters and digits digits, the prefixes of AWS's ids and the
    partition, service and region of an ARN stay, and so does ``unknown``. How long a name is can
    be seen, and which words begin alike. Text in columns that flowlab does not know is replaced
    as names are.

    Kept: ports, protocols, flags, counts, actions, directions, AWS's services, regions,
    Availability Zone ids, all other numbers, and the order of records. Someone who knows part of
    the traffic, or may send some, can recognise it by its ports, bytes and times: this hides
    names, it does not make records harmless.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, _ = fl.sample_flows()
    >>> shown = fl.anonymize(flows, key="a secret of this course", time_shift="random")
    >>> int(shown["bytes"].sum()) == int(flows["bytes"].sum())
    True
    >>> shown["srcaddr"].nunique() == flows["srcaddr"].nunique()
    True
    """
    kept = _checked(flows, keep)
    hidden = key if isinstance(key, Anonymizer) else Anonymizer(key)
    shift = _shift(time_shift, hidden)
    texts = [name for name in flows.columns if name not in kept and _is_text(flows, name)]
    read = dict(zip(texts, at_once([partial(_Texts, flows[name]) for name in texts]), strict=True))
    named = [column for name, column in read.items() if name not in MEANING]
    words = pa.chunked_array([column.words for column in named], pa.large_string())
    distinct = pc.unique(words).drop_null()
    images = hidden.values(distinct)

    def mapped(name: str) -> Any:
        column = read[name]
        if name in MEANING:
            own = [None if w is None else hidden.recognised(w) for w in column.words.to_pylist()]
            return column.with_words(pa.array(own, pa.large_string()))
        image = images.take(pc.index_in(column.words, value_set=distinct))
        if name in _OWNERS:
            stay = pc.is_in(column.words, pa.array(NO_OWNER, pa.large_string()))
            image = pc.if_else(stay, column.words, image)
        return column.with_words(image)

    made = dict(zip(texts, at_once([partial(mapped, name) for name in texts]), strict=True))
    if shift is not None:
        times = [n for n in flows.columns if n not in kept and flows[n].dtype.kind == "M"]
        made |= {name: (flows[name] + shift).astype(flows[name].dtype) for name in times}
    data = {name: made[name] if name in made else flows[name] for name in flows.columns}
    # attrs are left behind: they may say where the records come from.
    return pd.DataFrame(data, index=flows.index)


def _checked(flows: pd.DataFrame, keep: str | Iterable[str]) -> frozenset[str]:
    if not isinstance(flows, pd.DataFrame):
        raise FlowlabError(
            f"anonymize takes a DataFrame, not a {type(flows).__name__}.",
            fix="pass the flows of flows, ledger = fl.read_flows(...).",
        )
    if not pd.api.types.is_integer_dtype(flows.index.dtype):
        raise FlowlabError(
            "the index of this frame is not a number, and would stay as it is.",
            "set_index or groupby has put a column there.",
            "call flows.reset_index() first.",
        )
    if not flows.columns.is_unique:
        twice = sorted({str(name) for name in flows.columns[flows.columns.duplicated()]})
        raise FlowlabError(
            f"these columns stand twice: {', '.join(twice)}.", fix="drop or rename one of each."
        )
    kept = frozenset([keep] if isinstance(keep, str) else keep)
    for name in kept:
        if name not in flows.columns:
            raise unknown_name("anonymize: the column to keep", name, map(str, flows.columns))
    return kept


def _shift(given: str | timedelta | None, hidden: Anonymizer) -> pd.Timedelta | None:
    if given is None or given == "random":
        return None if given is None else hidden.shift()
    try:
        shift = pd.Timedelta(given)
    except (ValueError, TypeError) as problem:
        raise FlowlabError(
            f"time_shift {str(given)[:60]!r} is not a length of time.",
            fix='write it like "-30D", "36h", or "random"; or pass a timedelta.',
        ) from problem
    if pd.isna(shift) or shift != shift.floor("s"):
        raise FlowlabError(
            "time_shift is not a whole number of seconds, as the times of records are.",
            fix='write it like "-30D", "36h", or "random".',
        )
    return shift


def _is_text(flows: pd.DataFrame, name: str) -> bool:
    """Whether a column holds text; numbers and times have nothing to replace."""
    dtype = flows[name].dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    known = schema.kind_of(name) in ("id", "address") or name in _DERIVED
    if dtype.kind not in "biufcMm":
        return True
    if known and len(flows):
        raise FlowlabError(
            f"the column {name} holds {dtype}, but ids and addresses are text.",
            "it was changed after it was read: an account id as a number has lost its zeros.",
            f'read the records with fl.read_flows(...), drop the column, or keep="{name}".',
        )
    return False


class _Texts:
    """A column of text as its distinct words, and where they stand."""

    def __init__(self, column: pd.Series[Any]) -> None:
        self._dtype, self._index = column.dtype, column.index
        try:
            if isinstance(column.array, pd.Categorical):
                self._codes = column.array.codes
                self.words = pa.array(column.array.categories, pa.large_string())
                return
            read = pa.chunked_array(pa.array(column, from_pandas=True))
            self._places, self.words = encoded(_large(read))
        except (pa.ArrowException, TypeError, ValueError) as problem:
            raise FlowlabError(
                f"the column {column.name} holds neither text, numbers nor times.",
                fix="drop it, turn it into text, or name it in keep=.",
            ) from problem

    def with_words(self, words: pa.Array) -> Any:
        """Make the column of other words at the same places."""
        if isinstance(self._dtype, pd.CategoricalDtype):
            return category(self._codes, words.to_pylist())
        chunks = [pc.take(words, at, memory_pool=POOL) for at in self._places]
        taken = pa.chunked_array(chunks, pa.large_string())
        if isinstance(self._dtype, pd.ArrowDtype):
            return pd.arrays.ArrowExtensionArray(taken.cast(self._dtype.pyarrow_dtype))
        return pd.Series(taken.to_pylist(), self._index, dtype=self._dtype)


def _large(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
        raise TypeError(kind)
    return column.cast(pa.large_string())
