"""What AWS, the wire and other people do to a reader of S3: had if it can be, named if not."""

from __future__ import annotations

import _thread
import itertools
import threading
import time

import pytest
from aws.faults import (
    PASS,
    ChaosProxy,
    denied,
    raises,
    reset,
    response,
    script,
    slowdown,
    timeout,
    xmlerr,
)
from botocore import exceptions

from flowlab.errors import FlowlabError, SourceError
from flowlab.sources import aws, s3listing
from flowlab.sources.s3 import CONNECTIONS

KEYS = [
    f"AWSLogs/{account}/vpcflowlogs/eu-west-1/2026/11/01/"
    f"{account}_vpcflowlogs_eu-west-1_fl-0a_20261101T0{hour}00Z_0b1c2d3e.log.gz"
    for account in ("111122223333", "444455556666")
    for hour in (1, 2)
]
ANA, BEN = "AWSLogs/111122223333/", "AWSLogs/444455556666/"
SERVER_ERROR = xmlerr(500, "InternalError", "We encountered an internal error.")
DENIED_BY_KMS = xmlerr(
    403,
    "AccessDenied",
    "User: arn:aws:iam::111122223333:user/ana is not authorized to perform: kms:Decrypt on the "
    "resource associated with this ciphertext because no identity-based policy allows it",
)
EXPIRED = xmlerr(400, "ExpiredToken", "The provided token has expired.")
LOGIN = response(200, b"<html>Please sign in</html>", {"Content-Type": "text/html"})


@pytest.fixture
def filled(bucket):
    bucket.put(*KEYS, body=b"0123456789" * 200)
    return bucket


@pytest.fixture
def item(filled, at):
    return at(filled.name).list(None, None).items[0]


def unreadable(item):
    with pytest.raises(aws.UnreadableError) as caught:
        item.open()
    # Nothing of botocore's, and with it no signed request, hangs on it.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "\n" not in caught.value.reason
    return caught.value.reason


def about(folder):
    return lambda request: folder.replace("/", "%2F") in request.url


# --- what passes by itself -----------------------------------------------------------------


@pytest.mark.parametrize(
    "faults",
    [[slowdown()] * 4, [SERVER_ERROR] * 4, [reset()] * 4, [timeout()], [PASS, slowdown(), PASS]],
    ids=["throttled", "500", "reset", "timeout", "later"],
)
def test_what_passes_by_itself_is_not_seen(filled, at, no_sleep, faults):
    with (
        script(filled.client, "ListObjectsV2", faults) as listing,
        script(filled.client, "GetObject", faults) as reading,
    ):
        found = at(filled.name).list(None, None)
        bodies = [one.open().read() for one in found.items]
    assert [one.name for one in found.items] == [f"s3://{filled.name}/{k}" for k in KEYS]
    assert bodies == [b"0123456789" * 200] * 4
    assert found.problems == []
    assert listing.calls > len(faults)
    assert reading.calls > len(faults)


@pytest.mark.parametrize("rule", [("cut", 700), ("rst",)], ids=["cut mid-body", "reset"])
def test_a_connection_lost_while_reading(filled, at, aws_server, no_sleep, rule):
    host, port = aws_server.removeprefix("http://").split(":")
    with ChaosProxy(host, int(port), [(r"GET /[^?]*\.gz", rule, 3)]) as proxy:
        place = at(filled.name, endpoint_url=proxy.url)
        assert place.list(None, None).items[0].open().read() == b"0123456789" * 200
    actions = [action for line, action in proxy.log if ".gz" in line]
    assert actions == [rule, rule, rule, None]


def test_a_connection_lost_while_listing(filled, at, aws_server, no_sleep):
    host, port = aws_server.removeprefix("http://").split(":")
    with ChaosProxy(host, int(port), [("list-type", ("cut", 150), 2)]) as proxy:
        found = at(filled.name, endpoint_url=proxy.url).list(None, None)
    assert len(found.items) == 4
    assert sum(bool(action) for _, action in proxy.log) == 2


def test_the_wrong_region_is_found_by_itself(filled, at):
    away = xmlerr(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-central-1"})
    with script(filled.client, "ListObjectsV2", [away]):
        assert len(at(filled.name).list(None, None).items) == 4


# --- what cannot be listed -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (denied(), ["AccessDenied", "s3:ListBucket", "fl.read_policy"]),
        (EXPIRED, ["ExpiredToken", "sign-in has expired", "aws sso login"]),
        (SERVER_ERROR, ["InternalError", "10 attempts", "ask again"]),
        (slowdown(), ["SlowDown", "too many requests"]),
        (LOGIN, ["not S3's", "sign-in page"]),
    ],
    ids=["denied", "expired", "500", "throttled", "sign-in page"],
)
def test_one_folder_that_cannot_be_listed(filled, at, no_sleep, fault, told):
    with script(filled.client, "ListObjectsV2", [fault], match=about(BEN), forever=True):
        found = at(filled.name).list(None, None)
    assert [one.name for one in found.items] == [f"s3://{filled.name}/{k}" for k in KEYS[:2]]
    (problem,) = found.problems
    assert problem.name == f"s3://{filled.name}/{BEN}"
    assert all(part in problem.reason for part in told)
    assert "\n" not in problem.reason


def test_the_token_expires_in_the_middle(filled, at):
    calls = itertools.count()
    with script(
        filled.client, "ListObjectsV2", [EXPIRED], lambda _: next(calls) >= 12, forever=True
    ):
        found = at(filled.name).list(None, None)
    missing = [k for k in KEYS if f"s3://{filled.name}/{k}" not in {i.name for i in found.items}]
    assert missing
    for one in missing:
        assert any(f"s3://{filled.name}/{one}".startswith(p.name) for p in found.problems)


@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [
        (denied(), aws.AccessError, ["s3:ListBucket", "Access Denied"]),
        (EXPIRED, aws.AccessError, ["sign-in has expired", "aws configure", "aws sso login"]),
        (xmlerr(403, "InvalidAccessKeyId"), aws.AccessError, ["does not know these credentials"]),
        (xmlerr(403, "SignatureDoesNotMatch"), aws.AccessError, ["key and secret do not match"]),
        (
            xmlerr(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-central-1"}),
            FlowlabError,
            ["the bucket is in eu-central-1", "region='eu-central-1'"],
        ),
        (
            xmlerr(400, "AuthorizationHeaderMalformed", more="<Region>ap-south-1</Region>"),
            FlowlabError,
            ["the bucket is in ap-south-1", "region='ap-south-1'"],
        ),
        (
            xmlerr(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'sa-east-1'"),
            FlowlabError,
            ["region='sa-east-1'"],
        ),
        (raises(exceptions.EndpointConnectionError), FlowlabError, ["cannot be reached", "proxy"]),
        (LOGIN, FlowlabError, ["not S3's"]),
    ],
    ids=["denied", "expired", "unknown key", "signature", "redirect", "malformed", "expecting",
         "no network", "sign-in page"],
)  # fmt: skip
def test_nothing_can_be_listed(filled, at, no_sleep, fault, kind, told):
    with (
        script(filled.client, "ListObjectsV2", [fault], forever=True),
        script(filled.client, "HeadBucket", [fault], forever=True),  # botocore looks for regions
        pytest.raises(kind) as caught,
    ):
        at(filled.name).list(None, None)
    assert all(part in str(caught.value) for part in told)
    assert caught.value.__context__ is None


def test_no_such_bucket(at):
    with pytest.raises(SourceError, match="NoSuchBucket.*\n.*misspelled.*\n.*aws s3 ls"):
        at("no-such-bucket-here").list(None, None)


@pytest.mark.parametrize("ahead", [4000, -4000])
def test_a_clock_that_is_off(filled, at, no_sleep, ahead):
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - ahead))
    skewed = xmlerr(403, "RequestTimeTooSkewed", Date=date)
    with (
        script(filled.client, "ListObjectsV2", [skewed], forever=True),
        pytest.raises(FlowlabError) as caught,
    ):
        at(filled.name).list(None, None)
    which = "ahead of" if ahead > 0 else "behind"
    assert any(f"{n} seconds {which} AWS's" in str(caught.value) for n in (3999, 4000, 4001))
    assert "set the clock" in str(caught.value)


# --- listings that do not end --------------------------------------------------------------


def page(*keys, token="", truncated=None):
    rows = "".join(f"<Contents><Key>{k}</Key><Size>9</Size></Contents>" for k in keys)
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    truncated = str(bool(token) if truncated is None else truncated).lower()
    text = (
        f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{rows}</ListBucketResult>"
    )
    return response(200, text.encode(), {"Content-Type": "application/xml"})


@pytest.mark.parametrize(
    ("pages", "told"),
    [
        ([page("x/a", token="t"), page("x/b", token="t")], "repeats its place"),
        ([page("x/a", "x/b", token="t"), page("x/a", token="u")], "gave before"),
        ([page("x/a")], None),
        ([page("x/a", truncated=True)], "breaks off"),
        ([page("x/a", token="t1"), *(page(token=f"t{n}") for n in range(2, 60))], "does not end"),
    ],
    ids=["token twice", "keys twice", "one page", "no token", "empty pages"],
)
def test_endless_pages(bucket, at, monkeypatch, pages, told):
    monkeypatch.setattr(s3listing, "MOST_PAGES", 50)
    with script(bucket.client, "ListObjectsV2", pages) as played:
        found = at(bucket.name, "x").list(None, None)
    assert played.calls <= 50
    names = [one.name.rpartition("/")[2] for one in found.items]
    assert len(names) == len(set(names))  # what was had is kept, once
    assert names[0] == "a"
    if told is None:
        assert found.problems == []
    else:
        assert told in found.problems[0].reason
        assert found.problems[0].name == f"s3://{bucket.name}/x/"


def test_empty_pages_with_a_token_are_no_end(bucket, at):
    pages = [page(token="1"), page("x/a", token="2"), page(token="3"), page("x/b")]
    with script(bucket.client, "ListObjectsV2", pages):
        found = at(bucket.name, "x").list(None, None)
    assert [one.name[-1] for one in found.items] == ["a", "b"]
    assert found.problems == []


# --- what cannot be read -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (denied(), ["AccessDenied", "s3:GetObject"]),
        (DENIED_BY_KMS, ["KMS key", "kms:Decrypt", "the owner of the key"]),
        (xmlerr(400, "KMS.DisabledException"), ["disabled", "owner of the key"]),
        (EXPIRED, ["sign-in has expired"]),
        (xmlerr(403, "InvalidObjectState"), ["Glacier", "restore-object"]),
        (xmlerr(404, "NoSuchKey"), ["deleted between listing and reading"]),
        (SERVER_ERROR, ["AWS has trouble"]),
        (slowdown(), ["too many requests"]),
        (reset(), ["connection broke"]),
    ],
    ids=["denied", "KMS", "KMS off", "expired", "Glacier", "gone", "500", "throttled", "reset"],
)
def test_an_object_that_cannot_be_read(filled, item, no_sleep, fault, told):
    with script(filled.client, "GetObject", [fault], forever=True):
        why = unreadable(item)
    assert all(part in why for part in told)
    assert len(item.open().read()) == 2000  # and when it can be again, it is


def test_deleted_between_listing_and_reading(filled, item):
    filled.client.delete_object(Bucket=filled.name, Key=KEYS[0])
    assert "deleted between listing and reading" in unreadable(item)


def test_changed_between_listing_and_reading(filled, item):
    filled.put(KEYS[0], body=b"another")
    why = unreadable(item)
    assert "changed while being read: 2,000 bytes when listed, 7 bytes now" in why


def test_changed_and_then_deleted(filled, item):
    with script(filled.client, "GetObject", [xmlerr(412, "PreconditionFailed")]):
        filled.client.delete_object(Bucket=filled.name, Key=KEYS[0])
        assert "deleted between listing and reading" in unreadable(item)


def test_changed_in_a_store_that_does_not_know_ifmatch(filled, item):
    other = response(200, b"0123456789" * 200, {"ETag": '"another"', "Content-Length": "2000"})
    with script(filled.client, "GetObject", [other]):
        assert "changed while being read" in unreadable(item)


def test_a_body_that_is_always_cut(filled, at, aws_server, no_sleep):
    host, port = aws_server.removeprefix("http://").split(":")
    with ChaosProxy(host, int(port), [(r"GET /[^?]*\.gz", ("cut", 700), 99)]) as proxy:
        first = at(filled.name, endpoint_url=proxy.url).list(None, None).items[0]
        why = unreadable(first)
    assert "700 bytes read, 1300 more expected" in why
    assert "tried 4 times" in why
    assert sum(".gz" in line for line, _ in proxy.log) == 4


def test_a_body_shorter_than_the_listing_says(filled, item, no_sleep):
    etag = item.identity.rpartition("#")[2]
    short = response(200, b"01234", {"ETag": f'"{etag}"', "Content-Length": "5"})
    with script(filled.client, "GetObject", [short], forever=True) as played:
        assert "5 of its 2,000 bytes arrived; tried 4 times" in unreadable(item)
    assert played.calls == 4
    with script(filled.client, "GetObject", [short]):
        assert len(item.open().read()) == 2000


# --- who asks ------------------------------------------------------------------------------


def test_no_credentials_at_all(no_aws_credentials):
    from flowlab.sources.s3 import S3

    with pytest.raises(aws.AccessError) as caught:
        S3("acme-logs").list(None, None)
    told = str(caught.value)
    assert all(way in told for way in ("aws configure", "aws sso login --profile", "environment"))
    assert caught.value.__context__ is None


def test_no_message_holds_a_credential(filled, at, item, no_sleep, secrets):
    place = at(filled.name)
    hidden = f"<AWSAccessKeyId>{secrets.key}</AWSAccessKeyId><Token-0>{secrets.token}</Token-0>"
    texts = [repr(place), str(place), item.name, item.identity, repr(item)]
    codes = ["ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied",
             "NoSuchKey", "SlowDown", "PermanentRedirect", "InvalidObjectState", "NeverHeardOf",
             secrets.key]  # fmt: skip
    for name in codes:
        fault = xmlerr(400, name, f"{secrets.key} {secrets.secret} {secrets.token}", hidden)
        with (
            script(filled.client, "ListObjectsV2", [fault], about(BEN), forever=True),
            script(filled.client, "GetObject", [fault], forever=True),
            script(filled.client, "HeadBucket", [fault], forever=True),
        ):
            texts += [problem.reason for problem in place.list(None, None).problems]
            texts.append(unreadable(item))
        with (
            script(filled.client, "ListObjectsV2", [fault], forever=True),
            script(filled.client, "HeadBucket", [fault], forever=True),
            pytest.raises(FlowlabError) as caught,
        ):
            place.list(None, None)
        texts += [str(caught.value), repr(caught.value), str(caught.value.args)]
    assert len(texts) > 5 * len(codes)
    shown = "\n".join(texts)
    assert not [secret for secret in secrets if secret in shown or secret[:20] in shown]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_a_listing_at_once(filled, at):
    slow, asked = threading.Event(), threading.Event()

    def wait(request):
        asked.set()
        slow.wait(10)

    def interrupt():
        asked.wait(10)
        time.sleep(0.1)
        _thread.interrupt_main()

    timer = threading.Thread(target=interrupt)
    with script(filled.client, "ListObjectsV2", [wait], forever=True):
        timer.start()
        began = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            at(filled.name).list(None, None)
        assert time.perf_counter() - began < 1
        slow.set()
    timer.join()


def test_reads_share_one_client(at, filled):
    place = at(filled.name)
    assert place.access.client("s3", connections=CONNECTIONS) is filled.client
