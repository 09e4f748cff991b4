"""Logs Insights text: AWS's own examples, and what it refuses. Nothing here can run it."""

from __future__ import annotations

import re

import pytest

import flowlab as fl
from flowlab import schema
from flowlab.engines.insights import insights
from flowlab.errors import FlowlabError, MissingFieldError, UnknownNameError

# AWS Knowledge Center, "... analyze custom Amazon VPC flow logs?": its format and its parse command.
_CUSTOM = (
    "${account-id} ${vpc-id} ${subnet-id} ${interface-id} ${instance-id} ${srcaddr} ${srcport} "
    "${dstaddr} ${dstport} ${protocol} ${packets} ${bytes} ${action} ${log-status} ${start} ${end} "
    "${flow-direction} ${traffic-path} ${tcp-flags} ${pkt-srcaddr} ${pkt-src-aws-service} "
    "${pkt-dstaddr} ${pkt-dst-aws-service} ${region} ${az-id} ${sublocation-type} ${sublocation-id}"
)
_PARSE = (
    'parse @message "* * * * * * * * * * * * * * * * * * * * * * * * * * *" as account_id, vpc_id, '
    "subnet_id, interface_id,instance_id, srcaddr, srcport, dstaddr, dstport, protocol, packets, "
    "bytes, action, log_status, start, end, flow_direction, traffic_path, tcp_flags, pkt_srcaddr, "
    "pkt_src_aws_service, pkt_dstaddr, pkt_dst_aws_service, region, az_id, sublocation_type, "
    "sublocation_id"
)
# "Supported logs and discovered fields", Amazon VPC flow logs; the system's own left out.
_DISCOVERED = {
    "accountId", "endTime", "interfaceId", "logStatus", "startTime", "version", "action", "bytes",
    "dstAddr", "dstPort", "packets", "protocol", "srcAddr", "srcPort",
}  # fmt: skip
# "Logs Insights QL commands" and functions.
_COMMANDS = {"parse", "filter", "fields", "stats", "sort", "display", "limit"}
_FUNCTIONS = {
    "count", "sum", "min", "max", "floor", "strcontains", "isIpv4InSubnet", "isIpv6InSubnet",
}  # fmt: skip


def test_a_custom_format_is_parsed_as_awss_own_example_does():
    text = insights(fl.records, sort_by="start", descending=True, n=2, fmt=_CUSTOM)
    first, *_, last = text.splitlines()
    assert first.replace(" ", "") == _PARSE.replace(" ", "")
    assert "| sort start desc," in text
    assert last == "| limit 2"


@pytest.mark.parametrize("rank_by", ["flow_records", "packets", "bytes"])
@pytest.mark.parametrize("call", [fl.totals, fl.breakdown, fl.traffic_over_time])
def test_no_name_is_defined_twice(call, rank_by):
    """Insights refuses that: "Ephemeral field is already defined"."""
    options = {
        "totals": {}, "breakdown": {"by": "srcaddr", "rank_by": rank_by},
        "traffic_over_time": {"by": "action", "spread": False},
    }[call.__name__]  # fmt: skip
    text = insights(call, fmt=_CUSTOM, **options)
    parsed = re.search('" as (.*)', text)[1].split(", ")
    named = re.findall(r" as (\w+)", text.partition("sublocation_id")[2])
    assert len({*parsed, *named}) == len(parsed) + len(named) > len(parsed)
    for ordered in re.findall(r"sort (\w+)", text):
        assert ordered in named


def test_the_name_of_a_question_is_none():
    with pytest.raises(FlowlabError, match="cannot express totals"):
        insights("totals")


@pytest.mark.parametrize(
    ("call", "options"),
    [
        (fl.totals, {"start": "2026-03-02", "end": "2026-03-03"}),
        (fl.breakdown, {"by": ["srcaddr", "dstport"], "rank_by": "packets"}),
        (fl.traffic_over_time, {"every": "5min", "by": "action", "spread": False}),
        (fl.records, {"sort_by": "bytes", "n": 7, "exclude": ["dns", "ntp"], "only": "icmp"}),
    ],
)
@pytest.mark.parametrize("fmt", [None, _CUSTOM])
def test_only_documented_words_are_used(call, options, fmt):
    commands = [
        line.removeprefix("| ")
        for line in insights(call, fmt=fmt, **options).splitlines()
        if not line.startswith("#")
    ]
    assert {c.split()[0] for c in commands} <= _COMMANDS
    plain = re.sub(r'"[^"]*"', "", " ".join(commands))
    assert set(re.findall(r"(\w+)\(", plain)) <= _FUNCTIONS | {"not", "and", "or", "filter"}
    known = set(schema.parse_log_format(_CUSTOM)) if fmt else _DISCOVERED
    made = set(re.findall(r" as (\w+)", plain)) | {"asc", "desc", "by", "as", "and", "or", "not"}
    words = set(re.findall(r"(?<![@\w])[a-zA-Z_]\w*(?!\w|\()", plain))
    assert words - _COMMANDS - _FUNCTIONS <= known | made


def test_totals_by_hand():
    assert insights(fl.totals, start="2026-03-02", end="2026-03-03").splitlines() == [
        "# interfaces is left out: count_distinct is an approximation where there are many values",
        'filter logStatus != "NODATA" and logStatus != "SKIPDATA"',
        "| filter startTime >= 1772409600 and startTime < 1772496000",
        (
            '| fields strcontains(action, "ACCEPT") as is_accepted, '
            'strcontains(action, "REJECT") as is_rejected'
        ),
        (
            "| stats count(*) as flow_records, sum(packets) as total_packets, sum(bytes) as total_bytes, "
            "sum(is_accepted) as accepted, sum(is_rejected) as rejected, "
            "min(startTime) as first_start, max(endTime) as last_end"
        ),
    ]


def test_rules_become_filters():
    rule = fl.rule("x", interface_id=None, srcaddr=["10.0.0.0/8", "2001:db8::/32"], dstport="1-3")
    text = insights(fl.totals, exclude=rule)
    assert text.splitlines()[2] == (
        '| filter not ((interfaceId = "-" and (isIpv4InSubnet(srcAddr, "10.0.0.0/8") or '
        'isIpv6InSubnet(srcAddr, "2001:db8::/32")) and (dstPort >= 1 and dstPort <= 3)))'
    )
    kept = insights(fl.totals, only="scan-noise", fmt="action srcaddr dstaddr flow-direction")
    assert 'flow_direction = "ingress"' in kept
    assert kept.splitlines()[1] == '| filter srcaddr != "-" or dstaddr != "-" or action != "-"'


@pytest.mark.parametrize(
    ("call", "options", "lacks"),
    [
        (fl.top_talkers, {}, "no UNION"),
        (fl.peers, {}, "approximation"),
        (fl.conversations, {}, "no CASE"),
        (fl.services, {}, "no CASE"),
        (fl.waterfall, {"rules": "dns"}, "no CASE"),
        (fl.excluded_by, {}, "no CASE"),
        (fl.impossible_traffic, {}, "no CASE"),
        (fl.dns_servers, {}, "approximation"),
        (fl.infer_subnets, {}, "no CASE"),
        (fl.traffic_over_time, {}, "spread=False"),
        (fl.traffic_over_time, {"spread": False, "by": "srcaddr", "n": 3}, "largest"),
        (fl.records, {"offset": 10}, "no offset"),
        (fl.fields, {}, "not a question"),
    ],
)
def test_what_it_cannot_is_refused_by_name(call, options, lacks):
    with pytest.raises(FlowlabError, match=lacks):
        insights(call, **options)


@pytest.mark.parametrize(
    ("call", "options", "error", "told"),
    [
        (fl.breakdown, {"by": "vpc_id"}, MissingFieldError, "vpc-id"),
        (fl.breakdown, {"by": "srcadr"}, UnknownNameError, "srcaddr"),
        (fl.totals, {"only": "health-checks"}, MissingFieldError, "pkt-src-aws-service"),
        (fl.totals, {"exclude": "dsn"}, UnknownNameError, "dns"),
        (fl.totals, {"fmt": "${a!b}"}, FlowlabError, "log_format"),
    ],
)
def test_bad_input_says_so(call, options, error, told):
    with pytest.raises(error, match=told):
        insights(call, **options)
