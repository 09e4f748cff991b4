"""What the traffic of a report is made of: how much, when, who, what, and what was refused."""

from __future__ import annotations

from typing import Any

import pandas as pd

from flowlab import plots
from flowlab.choosing import rule
from flowlab.exchanges import conversations
from flowlab.exclusions import only
from flowlab.reports.findings import Facts, Figure, Found, Listing, Section, figure
from flowlab.reports.material import Material
from flowlab.serving import services
from flowlab.summaries import breakdown, top_talkers, traffic_over_time
from flowlab.wording import amount_text, measure_words, step_in_words, value_text

_DRAWN = 10  # bars of a picture
_KEPT = 500  # rows of a ranking
_STEPS = ("1min", "5min", "15min", "1h", "3h", "6h", "1D")
_ADDRESS = {"addr": "address"}
_MOST_STEPS = 120  # more lines than that no picture tells apart
NO_RECORDS = Found(["There are no records to answer this from."])
_NAT = (
    "What two logged ENIs recorded counts at both, and a NAT gateway's ENI records what it passes"
    " on once coming in and once going out."
)


def _totals(material: Material) -> Found:
    sums = material.sums
    rows = [("flow records", f"{material.records:,}")]
    rows += [(name, f"{sums[name]:,}") for name in ("packets", "bytes") if name in sums]
    rows += [
        (measure_words(name)[0], f"{sums[name]:,} ({sums[name] / material.records:.2%})")
        for name in ("accepted", "rejected")
        if name in sums and material.records
    ]
    if "interfaces" in sums:
        rows.append(("ENIs that recorded", f"{sums['interfaces']:,}"))
    rows += [
        (words, f"{material.moment(sums[name])} {material.tz}")
        for name, words in (("first_start", "first start"), ("last_end", "last end"))
        if name in sums
    ]
    if not material.records:
        return Found(["There are no records in this period."], [Facts(rows)])
    parts: list[Facts | Listing | Figure] = [Facts(rows)]
    headline = f"{material.records:,} flow records"
    if "bytes" in sums:
        headline += f" with {amount_text(sums['bytes'], 'B')}, as recorded at each ENI"
    columns = [c for c in ("action", "protocol") if c in material.work.columns]
    for column in columns:
        split = material.ask(breakdown, column, rank_by=material.measure)
        parts.append(Listing(f"Traffic by {column}", split))
    if "rejected" in sums:
        headline += f"; {sums['rejected'] / material.records:.1%} of the records were rejected"
    return Found([f"{headline}."], parts)


def _over_time(material: Material) -> Found:
    if not material.records:
        return NO_RECORDS
    sums = material.sums
    by = "action" if "action" in material.work.columns else None
    spread = "end" in material.work.columns
    every = _step(sums.get("first_start"), sums.get("last_end"))
    volume = material.ask(traffic_over_time, every=every, by=by, spread=spread)
    value = material.measure
    steps = volume[volume["time"].notna()].groupby("time")[value].sum()
    if steps.empty:
        return Found(["No record says when it was."])
    noun, unit, _ = measure_words(value)
    most = amount_text(float(steps.max()), unit) + ("" if unit else f" {noun}")
    width = step_in_words(int(pd.Timedelta(every).total_seconds()))
    says = (
        f"The largest step of {width} began at {material.moment(steps.idxmax())} {material.tz},"
        f" with {most}, {steps.max() / max(steps.sum(), 1):.1%} of all {noun}."
    )
    parts: list[Facts | Listing | Figure] = [
        figure(plots.areas(volume, value=value, tz=material.tz))
    ]
    if by and value != "flow_records":
        parts.append(figure(plots.areas(volume, value="flow_records", tz=material.tz)))
    split = f', by="{by}"' if by else ""
    call = f'volume = fl.traffic_over_time(work, every="{every}"{split})\nfl.plots.areas(volume)'
    return Found([says], [*parts, Listing(f"Traffic in steps of {width}", volume)], call)


def _step(first: pd.Timestamp | None, last: pd.Timestamp | None) -> str:
    if first is None or last is None or pd.isna(first) or pd.isna(last):
        return "1h"
    span = last - first
    return next((s for s in _STEPS if span <= _MOST_STEPS * pd.Timedelta(s)), _STEPS[-1])


def _talkers(material: Material) -> Found:
    ranking = material.ask(top_talkers, rank_by=material.measure, n=_KEPT)
    if ranking.empty:
        return NO_RECORDS
    first = ranking.iloc[0]
    both = ["bytes_sent", "bytes_received"] if "bytes_sent" in ranking else "flow_records"
    says = (
        f"{value_text('addr', first['addr'])} had most: {_amount(first, material.measure)}, one end"
        f" of {first['share']:.1%} of all {measure_words(material.measure)[0]}."
    )
    drawn = plots.bars(ranking.head(_DRAWN).rename(columns=_ADDRESS), value=both, label="address")
    # Shares of both ends would run up to 200 %.
    listed = ranking.drop(columns="cumulative_share").rename(columns=_ADDRESS)
    return Found([says], [figure(drawn), Listing("Top talkers", listed)])


def _services(material: Material) -> Found:
    ranking = material.ask(services, rank_by=material.measure, n=_KEPT)
    if ranking.empty:
        return NO_RECORDS
    known = ranking[ranking["port"].notna()]
    says = f"{len(known):,} services were seen."
    if len(known):
        first = known.iloc[0]
        says = (
            f"{_service(first)} carried most: {_amount(first, material.measure)},"
            f" {first['share']:.1%} of the whole."
        )
    # The rows without a port are no service, so they are named as what they are.
    shown = ranking.head(_DRAWN)
    shown = shown.assign(service=[_service(row) for _, row in shown.iterrows()])
    drawn = plots.bars(shown, value=material.measure, label="service")
    return Found([says], [figure(drawn), Listing("Services", ranking)])


def _service(row: pd.Series[Any]) -> str:
    protocol = _protocol(row["protocol"])
    if pd.isna(row["port"]):
        return f"{protocol}, serving side not known"
    name = "" if pd.isna(row["service"]) else f"{row['service']}, "
    return f"{name}{protocol} {_port(row['port'])}"


def _protocol(value: Any) -> str:
    return value_text("protocol", value if pd.isna(value) else int(value))


def _port(value: Any) -> str:
    """Write a port: pandas makes a float of it in a row with shares."""
    return "(none)" if pd.isna(value) else str(int(value))


def _side(row: pd.Series[Any], side: str) -> str:
    address, port = value_text("addr", row[f"addr_{side}"]), _port(row[f"port_{side}"])
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _conversations(material: Material) -> Found:
    ranking = material.ask(conversations, rank_by=material.measure, n=_KEPT)
    if ranking.empty:
        return NO_RECORDS
    # What a page has room for; the rest is left to the question itself.
    wanted = ["addr_a", "port_a", "addr_b", "port_b", "protocol", "bytes", "bytes_a_to_b",
              "bytes_b_to_a", "flow_records", "rejected", "interfaces", "first_start"]  # fmt: skip
    listed = ranking[[name for name in wanted if name in ranking]]
    first, shown = ranking.iloc[0], ranking.head(_DRAWN)
    says = (
        f"The largest is {_protocol(first['protocol'])} between {_side(first, 'a')}"
        f" and {_side(first, 'b')}: {_amount(first, material.measure)}, {first['share']:.1%} of the"
        " whole."
    )
    sides = {f"side {s}": [_side(row, s) for _, row in shown.iterrows()] for s in "ab"}
    drawn = plots.bars(shown.assign(**sides), value=material.measure, label=list(sides))
    return Found([says], [figure(drawn), Listing("Conversations", listed)])


def _rejected(material: Material) -> Found:
    refused = only(material.work, rule("rejected", action="REJECT"))
    ports = material.ask(
        breakdown, ["protocol", "dstport"], of=refused, rank_by="flow_records", n=_KEPT
    )
    if ports.empty:
        return Found(["No record says REJECT."])
    sources = material.ask(breakdown, "srcaddr", of=refused, rank_by="flow_records", n=_KEPT)
    targets = material.ask(breakdown, "dstaddr", of=refused, rank_by="flow_records", n=_KEPT)
    first, source = ports.iloc[0], sources.iloc[0]
    says = (
        f"Refused most often: {_protocol(first['protocol'])} to port"
        f" {_port(first['dstport'])}, {first['share']:.1%} of the rejected records. The source with"
        f" most of them: {value_text('srcaddr', source['srcaddr'])}, {source['share']:.1%}."
    )
    shown = ports.head(_DRAWN)
    names = [
        f"{_protocol(p)} {_port(n)}"
        for p, n in zip(shown["protocol"], shown["dstport"], strict=True)
    ]
    drawn = plots.bars(shown.assign(port=names), value="flow_records", label="port")
    return Found(
        [says],
        [
            figure(drawn),
            Listing("Rejected records by protocol and destination port", ports),
            Listing("Rejected records by source", sources),
            Listing("Rejected records by destination", targets),
        ],
    )


def _amount(row: pd.Series[Any], measure: str) -> str:
    noun, unit, _ = measure_words(measure)
    amount = amount_text(float(row[measure]), unit)
    return amount if unit else f"{amount} {noun}"


TRAFFIC = {
    "totals": Section(
        "The traffic in total",
        'fl.totals(work)\nfl.breakdown(work, "action")\nfl.breakdown(work, "protocol")',
        [
            _NAT,
            (
                "Bytes are those of IP packets with their headers, not what a program sent or a"
                " disk wrote."
            ),
        ],
        _totals,
    ),
    "over_time": Section(
        "Over time",
        'fl.traffic_over_time(work, every="1h")',
        [
            (
                "A record is a window of up to 10 minutes; its bytes are spread evenly over it, so"
                " no moment within is known. AWS's times may be off by up to 60 seconds."
            ),
        ],
        _over_time,
    ),
    "talkers": Section(
        "Top talkers",
        f"fl.top_talkers(work, n={_KEPT})",
        [
            "Every byte has two ends, so the shares of all addresses add up to 2.",
            (
                "An address is not a machine: behind NAT or a load balancer stand many, and an"
                f" address may change hands within the period. {_NAT}"
            ),
        ],
        _talkers,
    ),
    "services": Section(
        "Services",
        f"fl.services(work, n={_KEPT})",
        [
            (
                "A service is told by its port, and a port proves no program: anything may speak on"
                " 443."
            ),
            "Where neither TCP flags nor a known port say which side serves, there is no port.",
        ],
        _services,
    ),
    "conversations": Section(
        "Conversations",
        f"fl.conversations(work, n={_KEPT})",
        [
            (
                "Side b has the lower port, which is mostly the side that serves, but no proof of"
                " it. A port that was used again joins two connections into one row."
            ),
            "What was said is in no flow log: only how much, when, and between whom.",
        ],
        _conversations,
    ),
    "rejected": Section(
        "Rejected traffic",
        'refused = fl.only(work, fl.rule("rejected", action="REJECT"))\n'
        'fl.breakdown(refused, ["protocol", "dstport"], rank_by="flow_records")',
        [
            (
                "REJECT does not say whether a security group or a network ACL refused, and a"
                " record may stand for several attempts."
            ),
            (
                "What was accepted is not therefore harmless, and a refused attempt says nothing of"
                " its intent."
            ),
        ],
        _rejected,
    ),
}
