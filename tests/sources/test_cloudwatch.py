"""CloudWatch Logs as a place: slices, formats, and what can go wrong between here and AWS.

boto3 talks to a moto server over HTTP. moto refuses events older than 14 days, so times are
recent ones and the place is told what time it is.
"""

from __future__ import annotations

import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from aws.faults import PASS, ChaosProxy, ec2err, expired, jsonerr, reset, response, script, throttle
from aws.iam_eval import ALLOW, DENY, evaluate
from hypothesis import given
from hypothesis import strategies as st

from flowlab import schema
from flowlab.errors import FlowlabError, LineFormatError, SourceError
from flowlab.sources import aws, slices
from flowlab.sources.cloudwatch import CloudWatch

MINUTE, HOUR, DAY = 60, 3600, 86_400
SLICE = 5 * MINUTE
NOON = int(time.time()) // DAY * DAY - DAY // 2  # of yesterday: aligned, recent, past
ENIS = ("eni-0a1-all", "eni-0b2-all", "eni-0c3-all")
ARN = "arn:aws:iam::123456789012:role/delivery"

_numbers = itertools.count(1)


def line(start: int, number: int = 0) -> str:
    return (
        f"2 123456789012 eni-0a1 198.51.100.7 10.0.1.5 443 {40_000 + number} 6 10 840 "
        f"{start} {start + 30} ACCEPT OK"
    )


def event(start: int, number: int = 0, **more) -> dict:
    return {
        "eventId": f"{start:020}{number:020}",
        "timestamp": start * 1000,
        "ingestionTime": (start + 60) * 1000,
        "logStreamName": ENIS[0],
        "message": line(start, number),
        **more,
    }


def page(*events, token=None) -> object:
    body = {"events": list(events), "searchedLogStreams": []}
    if token:
        body["nextToken"] = token
    return response(200, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.1"})


def read(place, start=None, end=None) -> list[str]:
    return [row for item in place.list(start, end).items for row in lines_of(item)]


def lines_of(item) -> list[str]:
    with item.open() as stream:
        return stream.read().decode().splitlines()


@pytest.fixture
def make(aws_server, aws_credentials):
    """Make a place on the server; its clock says noon plus a day unless told otherwise."""

    def place(group, *, now=NOON + DAY, **options):
        options = {"region": "eu-west-1", "endpoint_url": aws_server, **options}
        return CloudWatch(group, clock=lambda: now, **options)

    return place


@pytest.fixture
def group(make):
    """A log group of its own, and how to put records into it."""

    class Group:
        name = f"/vpc/flow-{next(_numbers)}"
        logs = make(name).access.client("logs", retries="adaptive")
        ec2 = make(name).access.client("ec2")

        def put(self, starts, stream=ENIS[0]):
            starts = sorted(starts)
            self.stream(stream)
            events = [{"timestamp": s * 1000, "message": line(s, i)} for i, s in enumerate(starts)]
            for at in range(0, len(events), 1000):
                self.logs.put_log_events(
                    logGroupName=self.name, logStreamName=stream, logEvents=events[at : at + 1000]
                )
            return [e["message"] for e in events]

        def stream(self, stream):
            known = self.logs.describe_log_streams(logGroupName=self.name)["logStreams"]
            if stream not in [s["logStreamName"] for s in known]:
                self.logs.create_log_stream(logGroupName=self.name, logStreamName=stream)

        def flow_log(self, log_format=None):
            vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            more = {"LogFormat": log_format} if log_format else {}
            self.ec2.create_flow_logs(
                ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName=self.name,
                DeliverLogsPermissionArn=ARN, **more,
            )  # fmt: skip

    made = Group()
    made.logs.create_log_group(logGroupName=made.name)
    return made


@pytest.fixture
def aged(group):
    """Let AWS say that the log group was created long ago (moto's are new)."""

    def age(parsed, **_):
        for found in parsed.get("logGroups", []):
            found["creationTime"] = (NOON - 30 * DAY) * 1000

    event = "after-call.cloudwatch-logs.DescribeLogGroups"
    group.logs.meta.events.register(event, age)
    yield group
    group.logs.meta.events.unregister(event, age)


@pytest.fixture
def asked(group):
    """The requests for events that are made."""
    seen = []

    def note(params, **_):
        seen.append(params)

    event = "provide-client-params.cloudwatch-logs.FilterLogEvents"
    group.logs.meta.events.register(event, note)
    yield seen
    group.logs.meta.events.unregister(event, note)


# --- what is listed ------------------------------------------------------------------------


@given(
    start=st.integers(0, 10**13),
    length=st.integers(1, 10**7),
    width=st.sampled_from([1000, 30_000, 60_000, 300_000, 3_600_000]),
)
def test_slices_partition_any_period_and_are_aligned(start, length, width):
    length = min(length, 500 * width)
    cut = list(slices.cut(start, start + length, width))
    assert cut[0][0] <= start < cut[0][1]
    assert cut[-1][0] < start + length <= cut[-1][1]
    assert all(b - a == width and a % width == 0 for a, b in cut)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(cut))
    # Overlapping periods share their slices, so an archive can.
    assert set(slices.cut(start + length // 2, start + length, width)) <= set(cut)


def test_a_period_is_cut_into_slices_with_a_margin_of_one(make, aged):
    aged.put([NOON])
    items = make(aged.name).list(NOON + 10 * MINUTE + 7, NOON + 19 * MINUTE).items
    assert all(item.name.endswith(" (123456789012/eu-west-1)") for item in items)
    names = [item.name.split()[1] for item in items]
    assert {item.name.split()[0] for item in items} == {f"cloudwatch://{aged.name}"}
    day = time.strftime("%Y-%m-%d", time.gmtime(NOON))
    assert names == [
        f"{day}T12:05Z/12:10Z",
        f"{day}T12:10Z/12:15Z",
        f"{day}T12:15Z/12:20Z",
        f"{day}T12:20Z/12:25Z",
    ]
    assert {item.size for item in items} == {0}
    assert len({item.identity for item in items}) == 4
    first = (NOON + 5 * MINUTE) * 1000
    assert items[0].identity == (
        f"cloudwatch://123456789012/eu-west-1@127.0.0.1:{PORT(make)}/{aged.name}/all/"
        f"{first}-{first + 300_000}"
    )


def PORT(make):
    return make("x").access.endpoint_url.rpartition(":")[2]


def test_names_of_slices_say_the_date_and_the_seconds_where_they_are_needed():
    midnight = 1_772_409_600_000
    assert slices.period(midnight - 300_000, midnight) == "2026-03-01T23:55Z/2026-03-02T00:00Z"
    assert slices.period(midnight, midnight + 30_000) == "2026-03-02T00:00Z/00:00:30Z"


def test_a_period_of_an_old_group_is_listed_without_asking_for_events(make, aged, asked):
    aged.put([NOON])
    assert make(aged.name).list(NOON, NOON + HOUR).items
    assert asked == []


def test_without_a_period_all_is_read_from_the_first_event_until_now(make, group):
    put = group.put([NOON + 17, NOON + HOUR])
    place = make(group.name, now=NOON + 2 * HOUR + 1)
    items = place.list(None, None).items
    assert "T12:00Z/12:05Z (" in items[0].name
    assert "T14:00Z/14:05Z (" in items[-1].name
    assert len(items) == 25
    assert [row for item in items for row in lines_of(item)] == put


def test_the_first_event_is_that_of_all_streams(make, group):
    put = group.put([NOON + HOUR], ENIS[0]) + group.put([NOON + 17], ENIS[1])
    for streams in (None, list(ENIS[:2]), ["eni-*", ENIS[0]]):
        place = make(group.name, now=NOON + 2 * HOUR, streams=streams)
        assert read(place) == put[::-1]


def test_slices_before_a_new_groups_first_event_are_not_asked_for_one_by_one(make, group):
    put = group.put([NOON + 17])
    listing = make(group.name).list(NOON - 300 * DAY, NOON + SLICE)
    assert [row for item in listing.items for row in lines_of(item)] == put
    assert len(listing.items) == 2
    assert any("holds nothing before" in notice for notice in listing.notices)


def test_a_group_without_events_gives_no_items_and_says_so(make, group):
    group.stream(ENIS[0])
    listing = make(group.name).list(NOON, NOON + HOUR)
    assert listing.items == []
    assert any("holds no event in this period" in notice for notice in listing.notices)


def test_a_stream_without_events_is_no_obstacle(make, aged):
    put = aged.put([NOON + 60])
    aged.stream(ENIS[1])
    assert read(make(aged.name), NOON, NOON + HOUR) == put
    assert read(make(aged.name, streams=ENIS[1]), NOON, NOON + HOUR) == []


def test_a_period_to_come_gives_no_items_and_says_so(make, aged):
    aged.put([NOON])
    listing = make(aged.name).list(NOON + 2 * DAY, NOON + 3 * DAY)
    assert listing.items == []
    assert any("has not begun" in notice for notice in listing.notices)


def test_the_search_for_the_first_event_turns_empty_pages_but_not_for_ever(make, group):
    place = make(group.name)
    pages = [page(token="a"), page(token="b"), page(event(NOON + 60))]
    with script(group.logs, "FilterLogEvents", pages):
        assert "T12:00Z/12:05Z (" in place.list(NOON, NOON + HOUR).items[0].name
    endless = [page(token=f"t{n}") for n in range(80)]
    with script(group.logs, "FilterLogEvents", endless) as played:
        items = place.list(NOON, NOON + HOUR).items
    assert "T11:55Z/12:00Z (" in items[0].name  # then nothing is left out
    assert played.calls < 60


def test_many_slices_are_announced_with_the_time_they_take(make, aged):
    aged.put([NOON])
    place = make(aged.name)
    listing = place.list(NOON - 10 * DAY, NOON + DAY)
    assert any("slices" in n and "minutes" in n and "slice='1h'" in n for n in listing.notices)
    assert not any("minutes" in n for n in place.list(NOON, NOON + HOUR).notices)


def test_slices_settle_when_nothing_can_arrive_any_more(make, aged):
    aged.put([NOON])

    def settled(now, **options):
        items = make(aged.name, now=now, **options).list(NOON, NOON + 1).items
        return items[1].settled

    ends = NOON + SLICE
    assert not settled(ends + 75 * MINUTE - 1)
    assert settled(ends + 75 * MINUTE)
    assert settled(ends + 10, settle="10s")
    assert settled(ends + 10, settle=timedelta(seconds=10))
    assert not settled(ends + 10, settle="11s")
    assert not settled(ends - 1, settle=0)


def test_what_has_not_settled_is_announced(make, aged):
    aged.put([NOON])
    listing = make(aged.name, now=NOON + 2 * HOUR).list(NOON, None)
    open_ = [item for item in listing.items if not item.settled]
    notice = next(n for n in listing.notices if "may still arrive" in n)
    assert notice.split(" from ")[1].split()[0] in open_[0].name
    assert len(open_) == 15
    listing = make(aged.name, now=NOON + DAY).list(NOON, NOON + HOUR)
    assert all(item.settled for item in listing.items)
    assert not any("may still arrive" in n for n in listing.notices)


def test_what_retention_may_have_deleted_is_announced_and_not_archived(make, aged):
    put = aged.put([NOON - 2 * DAY, NOON])
    aged.logs.put_retention_policy(logGroupName=aged.name, retentionInDays=1)
    listing = make(aged.name, now=NOON + HOUR).list(NOON - 2 * DAY, NOON + SLICE)
    assert [row for item in listing.items for row in lines_of(item)] == put
    assert any("retention deletes what is older than" in n for n in listing.notices)
    assert not any(item.settled for item in listing.items[:100])


def test_the_same_slice_is_another_one_elsewhere(make, aged):
    aged.put([NOON])
    aged.put([NOON], ENIS[1])

    def identity(**options):
        return make(aged.name, **options).list(NOON, NOON + 1).items[0].identity

    same = identity()
    assert same == identity()
    assert same != identity(streams=[ENIS[0]])
    assert identity(streams=[ENIS[0], ENIS[1]]) == identity(streams=[ENIS[1], ENIS[0]])
    assert same != identity(slice="10min")


def test_the_same_slice_elsewhere_has_another_name(make, aged):
    """Names tell items apart in a ledger."""
    aged.put([NOON])
    aged.put([NOON], ENIS[1])
    places = [make(aged.name), make(aged.name, streams=ENIS[0]), make(aged.name, streams=ENIS[1])]
    elsewhere = make(aged.name, region="us-east-1")
    elsewhere.access.client("logs", retries="adaptive").create_log_group(logGroupName=aged.name)
    names = [place.list(NOON, NOON + 1).items[0].name for place in places]
    future = elsewhere.access.client("logs", retries="adaptive")
    with script(future, "FilterLogEvents", [page(event(NOON - SLICE))]):
        names.append(elsewhere.list(NOON, NOON + 1).items[0].name)
    assert len({name.split()[1] for name in names}) == 1
    assert len(set(names)) == 4


# --- what is read --------------------------------------------------------------------------


def test_what_was_put_is_read_back_in_the_order_of_time(make, aged):
    put = {}
    for number, stream in enumerate(ENIS):
        starts = [NOON + number + 37 * n for n in range(400)]
        put.update(zip(starts, aged.put(starts, stream), strict=True))
    end = NOON + 5 * HOUR
    items = make(aged.name).list(NOON, end).items
    rows = [row for item in items for row in lines_of(item)]
    assert sorted(rows) == sorted(m for s in ENIS for m in _messages(aged, s))
    starts = [int(row.split()[10]) for row in rows]
    assert starts == sorted(starts)
    assert rows == [row for item in items for row in lines_of(item)]


def _messages(group, stream):
    answer = group.logs.get_log_events(
        logGroupName=group.name, logStreamName=stream, startFromHead=True
    )
    return [e["message"] for e in answer["events"]]


def test_an_event_on_the_border_of_two_slices_is_read_once(make, aged):
    put = aged.put([NOON + SLICE - 1, NOON + SLICE, NOON + SLICE + 1])
    assert read(make(aged.name), NOON, NOON + HOUR) == put


def test_more_events_than_a_page_holds(make, aged, asked):
    put = aged.put([NOON + n // 100 for n in range(12_000)])
    assert sorted(read(make(aged.name), NOON, NOON + SLICE)) == sorted(put)
    assert any("nextToken" in params for params in asked)


def test_empty_and_part_filled_pages_are_not_the_end(make, aged):
    pages = [
        page(token="a"),
        page(event(NOON, 1), token="b"),
        page(token="c"),
        page(token="d"),
        page(event(NOON, 2), event(NOON, 3)),
    ]
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    with script(aged.logs, "FilterLogEvents", pages) as played:
        assert lines_of(item) == [line(NOON, n) for n in (1, 2, 3)]
    assert played.calls == len(pages)


def test_an_event_given_twice_is_read_once(make, aged):
    pages = [page(event(NOON, 1), event(NOON, 2), token="a"), page(event(NOON, 2), event(NOON, 3))]
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    with script(aged.logs, "FilterLogEvents", pages):
        assert lines_of(item) == [line(NOON, n) for n in (1, 2, 3)]


def test_equal_records_are_not_taken_for_one(make, aged):
    """Two flow logs may write the same line: that is for drop_duplicates= to decide."""
    twice = [event(NOON, 1), event(NOON, 2, message=line(NOON, 1))]
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    with script(aged.logs, "FilterLogEvents", [page(*twice)]):
        assert lines_of(item) == [line(NOON, 1)] * 2


def test_equal_times_are_ordered_by_event_id(make, aged):
    events = [event(NOON, n) for n in (3, 1, 2)]
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    for order in itertools.permutations(events):
        with script(aged.logs, "FilterLogEvents", [page(*order)]):
            assert lines_of(item) == [line(NOON, n) for n in (1, 2, 3)]


class Pages:
    """A stand-in for the client that gives these pages."""

    def __init__(self, pages):
        self.pages = pages

    def filter_log_events(self, **asked):
        number = int(asked.get("nextToken", "0"))
        last = number + 1 >= len(self.pages)
        more = {} if last else {"nextToken": str(number + 1)}
        return {"events": self.pages[number], **more}


@given(st.data())
def test_the_bytes_depend_on_the_events_alone(data):
    """Not on their order, on how they fill the pages, or on how often one is given."""
    known = [event(NOON + number // 3, number % 7) for number in range(12)]
    given_ = data.draw(st.lists(st.sampled_from(known), max_size=40)) + known
    given_ = data.draw(st.permutations(given_))
    pages = [[]]
    for one in given_:
        pages += [[] for _ in range(data.draw(st.integers(0, 2)))]
        pages[-1].append(one)
    lines = slices.Reader(Pages(pages), "g").open(0, 1).read()
    distinct = {one["eventId"]: one for one in known}
    expected = sorted(distinct.values(), key=lambda e: (e["timestamp"], e["eventId"]))
    assert lines == "".join(f"{one['message']}\n" for one in expected).encode()


def test_threads_may_share_a_listing(make, aged):
    put = aged.put([NOON + n for n in range(HOUR)])
    items = make(aged.name).list(NOON, NOON + HOUR).items
    with ThreadPoolExecutor(8) as pool:
        assert [row for rows in pool.map(lines_of, items) for row in rows] == put


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (["a b\n", "c d\r\n"], b"a b\nc d\r\n"),
        (["a b\nc d", "e f"], b"a b\nc d\ne f\n"),
        (["a b\n\nc d\n"], b"a b\nc d\n"),
        (["\u00e4 b"], "\u00e4 b\n".encode()),
        (["\ud800 b", "c d"], b"\xed\xa0\x80 b\nc d\n"),
    ],
)
def test_messages_become_lines(make, aged, messages, expected):
    events = [event(NOON, n, message=m) for n, m in enumerate(messages)]
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    with script(aged.logs, "FilterLogEvents", [page(*events)]), item.open() as stream:
        assert stream.read() == expected


def test_the_end_of_a_request_is_inclusive(make, aged, asked):
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    lines_of(item)
    assert asked[-1]["startTime"] == NOON * 1000
    assert asked[-1]["endTime"] == (NOON + SLICE) * 1000 - 1


# --- streams -------------------------------------------------------------------------------


def test_only_the_chosen_streams_are_read(make, aged):
    put = {stream: aged.put([NOON + n], stream) for n, stream in enumerate(ENIS)}
    place = make(aged.name, streams=[ENIS[2], ENIS[0]])
    assert read(place, NOON, NOON + HOUR) == put[ENIS[0]] + put[ENIS[2]]
    assert read(make(aged.name, streams=ENIS[1]), NOON, NOON + HOUR) == put[ENIS[1]]


def test_many_streams_are_asked_for_a_hundred_at_a_time(make, aged, asked):
    names = [f"eni-{n:04}-all" for n in range(250)]
    for name in names[:3]:
        aged.stream(name)
    aged.put([NOON], names[0])
    aged.put([NOON + 1], names[2])
    streams = slices.ways(names)
    assert [len(way["logStreamNames"]) for way in streams] == [100, 100, 50]
    assert [name for way in streams for name in way["logStreamNames"]] == names
    reader = slices.Reader(aged.logs, aged.name, streams)
    with reader.open(NOON * 1000, (NOON + SLICE) * 1000) as lines:
        assert len(lines.read().splitlines()) == 2
    assert len(asked) == 3


def test_streams_can_be_chosen_by_how_they_begin(make, aged, asked):
    item = make(aged.name, streams=["eni-0a*", "eni-0b*"]).list(NOON, NOON + 1).items[0]
    lines_of(item)
    prefixes = [params.get("logStreamNamePrefix") for params in asked]
    assert prefixes == ["eni-0a", "eni-0b"]
    assert not any("logStreamNames" in params for params in asked)


def test_a_stream_that_does_not_exist_is_named_and_the_others_are_read(make, aged):
    put = aged.put([NOON])
    listing = make(aged.name, streams=[ENIS[0], "eni-0ff-all"]).list(NOON, NOON + HOUR)
    assert [problem.name for problem in listing.problems] == [
        f"cloudwatch://{aged.name}, log stream eni-0ff-all"
    ]
    assert "there is no such log stream" in listing.problems[0].reason
    assert [row for item in listing.items for row in lines_of(item)] == put


def test_no_stream_that_exists_is_an_error(make, aged):
    with pytest.raises(SourceError, match="has no log stream eni-0ff-all"):
        make(aged.name, streams="eni-0ff-all").list(NOON, NOON + HOUR)


def test_streams_are_read_unchecked_where_checking_is_denied(make, aged):
    put = aged.put([NOON])
    denied = jsonerr(400, "AccessDeniedException", "not authorized")
    with script(aged.logs, "DescribeLogStreams", [denied]):
        assert read(make(aged.name, streams=ENIS[0]), NOON, NOON + HOUR) == put


# --- formats -------------------------------------------------------------------------------


def test_the_format_is_that_of_the_flow_log(make, aged):
    aged.flow_log("${version} ${srcaddr} ${dstaddr} ${bytes} ${start} ${end} ${log-status}")
    assert make(aged.name).list(NOON, NOON + HOUR).formats == (
        ("version", "srcaddr", "dstaddr", "bytes", "start", "end", "log_status"),
    )


def test_two_flow_logs_with_two_formats_on_one_group(make, aged):
    aged.flow_log()
    aged.flow_log("${version} ${srcaddr} ${dstaddr}")
    aged.flow_log("${version} ${srcaddr} ${dstaddr}")
    formats = make(aged.name).list(NOON, NOON + HOUR).formats
    assert set(formats) == {schema.DEFAULT_FORMAT, ("version", "srcaddr", "dstaddr")}
    assert len(formats) == 2


def test_every_item_knows_the_formats_and_that_it_is_far_away(make, aged):
    aged.flow_log()
    listing = make(aged.name).list(NOON, NOON + HOUR)
    assert {item.formats for item in listing.items} == {(schema.DEFAULT_FORMAT,)}
    assert all(item.remote for item in listing.items)


def test_flow_logs_of_other_groups_do_not_count(make, aged, group):
    group.logs.create_log_group(logGroupName=f"{aged.name}-other")
    aged.flow_log("${version} ${srcaddr}")
    listing = make(f"{aged.name}-other").list(NOON, NOON + HOUR)
    assert listing.formats == ()
    assert any("no flow log of this account delivers" in n for n in listing.notices)


@pytest.mark.parametrize("ending", ["", ":*"])
def test_a_flow_log_may_name_its_group_by_arn(make, aged, ending):
    arn = f"arn:aws:logs:eu-west-1:123456789012:log-group:{aged.name}{ending}"
    body = (
        "<DescribeFlowLogsResponse xmlns='http://ec2.amazonaws.com/doc/2016-11-15/'><flowLogSet>"
        f"<item><logDestination>{arn}</logDestination><logFormat>${{version}} ${{bytes}}"
        "</logFormat></item></flowLogSet></DescribeFlowLogsResponse>"
    )
    answer = response(200, body.encode(), {"Content-Type": "text/xml"})
    with script(aged.ec2, "DescribeFlowLogs", [answer]):
        assert make(aged.name).list(NOON, NOON + HOUR).formats == (("version", "bytes"),)


def test_a_format_of_the_caller_is_not_asked_for(make, aged):
    with script(aged.ec2, "DescribeFlowLogs", []) as played:
        listing = make(aged.name, log_format="${version} ${bytes}").list(NOON, NOON + HOUR)
    assert listing.formats == (("version", "bytes"),)
    assert played.calls == 0


def test_formats_that_may_not_be_asked_for_are_a_notice(make, aged):
    put = aged.put([NOON])
    denied = ec2err(
        403, "UnauthorizedOperation", "You are not authorized to perform this operation."
    )
    with script(aged.ec2, "DescribeFlowLogs", [denied]):
        listing = make(aged.name).list(NOON, NOON + HOUR)
    notice = next(n for n in listing.notices if "the format could not be asked for" in n)
    assert "ec2:DescribeFlowLogs" in notice
    assert listing.formats == ()
    assert [row for item in listing.items for row in lines_of(item)] == put


# --- groups --------------------------------------------------------------------------------


def test_a_group_that_does_not_exist(make, group):
    with pytest.raises(SourceError) as caught:
        make(group.name.removeprefix("/")).list(NOON, NOON + HOUR)
    assert "eu-west-1" in caught.value.what
    assert f"did you mean {group.name}" in caught.value.fix or group.name in caught.value.fix


def test_a_group_whose_name_is_only_the_beginning_of_another(make, group):
    with pytest.raises(SourceError, match="there is no log group"):
        make(group.name[:-1] + "-x").list(NOON, NOON + HOUR)
    group.logs.create_log_group(logGroupName=f"{group.name}x/longer")
    with pytest.raises(SourceError, match="there is no log group"):
        make(f"{group.name}x").list(NOON, NOON + HOUR)


def test_a_group_that_may_not_be_looked_up_is_read_all_the_same(make, group):
    put = group.put([NOON])
    denied = jsonerr(
        400, "AccessDeniedException", "not authorized to perform: logs:DescribeLogGroups"
    )
    with script(group.logs, "DescribeLogGroups", [denied]):
        listing = make(group.name).list(NOON, NOON + HOUR)
    assert any("logs:DescribeLogGroups" in notice for notice in listing.notices)
    assert [row for item in listing.items for row in lines_of(item)] == put
    assert "//123456789012/eu-west-1" in listing.items[0].identity  # asked of STS


def test_an_unknown_account_is_never_archived(make, group):
    group.put([NOON])
    place = make(group.name)
    denied = jsonerr(400, "AccessDeniedException", "no")
    with (
        script(group.logs, "DescribeLogGroups", [denied]),
        script(
            place.access.client("sts"), "GetCallerIdentity", [ec2err(403, "AccessDenied", "no")]
        ),
    ):
        listing = place.list(NOON, NOON + HOUR)
    assert {item.identity for item in listing.items} == {""}
    assert any("cannot be archived" in notice for notice in listing.notices)


def test_a_missing_group_is_an_error_even_if_it_may_not_be_looked_up(make, group):
    denied = jsonerr(400, "AccessDeniedException", "no")
    with (
        script(group.logs, "DescribeLogGroups", [denied]),
        pytest.raises(SourceError, match="ResourceNotFoundException"),
    ):
        make("/no/such/group").list(NOON, NOON + HOUR)


def test_reading_that_is_denied_is_an_error_with_the_permission(make, group):
    group.put([NOON])
    denied = jsonerr(400, "AccessDeniedException", "no")
    with (
        script(group.logs, "FilterLogEvents", [denied]),
        pytest.raises(aws.AccessError, match="logs:FilterLogEvents"),
    ):
        make(group.name).list(NOON, NOON + HOUR)


# --- bad days ------------------------------------------------------------------------------

SERVER_ERROR = jsonerr(500, "InternalFailure", "injected")


@pytest.mark.parametrize(
    "faults",
    [[throttle()], [throttle()] * 3, [SERVER_ERROR] * 3, [reset()] * 3, [PASS, reset()]],
    ids=["one throttle", "throttled", "500", "reset", "later"],
)
def test_what_passes_by_itself_is_not_seen(make, aged, no_sleep, faults):
    put = aged.put([NOON, NOON + SLICE])
    place = make(aged.name)
    with script(aged.logs, "FilterLogEvents", faults) as played:
        assert read(place, NOON, NOON + HOUR) == put
    assert played.calls > len(faults)


@pytest.mark.parametrize("rule", [("cut", 200), ("rst",)], ids=["cut mid-body", "reset"])
def test_a_connection_lost_while_answering(make, aged, no_sleep, rule):
    put = aged.put([NOON + n for n in range(50)])
    with ChaosProxy("127.0.0.1", int(PORT(make)), [(r"FilterLogEvents", rule, 2)]) as proxy:
        place = make(aged.name, endpoint_url=proxy.url)
        reader = slices.Reader(place.access.client("logs", retries="adaptive"), aged.name)
        with reader.open(NOON * 1000, (NOON + SLICE) * 1000) as lines:
            assert lines.read().decode().splitlines() == put
    assert sum(bool(action) for _, action in proxy.log) == 2


def test_a_token_that_expires_on_the_way_costs_only_what_follows(make, aged):
    put = aged.put([NOON + n * SLICE for n in range(6)])
    items = make(aged.name).list(NOON, NOON + 25 * MINUTE + 1).items[1:7]
    good = [lines_of(item) for item in items[:3]]
    with script(aged.logs, "FilterLogEvents", [expired()], forever=True):
        for item in items[3:]:
            with pytest.raises(aws.UnreadableError) as caught:
                item.open()
            assert "ExpiredTokenException" in caught.value.reason
            assert "sign in again" in caught.value.reason
            assert aged.name in caught.value.reason
    assert good == [[row] for row in put[:3]]
    assert [lines_of(item) for item in items[3:]] == [[row] for row in put[3:]]


def test_a_token_that_expires_between_two_pages_leaves_no_half_slice(make, aged):
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    with (
        script(aged.logs, "FilterLogEvents", [page(event(NOON), token="a"), expired()]),
        pytest.raises(aws.UnreadableError, match="expired"),
    ):
        item.open()


def test_a_token_given_twice_is_an_error_and_not_the_end(make, aged):
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    pages = [page(event(NOON), token="again"), page(token="b"), page(token="again")]
    with (
        script(aged.logs, "FilterLogEvents", pages),
        pytest.raises(aws.UnreadableError, match="same page token twice \\('again'"),
    ):
        item.open()


def test_pages_that_never_end_are_an_error(make, aged, monkeypatch):
    monkeypatch.setattr(slices, "MOST_PAGES", 20)
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    pages = [page(token=f"t{n}") for n in range(25)]
    with (
        script(aged.logs, "FilterLogEvents", pages),
        pytest.raises(aws.UnreadableError, match="more than 20 pages.*slice='1min'"),
    ):
        item.open()


LOGIN = response(200, b"<html>Please sign in</html>", {"Content-Type": "text/html"})


def test_an_answer_that_is_not_cloudwatchs_is_not_taken_for_no_traffic(make, aged, no_sleep):
    put = aged.put([NOON])
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    with (
        script(aged.logs, "FilterLogEvents", [LOGIN], forever=True),
        pytest.raises(aws.UnreadableError, match="not CloudWatch's.*sign-in page"),
    ):
        item.open()
    with script(aged.logs, "FilterLogEvents", [LOGIN]):
        assert lines_of(item) == put


@pytest.mark.parametrize("operation", ["DescribeLogGroups", "DescribeLogStreams"])
def test_nor_is_it_taken_for_a_group_or_stream_that_does_not_exist(make, aged, operation):
    aged.put([NOON])
    with (
        script(aged.logs, operation, [LOGIN]),
        pytest.raises(FlowlabError, match="not AWS's") as caught,
    ):
        make(aged.name, streams=ENIS[0]).list(NOON, NOON + HOUR)
    assert not isinstance(caught.value, SourceError)


def test_throttling_that_does_not_end_is_an_error_with_a_remedy(make, aged, no_sleep, monkeypatch):
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda *_, **__: True)
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    with (
        script(aged.logs, "FilterLogEvents", [throttle()], forever=True) as played,
        pytest.raises(aws.UnreadableError, match="too many requests"),
    ):
        item.open()
    assert played.calls == 10


def test_a_clock_that_is_off_is_called_that(make, aged):
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    skewed = jsonerr(400, "InvalidSignatureException", "Signature expired: 20260302T100000Z is ...")
    with (
        script(aged.logs, "FilterLogEvents", [skewed]),
        pytest.raises(aws.UnreadableError, match="clock"),
    ):
        item.open()


def test_no_credential_is_in_any_message(make, aged, secrets):
    item = make(aged.name).list(NOON, NOON + 1).items[1]
    texts = [repr(make(aged.name)), str(make(aged.name)), item.name, item.identity]
    for code in ("ExpiredTokenException", "UnrecognizedClientException", "Whatever"):
        fault = jsonerr(400, code, f"the token {secrets.token} of {secrets.key} is no good")
        with (
            script(aged.logs, "FilterLogEvents", [fault]),
            pytest.raises(aws.UnreadableError) as caught,
        ):
            item.open()
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        texts.append(str(caught.value))
    shown = "\n".join(texts)
    assert not any(secret in shown for secret in secrets)


# --- permissions ---------------------------------------------------------------------------


def actions(policy):
    asked = [s["Action"] for s in policy["Statement"]]
    return {a for some in asked for a in ([some] if isinstance(some, str) else some)}


GROUPS = "arn:aws:logs:eu-west-1:111122223333:log-group"


@pytest.mark.parametrize(
    ("action", "resource", "answer"),
    [
        # AWS checks reading on the group's ARN with an empty stream behind it.
        ("logs:FilterLogEvents", f"{GROUPS}:/vpc/flow:log-stream:", ALLOW),
        ("logs:FilterLogEvents", f"{GROUPS}:/vpc/flow:*", ALLOW),
        ("logs:FilterLogEvents", f"{GROUPS}:/vpc/flow", ALLOW),
        ("logs:FilterLogEvents", f"{GROUPS}:/vpc/flow-other:log-stream:", DENY),
        ("logs:FilterLogEvents", f"{GROUPS}:/vpc:log-stream:", DENY),
        ("logs:DescribeLogGroups", f"{GROUPS}::log-stream:", ALLOW),
        ("logs:DescribeLogStreams", f"{GROUPS}:/vpc/flow:log-stream:", DENY),
        ("logs:PutLogEvents", f"{GROUPS}:/vpc/flow:log-stream:x", DENY),
        ("logs:DeleteLogGroup", f"{GROUPS}:/vpc/flow:*", DENY),
        ("ec2:DescribeFlowLogs", "*", ALLOW),
        ("ec2:DeleteFlowLogs", "*", DENY),
    ],
)
def test_the_policy_allows_what_is_asked_and_no_more(action, resource, answer):
    role = "arn:aws:iam::111122223333:role/reader"
    policy = CloudWatch("/vpc/flow", region="eu-west-1", role_arn=role).read_policy()
    assert evaluate(policy, action, resource) == answer
    assert json.loads(json.dumps(policy)) == policy


def test_the_policy_follows_the_options(no_aws_credentials):
    place = CloudWatch("g", streams="eni-0a1-all", log_format="version", region="cn-north-1")
    groups = "arn:aws-cn:logs:cn-north-1:111122223333:log-group"
    stream = f"{groups}:g:log-stream:"
    assert evaluate(place.read_policy(), "logs:DescribeLogStreams", stream) == ALLOW
    assert evaluate(place.read_policy(), "logs:FilterLogEvents", stream) == ALLOW
    assert "ec2:DescribeFlowLogs" not in actions(place.read_policy())
    # By how they begin, streams need not be looked up; no region: any.
    anywhere = CloudWatch("g", streams="eni-*").read_policy()
    assert "logs:DescribeLogStreams" not in actions(anywhere)
    assert evaluate(anywhere, "logs:FilterLogEvents", f"{GROUPS}:g:log-stream:") == ALLOW


def test_the_policy_names_all_that_reading_calls(make, aged):
    """Every operation, as the client sends it, is in the policy; nothing else is."""
    called = set()

    def note(model, **_):
        called.add(f"{model.service_model.signing_name}:{model.name}")

    clients = [aged.logs, aged.ec2]
    for client in clients:
        client.meta.events.register("before-call", note)
    try:
        aged.stream(ENIS[0])
        called.clear()
        place = make(aged.name, streams=ENIS[0])
        read(place, NOON, NOON + HOUR)
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", note)
    assert called == actions(place.read_policy())


# --- the place itself ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "group"),
    [
        ("cloudwatch://flow-logs", "flow-logs"),
        ("cloudwatch:///vpc/flow-logs", "/vpc/flow-logs"),
        ("cloudwatch://vpc/flow-logs", "vpc/flow-logs"),
        ("cloudwatch:///aws/vpc/flow", "/aws/vpc/flow"),
        ("cloudwatch://aws/vpc/flow", "/aws/vpc/flow"),
    ],
)
def test_urls(url, group):
    place = CloudWatch.from_url(url, region="eu-west-1")
    assert place.group == group
    assert place == CloudWatch.from_url(str(place), region="eu-west-1")


def test_places_that_are_alike_are_equal():
    a = CloudWatch("g", streams=["b", "a"], log_format="version bytes", region="eu-west-1")
    b = CloudWatch("g", streams=("a", "b"), log_format=["version", "bytes"], region="eu-west-1")
    assert a == b
    assert len({a, b, CloudWatch("g")}) == 2
    assert a != "g"


def test_a_place_can_be_written_down_and_made_again():
    place = CloudWatch("g", streams=["eni-b", "eni-a"], log_format="version bytes", region="x",
                       settle=timedelta(minutes=3), slice="1h", profile="p", role_arn="arn:r",
                       endpoint_url="http://127.0.0.1:1")  # fmt: skip
    written = json.loads(json.dumps(place.options()))
    assert CloudWatch(**written) == place
    assert CloudWatch(**CloudWatch("g").options()) == CloudWatch("g")
    secret = CloudWatch("g", endpoint_url="https://me:hunter22@logs.example")
    assert secret.options()["endpoint_url"] == "https://logs.example"


def test_a_place_shows_itself_without_the_password_of_its_endpoint():
    place = CloudWatch("g", region="eu-west-1", endpoint_url="http://me:hunter22@127.0.0.1:1")
    assert repr(place) == ("CloudWatch('g', region='eu-west-1', endpoint_url='http://127.0.0.1:1')")
    assert repr(CloudWatch("g")) == "CloudWatch('g')"
    assert str(place) == "cloudwatch://g"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"group": ""}, "cannot be the name of a log group"),
        ({"group": "a b"}, "cannot be the name of a log group"),
        ({"group": None}, "cannot be the name of a log group"),
        ({"group": "cloudwatch://g"}, "from_url"),
        (
            {"group": "arn:aws:logs:eu-west-1:123456789012:log-group:/vpc/flow:*"},
            "CloudWatch('/vpc/flow', region='eu-west-1')",
        ),
        ({"streams": []}, "names no log stream"),
        ({"streams": ["a:b"]}, "'a:b'"),
        ({"streams": [7]}, "7"),
        ({"settle": "soon"}, "settle='soon' is no duration"),
        ({"settle": 75}, "settle=75 is no duration"),
        ({"settle": "-5min"}, "is no duration"),
        ({"settle": None}, "is no duration"),
        ({"slice": "0s"}, "1 or more"),
        ({"slice": "1500ms"}, "whole seconds"),
        ({"log_format": "???"}, "log_format cannot be used"),
    ],
)
def test_arguments_that_mean_nothing(arguments, message):
    with pytest.raises(FlowlabError) as caught:
        CloudWatch(**{"group": "g", **arguments})
    assert message in str(caught.value)


def test_a_url_of_something_else():
    with pytest.raises(FlowlabError, match="not the address of a log group"):
        CloudWatch.from_url("s3://bucket")
    with pytest.raises(LineFormatError):
        CloudWatch.from_url("cloudwatch://g", log_format="")
