"""S3 as a place: what is listed, what is read, what a policy must allow.

boto3 talks to a moto server over HTTP. Listings of many keys are answered by `Keys`, as S3 would.
What AWS and the wire can do wrong is in test_s3_faults.py.
"""

from __future__ import annotations

import bisect
import calendar
import io
import itertools
import time
from datetime import datetime
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import psutil
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from aws.faults import response, script
from aws.iam_eval import ALLOW, DENY, evaluate
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlab.errors import FlowlabError, SourceError
from flowlab.practice import generate
from flowlab.practice.writing import write_parquet, write_text
from flowlab.sources import files
from flowlab.sources.s3 import S3
from flowlab.sources.s3keys import Asked
from flowlab.sources.s3listing import Walk

ANA, BEN = "111122223333", "444455556666"
DAY = calendar.timegm((2026, 11, 1, 0, 0, 0))
HOUR, DAYS = 3600, 86_400
LAYOUTS = list(itertools.product([False, True], [False, True]))
NAMES = ["plain", "plain hourly", "Hive", "Hive hourly"]


def key(slot, account=ANA, region="eu-west-1", flow_log="fl-0a", *, hive=False, hourly=False,
        unique="0b1c2d3e", suffix=".log.gz"):  # fmt: skip
    if hive:
        folder = f"aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year=%Y/month=%m/day=%d/"
    else:
        folder = f"{account}/vpcflowlogs/{region}/%Y/%m/%d/"
    folder += ("hour=%H/" if hive else "%H/") if hourly else ""
    name = f"{account}_vpcflowlogs_{region}_{flow_log}_%Y%m%dT%H%MZ_{unique}{suffix}"
    return "AWSLogs/" + time.strftime(folder + name, time.gmtime(slot))


class Keys:
    """Answers ListObjectsV2 as S3 does, from a list of keys."""

    def __init__(self, keys, most=1000, size=100):
        self.keys, self.most, self.size, self.requests = sorted(keys), most, size, []

    def __call__(self, request):
        query = {k: v[0] for k, v in parse_qs(urlsplit(request.url).query).items()}
        self.requests.append(query)
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        after = query.get("continuation-token") or query.get("start-after", "")
        rows, folders, last = [], [], ""
        for at in range(bisect.bisect_left(self.keys, max(prefix, after)), len(self.keys)):
            name = self.keys[at]
            if name == after or (after.endswith("/") and name.startswith(after)):
                continue  # a folder was given as one, on the page before
            if not name.startswith(prefix):
                last = ""
                break
            cut = name.find(delimiter, len(prefix)) if delimiter else -1
            entry = name if cut < 0 else name[: cut + 1]
            if entry in folders[-1:]:
                continue
            if len(rows) + len(folders) == self.most:
                break
            (rows if cut < 0 else folders).append(entry)
            last = entry
        else:
            last = ""
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if last else ""
        body = "".join(
            f"<Contents><Key>{escape(k)}</Key><Size>{self.size}</Size><ETag>&quot;e&quot;</ETag></Contents>"
            for k in rows
        ) + "".join(
            f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in folders
        )
        text = (
            f"<ListBucketResult><Name>b</Name><IsTruncated>{str(bool(last)).lower()}</IsTruncated>"
            f"{token}{body}</ListBucketResult>"
        )
        return response(200, text.encode(), {"Content-Type": "application/xml"})(request)


@pytest.fixture
def holding(bucket):
    """Let the bucket hold these keys, without putting them there."""
    played = []

    def hold(keys, **more):
        answers = Keys(keys, **more)
        played.append(script(bucket.client, "ListObjectsV2", [answers], forever=True))
        return answers

    yield hold
    for one in played:
        one.__exit__()


def names(listing, bucket):
    return [item.name.removeprefix(f"s3://{bucket}/") for item in listing.items]


def moment(text):
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


# --- layouts -------------------------------------------------------------------------------


@pytest.mark.parametrize(("hive", "hourly"), LAYOUTS, ids=NAMES)
def test_a_prefix_at_any_level_finds_the_same(bucket, hive, hourly):
    keys = ["team/vpc/" + key(DAY + n * HOUR, hive=hive, hourly=hourly) for n in (0, 5, 23)]
    bucket.put(*keys)
    folder = keys[0].rpartition("/")[0].removesuffix("/00").removesuffix("/hour=00")
    while folder:
        assert bucket.listed(folder) == keys, folder
        assert bucket.listed(folder + "/", DAY, DAY + DAYS) == keys, folder
        folder = folder.rpartition("/")[0]
    assert bucket.listed() == keys
    assert bucket.listed("/team/vpc") == keys  # a slash too many
    # ... and of a part of the day, only that part.
    assert bucket.listed("team", DAY + 5 * HOUR, DAY + 6 * HOUR) == keys[1:2]


def test_the_older_service_name_of_hive_and_a_folder_of_an_organization(bucket):
    older = key(DAY, hive=True).replace("aws-service=", "service=")
    inside = key(DAY).replace("AWSLogs/", "AWSLogs/o-a1b2c3/")
    bucket.put(older, inside)
    assert bucket.listed(start=DAY, end=DAY + DAYS) == sorted([older, inside])


def test_layouts_accounts_and_formats_mixed_come_byte_by_byte(bucket, at, tmp_path):
    table = generate(records=15_000).table
    morning = table.filter(pc.less(table["end"], pc.min(table["start"]).as_py() + HOUR))
    written = [
        *write_text(morning, tmp_path / "a", files="s3"),
        *write_parquet(morning, tmp_path / "b", hive=True, hourly=True),
        *write_text(morning, tmp_path / "c", files="s3", hourly=True, compress=False),
    ]
    stored = {}
    for path in written:
        name = str(path.relative_to(tmp_path))
        stored[name] = path.read_bytes()
        bucket.put(name, body=stored[name])
    listing = at(bucket.name).list(None, None)
    assert names(listing, bucket.name) == sorted(stored)
    assert listing.problems == []
    assert listing.notices == []
    for item, name in zip(listing.items, sorted(stored), strict=True):
        with item.open() as stream:
            assert stream.read() == stored[name]
        assert item.size == len(stored[name])
        assert item.settled
        etag = bucket.client.head_object(Bucket=bucket.name, Key=name)["ETag"].strip('"')
        assert item.identity == f"s3://{bucket.name}/{name}#{etag}"


@pytest.mark.parametrize(("hive", "hourly"), LAYOUTS, ids=NAMES)
def test_every_record_of_a_period_is_in_what_is_listed(holding, bucket, tmp_path, hive, hourly):
    day = generate(records=15_000).table
    paths = write_parquet(day, tmp_path, hive=hive, hourly=hourly, fields=("start", "end"))
    starts = {str(p.relative_to(tmp_path)): pq.read_table(p)["start"].to_numpy() for p in paths}
    holding(starts)
    first = int(min(s.min() for s in starts.values())) // DAYS * DAYS
    for start, length in ((0, 1), (7 * HOUR + 61, 300), (12 * HOUR, 2 * HOUR), (86_100, 400)):
        start, end = first + start, first + start + length
        listed = set(bucket.listed(start=start, end=end))
        needed = {k for k, s in starts.items() if ((s >= start) & (s < end)).any()}
        assert needed <= listed
        assert len(listed) <= length / 300 + 10


# --- what is pruned ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "opened"),
    [
        # AWS's example: 20180620T1620Z holds records that end from 16:20:00 to 16:24:59.
        ("2018-06-20 16:24:59", "2018-06-20 16:25:00", True),
        ("2018-06-20 16:10:00", "2018-06-20 16:10:01", True),  # started ten minutes before
        ("2018-06-20 16:39:59", "2018-06-20 17:00:00", True),  # delivered a quarter late
        ("2018-06-20 16:40:00", "2018-06-20 17:00:00", False),
        ("2018-06-20 15:00:00", "2018-06-20 15:55:01", True),
        ("2018-06-20 15:00:00", "2018-06-20 15:55:00", False),
        ("2018-06-20 16:40:00", None, False),
        (None, "2018-06-20 15:55:00", False),
        (None, None, True),
    ],
)
def test_the_five_minutes_in_a_name(bucket, start, end, opened):
    name = key(moment("2018-06-20 16:20:00"), hourly=True)
    bucket.put(name)
    period = [moment(t) if t else None for t in (start, end)]
    assert bucket.listed("AWSLogs", *period) == [name] * opened


@pytest.mark.parametrize(("hive", "hourly"), LAYOUTS, ids=NAMES)
def test_records_whose_file_is_in_the_next_folder(bucket, hive, hourly):
    made = {n: key(DAY + DAYS + n * 60, hive=hive, hourly=hourly) for n in (-5, 0, 5, 20, 25, 60)}
    bucket.put(*made.values())
    # Until midnight: a record may end ten minutes later, and be delivered a quarter after that.
    assert bucket.listed(start=DAY + 23 * HOUR, end=DAY + DAYS) == [made[n] for n in (-5, 0, 5, 20)]
    # A name's time says when records end, so nothing earlier holds records of this period.
    assert bucket.listed(start=DAY + DAYS + 20 * 60, end=DAY + 2 * DAYS) == [
        made[n] for n in (5, 20, 25, 60)
    ]


def test_a_folder_named_by_the_hour_of_delivery(bucket):
    name = key(DAY + DAYS - 300)  # of the evening, delivered after midnight
    late = name.replace("/2026/11/01/", "/2026/11/02/")
    bucket.put(late)
    assert bucket.listed(start=DAY + DAYS - 600, end=DAY + DAYS) == [late]


def test_only_the_accounts_regions_and_flow_logs_asked_for(bucket):
    made = {
        (account, region, flow_log): key(DAY, account, region, flow_log, hive=region != "eu-west-1")
        for account in (ANA, BEN)
        for region in ("eu-west-1", "us-gov-west-1")
        for flow_log in ("fl-0a", "fl-0b")
    }
    bucket.put(*made.values())
    for option, at in (("accounts", 0), ("regions", 1), ("flow_log_ids", 2)):
        for one in {facts[at] for facts in made}:
            wanted = sorted(k for facts, k in made.items() if facts[at] == one)
            assert bucket.listed(**{option: one}) == wanted
            assert bucket.listed(start=DAY, end=DAY + 60, **{option: [one]}) == wanted
    assert bucket.listed(accounts=ANA, regions=["eu-west-1"], flow_log_ids={"fl-0b"}) == [
        made[ANA, "eu-west-1", "fl-0b"]
    ]
    assert bucket.listed(accounts=[ANA, BEN]) == sorted(made.values())


def test_an_account_that_is_not_there_is_named(bucket, at):
    bucket.put(key(DAY))
    listing = at(bucket.name, accounts=[ANA, BEN], regions="eu-north-1").list(None, None)
    assert listing.items == []
    assert f"no folder of account {BEN}; there are {ANA}" in listing.notices[0]
    assert "no folder of region eu-north-1; there are eu-west-1" in listing.notices[1]


def test_what_is_left_out_is_said(bucket, at):
    bucket.put(key(DAY), key(DAY + 12 * HOUR))
    bucket.put(key(DAY + 300), body=b"")
    bucket.put("readme.txt", "cloudfront/x.gz")
    bucket.put("AWSLogs/", f"AWSLogs/{ANA}/vpcflowlogs/", body=b"")  # a console's folders
    listing = at(bucket.name).list(DAY, DAY + HOUR)
    assert names(listing, bucket.name) == [key(DAY)]
    told = "\n".join(listing.notices)
    assert "1 of 2 objects were not opened" in told
    assert "1 empty objects were left out" in told
    assert "cloudfront/x.gz" in told
    assert len(listing.notices) == 3


def test_other_services_are_not_listed(bucket):
    bucket.put(key(DAY), f"AWSLogs/{ANA}/CloudTrail/eu-west-1/2026/11/01/x.json.gz")
    with bucket.requests() as asked:
        assert bucket.listed() == [key(DAY)]
    assert bucket.listed(f"AWSLogs/{ANA}") == [key(DAY)]
    assert asked.calls == 8  # root, AWSLogs, account, service, region, year, month, day


def test_a_test_object_with_content_is_listed_and_an_empty_one_is_not(bucket):
    tests = [f"AWSLogs/{ANA}/vpcflowlogs/aws-logs-write-test", f"AWSLogs/{ANA}/vpcflowlogs/test"]
    bucket.put(tests[0], body=b"")
    bucket.put(tests[1], key(DAY))
    assert bucket.listed(start=DAY, end=DAY + HOUR) == [key(DAY), tests[1]]


def test_folders_that_are_not_awss_are_read_all_the_same(bucket):
    region = f"AWSLogs/{ANA}/vpcflowlogs/eu-west-1"
    strange = [
        f"{region}/backup/2020/old.log",
        f"{region}/2026/13/x.log",
        f"{region}/2026/11/x.log",
    ]
    bucket.put(*strange, key(DAY))
    assert bucket.listed(start=DAY, end=DAY + HOUR) == sorted([*strange, key(DAY)])


def test_only_what_can_hold_the_period_is_asked_for(holding, bucket):
    keys = [key(DAY + n * HOUR, hourly=True) for n in range(-30, 50)]
    keys += [key(DAY + n * 7 * DAYS) for n in range(-100, 100)]
    held = holding(keys)
    start, end = DAY + 2 * HOUR, DAY + 4 * HOUR
    assert bucket.listed(start=start, end=end) == [
        k for k in sorted(keys) if not files.outside(k, start, end)
    ]
    asked = [query.get("prefix", "") for query in held.requests]
    month = f"AWSLogs/{ANA}/vpcflowlogs/eu-west-1/2026/11/"
    levels = [month[: at + 1] for at, letter in enumerate(month) if letter == "/"]
    hours = [f"{month}01/{hour}" for hour in ("", "01/", "02/", "03/", "04/", "05/")]
    assert sorted(asked) == sorted(["", *levels, *hours])


# --- no layout -----------------------------------------------------------------------------


def test_a_folder_of_plain_files(bucket):
    plain = ["copy/a.log", "copy/deep/b.gz", "copy/deep/er/and/er/still/c.parquet", "copy/no-name"]
    bucket.put(*plain, "copy2/other.log")
    assert bucket.listed("copy") == plain
    assert bucket.listed("copy/", DAY, DAY + 60) == plain  # their names prove nothing
    assert bucket.listed("copy/a.log") == ["copy/a.log"]


def test_copies_of_aws_files_without_their_folders_are_still_chosen_by_name(bucket):
    flat = [key(DAY + n * HOUR).rpartition("/")[2] for n in range(12)]
    bucket.put(*[f"flat/{n}" for n in flat])
    assert bucket.listed("flat", DAY + HOUR, DAY + 2 * HOUR) == [f"flat/{n}" for n in flat[1:3]]
    assert bucket.listed("flat", flow_log_ids="fl-0b") == []
    # The beginning of a name is enough.
    assert bucket.listed("flat/" + flat[3][:-8]) == [f"flat/{flat[3]}"]


def test_many_plain_folders(holding, bucket):
    keys = [f"copy/{a}/{b}/{c}.log" for a in range(20) for b in range(20) for c in range(3)]
    held = holding(keys)
    assert bucket.listed("copy") == sorted(keys)
    assert len(held.requests) < 450


def test_more_folders_than_fit_on_a_page(holding, bucket):
    accounts = [f"{n:012}" for n in range(2_500)]
    holding([key(DAY, account) for account in accounts])
    assert len(bucket.listed(accounts=accounts[::500], start=DAY, end=DAY + 1)) == 5


def test_one_hundred_thousand_keys(holding, bucket, at):
    keys = [
        key(DAY + slot * 300, ANA, flow_log=f"fl-0{a}", unique=f"{n:08x}")
        for a in range(10) for slot in range(288) for n in range(35)
    ]  # fmt: skip
    holding(keys)
    before, began = psutil.Process().memory_info().rss, time.perf_counter()
    listing = at(bucket.name).list(None, None)
    assert len(listing.items) == len(keys) == 100_800
    assert time.perf_counter() - began < 20
    assert psutil.Process().memory_info().rss - before < 250 << 20


def test_a_part_of_a_crowded_day_takes_a_few_pages(holding, bucket):
    keys = [
        key(DAY + slot * 300, flow_log=f"fl-0{a}", unique=f"{n:08x}")
        for a in range(4) for slot in range(288) for n in range(25)
    ]  # fmt: skip
    held = holding(keys)
    start, end = DAY + 10 * HOUR, DAY + 11 * HOUR
    listed = bucket.listed(start=start, end=end)
    assert listed == [k for k in sorted(keys) if not files.outside(k, start, end)]
    # Down to the day; its first page; then to each flow log's hour, and on to the next flow log.
    assert len(held.requests) <= 7 + 1 + 2 * 4  # the day has 29 pages
    assert bucket.listed(start=start, end=end, flow_log_ids="fl-03") == listed[-len(listed) // 4 :]


_slots = st.integers(-30, 40).map(lambda n: DAY + DAYS + n * 1500)
_made = st.builds(
    key, _slots, st.sampled_from([ANA, BEN]), st.sampled_from(["eu-west-1", "us-east-1"]),
    st.sampled_from(["fl-0a", "fl-0b", "fl-0c"]), hive=st.booleans(), hourly=st.booleans(),
    unique=st.sampled_from("abc"),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    keys=st.sets(
        _made | st.sampled_from([f"AWSLogs/{ANA}/vpcflowlogs/x", "AWSLogs/y"]), max_size=40
    ),
    start=st.none() | st.integers(DAY + DAYS - 40_000, DAY + DAYS + 40_000),
    length=st.none() | st.integers(1, 100_000),
    accounts=st.sampled_from([(), (ANA,)]),
    flow_logs=st.sampled_from([(), ("fl-0b",), ("fl-0a", "fl-0c")]),
    most=st.integers(1, 5),
)
def test_pruning_folders_and_leaping_lose_nothing(keys, start, length, accounts, flow_logs, most):
    end = None if length is None else (DAY + DAYS if start is None else start) + length
    asked = Asked(frozenset(accounts), frozenset(), frozenset(flow_logs), start, end)
    answers = Keys(keys, most=most)
    found = Walk(_Client(answers), "b", "", asked).run()
    wanted = sorted(k for k in keys if not asked.key(k))
    assert not found.errors
    assert [entry.key for entry in found.objects] == wanted


class _Client:
    """As little of a client as a walk needs."""

    def __init__(self, answers):
        self._answers = answers

    def list_objects_v2(self, **request):
        from types import SimpleNamespace
        from urllib.parse import urlencode
        from xml.etree import ElementTree

        query = {"prefix": request["Prefix"], "delimiter": request.get("Delimiter"),
                 "start-after": request.get("StartAfter"),
                 "continuation-token": request.get("ContinuationToken")}  # fmt: skip
        url = "http://b/?" + urlencode({k: v for k, v in query.items() if v})
        answer = ElementTree.fromstring(self._answers(SimpleNamespace(url=url)).content)
        return {
            "IsTruncated": answer.findtext("IsTruncated") == "true",
            "NextContinuationToken": answer.findtext("NextContinuationToken"),
            "Contents": [
                {"Key": row.findtext("Key"), "Size": int(row.findtext("Size")), "ETag": '"e"'}
                for row in answer.iter("Contents")
            ],
            "CommonPrefixes": [
                {"Prefix": row.findtext("Prefix")} for row in answer.iter("CommonPrefixes")
            ],
        }


# --- arguments -----------------------------------------------------------------------------


def test_urls():
    place = S3.from_url("s3://acme-logs/team/vpc/", region="eu-west-1")
    assert (place.bucket, place.prefix) == ("acme-logs", "team/vpc/")
    assert str(place) == "s3://acme-logs/team/vpc/"
    assert place == S3.from_url(str(place), region="eu-west-1")
    assert S3.from_url("s3://acme-logs").prefix == ""
    assert S3.from_url("arn:aws-cn:s3:::acme-logs/vpc") == S3("acme-logs", "vpc")
    for wrong in ("cloudwatch://x", "s3://", "acme-logs", "https://acme-logs.s3.amazonaws.com/x"):
        with pytest.raises(FlowlabError, match="not an address in S3"):
            S3.from_url(wrong)


def test_places_that_are_alike_are_equal():
    a = S3("acme", "x", accounts=[ANA, BEN], region="eu-west-1")
    assert a == S3("acme", "x", accounts={BEN, ANA}, region="eu-west-1")
    assert len({a, S3("acme", "x", accounts=(BEN, ANA), region="eu-west-1"), S3("acme", "x")}) == 2
    assert a != "acme"
    assert repr(a) == f"S3('acme', 'x', accounts=['{ANA}', '{BEN}'], region='eu-west-1')"
    assert a.remote


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bucket": "s3://acme/x"}, "from_url"),
        ({"bucket": ""}, "not the name of a bucket"),
        ({"bucket": None}, "not the name of a bucket"),
        ({"accounts": [12]}, "accounts: 12 cannot be one"),
        ({"accounts": "1234"}, 'as in "111122223333"'),
        ({"regions": ["Ireland"]}, "regions: 'Ireland' cannot be one"),
        ({"flow_log_ids": "vpc-0a"}, 'as in "fl-'),
    ],
)
def test_arguments_that_mean_nothing(arguments, message):
    with pytest.raises(FlowlabError) as caught:
        S3(**{"bucket": "acme", **arguments})
    assert message in str(caught.value)


def test_nothing_there(bucket, at):
    bucket.put("vpc2/x.log")
    with pytest.raises(SourceError, match="no object's key begins with 'vpc/'"):
        at(bucket.name, "vpc").list(None, None)
    bucket.put("vpc/x.log", body=b"")
    with pytest.raises(SourceError, match="empty"):
        at(bucket.name, "vpc").list(None, None)


def test_a_period_without_objects_is_no_error(bucket, at):
    bucket.put(key(DAY))
    assert at(bucket.name).list(DAY + 9 * DAYS, DAY + 10 * DAYS).items == []


def test_what_an_item_gives_can_be_read_again(bucket, at):
    bucket.put("x/a.log", body=b"abc")
    item = at(bucket.name, "x").list(None, None).items[0]
    asked = []

    def note(params, **_):
        asked.append(params["IfMatch"])

    bucket.client.meta.events.register("provide-client-params.s3.GetObject", note)
    first, second = item.open(), item.open()
    bucket.client.meta.events.unregister("provide-client-params.s3.GetObject", note)
    assert asked == [f'"{item.identity.rpartition("#")[2]}"'] * 2
    assert isinstance(first, io.BytesIO)
    assert first.read() == second.read() == b"abc"


# --- what it must be allowed ---------------------------------------------------------------


def listing(policy, bucket, prefix):
    arn = f"arn:aws:s3:::{bucket}"
    return evaluate(policy, "s3:ListBucket", arn, {"s3:prefix": prefix})


def reading(policy, bucket, name, action="s3:GetObject"):
    return evaluate(policy, action, f"arn:aws:s3:::{bucket}/{name}", {"s3:prefix": None})


def test_the_policy_allows_the_prefix_and_nothing_else(no_aws_credentials):
    policy = S3("acme-logs", "team/vpc").read_policy()
    assert listing(policy, "acme-logs", "team/vpc/") == ALLOW
    assert listing(policy, "acme-logs", "team/vpc/AWSLogs/") == ALLOW
    assert reading(policy, "acme-logs", "team/vpc/AWSLogs/1/x.log.gz") == ALLOW
    for bucket, prefix in (
        ("acme-logs", "team/"), ("acme-logs", ""), ("acme-logs", "team/vpc2/"),
        ("acme-logs", "other/"), ("acme-logs2", "team/vpc/"), ("other", "team/vpc/"),
    ):  # fmt: skip
        assert listing(policy, bucket, prefix) == DENY
        assert reading(policy, bucket, prefix + "x.log.gz") == DENY
    for action in ("PutObject", "DeleteObject", "GetObjectAcl", "PutObjectAcl", "GetObjectVersion"):
        assert reading(policy, "acme-logs", "team/vpc/x", f"s3:{action}") == DENY
    for action in ("DeleteBucket", "PutBucketPolicy", "GetBucketPolicy", "ListBucketVersions"):
        arn, context = "arn:aws:s3:::acme-logs", {"s3:prefix": "team/vpc/"}
        assert evaluate(policy, f"s3:{action}", arn, context) == DENY
    assert evaluate(policy, "kms:Decrypt", "arn:aws:kms:eu-west-1:1:key/a") == DENY


def test_each_part_of_the_policy_is_needed(no_aws_credentials):
    policy = S3("acme-logs", "vpc").read_policy()
    for action, wanted in (("s3:ListBucket", (DENY, ALLOW)), ("s3:GetObject", (ALLOW, DENY))):
        left = [s for s in policy["Statement"] if s["Action"] != action]
        assert len(left) == 1
        without = {**policy, "Statement": left}
        assert (
            listing(without, "acme-logs", "vpc/"),
            reading(without, "acme-logs", "vpc/x"),
        ) == wanted


def test_the_policy_allows_every_request_that_is_made(bucket, at):
    keys = ["vpc/" + key(DAY), "vpc/" + key(DAY + 600, hive=True, hourly=True)]
    bucket.put(*keys)
    place = at(bucket.name, "vpc")
    policy, made = place.read_policy(), []
    for operation in ("ListObjectsV2", "GetObject", "HeadObject"):
        bucket.client.meta.events.register(
            f"provide-client-params.s3.{operation}",
            lambda params, model, **_: made.append((model.name, dict(params))),
            unique_id=operation,
        )
    try:
        for item in place.list(None, None).items + place.list(DAY, DAY + 900).items:
            item.open()
    finally:
        for operation in ("ListObjectsV2", "GetObject", "HeadObject"):
            bucket.client.meta.events.unregister(
                f"provide-client-params.s3.{operation}", unique_id=operation
            )
    assert {name for name, _ in made} == {"ListObjectsV2", "GetObject"}
    for name, params in made:
        if name == "ListObjectsV2":
            assert listing(policy, params["Bucket"], params["Prefix"]) == ALLOW
        else:
            assert reading(policy, params["Bucket"], params["Key"]) == ALLOW


def test_policies_for_a_whole_bucket_a_key_and_another_partition(no_aws_credentials):
    whole = S3("acme-logs").read_policy()
    assert listing(whole, "acme-logs", "") == reading(whole, "acme-logs", "x") == ALLOW
    arn = "arn:aws:kms:eu-west-1:111122223333:key/0a"
    encrypted = S3("acme-logs").read_policy(kms_key=arn)
    via = {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}
    assert evaluate(encrypted, "kms:Decrypt", arn, via) == ALLOW
    assert evaluate(encrypted, "kms:Decrypt", arn[:-1] + "b", via) == DENY
    assert evaluate(encrypted, "kms:Encrypt", arn, via) == DENY
    china = S3("acme-logs", region="cn-north-1").read_policy()["Statement"]
    assert all(s["Resource"].startswith("arn:aws-cn:s3:::acme-logs") for s in china)
    gov = S3("acme-logs", region="us-gov-west-1").read_policy()["Statement"]
    assert all(s["Resource"].startswith("arn:aws-us-gov:s3:::") for s in gov)


def test_a_star_in_a_prefix_is_not_a_wildcard(no_aws_credentials):
    policy = S3("acme-logs", "a*b").read_policy()
    assert reading(policy, "acme-logs", "a*b/x") == ALLOW
    assert reading(policy, "acme-logs", "axb/x") == DENY
