"""Ids, names and texts: consistent, of the same shape, and nothing of the original left."""

from __future__ import annotations

import copy
import fnmatch
import pickle
import re
from ipaddress import ip_address

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flowlab.anonymization.keyed import Anonymizer
from flowlab.errors import FlowlabError

KEY = "a secret of the tests"
ACCOUNT = "123456789010"
ENI = "eni-0a1b2c3d4e5f60718"


@pytest.fixture
def hidden():
    return Anonymizer(KEY)


def shape(text):
    text = re.sub(r"[A-Z]", "A", re.sub(r"[a-z]", "a", text))
    return re.sub(r"\d", "9", text)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (ACCOUNT, r"\d{12}"),
        ("000123456789", r"\d{12}"),
        (ENI, r"eni-0[0-9a-f]{16}"),
        ("i-1234abcd", r"i-[0-9a-f]{8}"),
        ("tgw-attach-0123456789abcdef0", r"tgw-attach-0[0-9a-f]{16}"),
        ("vpc-0aa", r"vpc-\d[a-z]{2}"),
        ("0123456789abcdef0123456789abcdef", r"0[0-9a-f]{31}"),
        ("0a1b2c3d-1234-5678-9abc-0123456789ab", r"0[0-9a-f]{7}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ("Web Server_7.b@x", r"[A-Z][a-z]{2} [A-Z][a-z]{5}_\d\.[a-z]@[a-z]"),
        ("Env%3DM%C3%BCller%20%26%20Co", r"[A-Z][a-z]{2}%3D[A-Z]%[CD][0-9A-F]%[89AB][0-9A-F][a-z]{4}%20%26%20[A-Z][a-z]"),
        ("db-7.internal.example.com", r"[a-z]{2}-\d\.[a-z]{8}\.[a-z]{7}\.[a-z]{3}"),
        ("logs-123456789010-us-east-1", r"[a-z]{4}-\d{12}-us-east-1"),
    ],
)  # fmt: skip
def test_shape_is_kept_and_the_name_is_not(hidden, name, form):
    image = hidden.id(name)
    assert re.fullmatch(form, image)
    assert image != name


@pytest.mark.parametrize(
    "text", ["unknown", "", "-", "*", "us-east-1", "us-gov-west-1a", "use1-az1", "ec2.internal"]
)
def test_what_names_nobody_stays(hidden, text):
    assert hidden.id(text) == text


def test_an_arn_part_by_part(hidden):
    task = "0123456789abcdef0123456789abcdef"
    arn = f"arn:aws-us-gov:ecs:us-gov-west-1:{ACCOUNT}:task/shop-prod/{task}"
    assert hidden.id(arn) == (
        f"arn:aws-us-gov:ecs:us-gov-west-1:{hidden.id(ACCOUNT)}:"
        f"task/{hidden.id('shop-prod')}/{hidden.id(task)}"
    )


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:s3:::role/app", "arn:aws:s3:::{role}/{app}"),  # a bucket of that name
        ("arn:aws:s3:::shop-logs", "arn:aws:s3:::{shop-logs}"),
        ("arn:aws:iam::123456789010:root", "arn:aws:iam::{123456789010}:root"),
        ("arn:aws:iam::aws:policy/X", "arn:aws:iam::aws:policy/{X}"),
        ("arn:aws:logs:eu-west-1:123456789010:log-group:shop:log-stream:eni-1-all",
         "arn:aws:logs:eu-west-1:{123456789010}:log-group:{shop}:log-stream:{eni-1-all}"),
        ("arn:aws:sns:eu-west-1:123456789010:secret", "arn:aws:sns:eu-west-1:{123456789010}:{secret}"),
        ("arn:aws:elasticloadbalancing:eu-west-1:123456789010:loadbalancer/app/front/50dc6c495c0c9188",
         "arn:aws:elasticloadbalancing:eu-west-1:{123456789010}:loadbalancer/app/{front}/{50dc6c495c0c9188}"),
    ],
)  # fmt: skip
def test_types_stay_in_arns_and_names_do_not(hidden, arn, expected):
    assert hidden.id(arn) == re.sub(r"\{(.*?)\}", lambda m: hidden.id(m[1]), expected)


def test_one_thing_has_one_image_wherever_it_stands(hidden):
    account, address = hidden.id(ACCOUNT), hidden.address("10.0.1.5")
    key = f"AWSLogs/{ACCOUNT}/vpcflowlogs/eu-west-1/2026/09/01/{ACCOUNT}_vpcflowlogs_eu-west-1_fl-0123456789abcdef0_20260901T0000Z_"
    assert hidden.id(key) == key.replace(ACCOUNT, account).replace(
        "fl-0123456789abcdef0", hidden.id("fl-0123456789abcdef0")
    )
    assert hidden.id("ip-10-0-1-5.ec2.internal") == f"ip-{address.replace('.', '-')}.ec2.internal"
    assert hidden.id(f"{ENI}-all").startswith(hidden.id(ENI))
    assert hidden.id("my%2Dapp") == hidden.id("my-app").replace("-", "%2D")
    assert hidden.id("10.0.1.5") == address
    assert hidden.id("web 2001:db8::7").split()[1] == hidden.address("2001:db8::7")


def test_a_sentence_keeps_its_words(hidden):
    hidden.id("shop-web 1"), hidden.id("prod"), hidden.id("7"), hidden.id("at")
    text = (
        f"At 12:34:56, ENI {ENI} of shop-web 1 (10.0.1.5, account {ACCOUNT}) sent 123456789010 "
        f"bytes to 198.51.100.7:443 and [2001:db8::7]:443 at 7; 2001:db8::7: refused. "
        f"Production of prod, s3://shop-logs/x, 10.0.0.0/16."
    )
    account = hidden.id(ACCOUNT)
    hidden = Anonymizer(KEY)  # that has not been asked for the account on its own
    names = {n: hidden.id(n) for n in ("shop-web 1", "prod", "7", "at")}
    expected = text.replace(ENI, Anonymizer(KEY).id(ENI)).replace("shop-web 1", names["shop-web 1"])
    expected = expected.replace(f"account {ACCOUNT}", f"account {account}")
    expected = expected.replace("of prod,", f"of {names['prod']},")
    for address in ("10.0.1.5", "198.51.100.7", "2001:db8::7", "10.0.0.0/16"):
        expected = expected.replace(address, Anonymizer(KEY).address(address))
    expected = expected.replace("s3://shop-logs/x", Anonymizer(KEY).id("s3://shop-logs/x"))
    assert hidden.text(text) == expected


def test_an_account_that_is_known_is_found_in_sentences(hidden):
    image = hidden.id(f"arn:aws:iam::{ACCOUNT}:role/flow").split(":")[4]
    assert hidden.text(f"x {ACCOUNT}_vpcflowlogs 9{ACCOUNT}") == f"x {image}_vpcflowlogs 9{ACCOUNT}"


def test_a_known_name_within_an_arn_does_not_cut_it_in_two(hidden):
    hidden.id("prod")
    arn = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:task/prod/0123456789abcdef0123456789abcdef"
    assert hidden.text(f"of {arn}.") == f"of {hidden.id(arn)}."


def test_patterns_still_match(hidden):
    """What IAM policies need: a word's beginning maps to the beginning, a word to the word."""
    names = ["flow-logs-prod", "flow-logs", "flowers", "other-logs", "prod-flow"]
    for pattern in ("flow*", "flow-*", "*-logs", "flow-l*", "*"):
        for name in names:
            matched = fnmatch.fnmatchcase(name, pattern)
            assert fnmatch.fnmatchcase(hidden.words(name), hidden.words(pattern)) == matched
    assert hidden.hexadecimal("0a1b2c3d").startswith(hidden.hexadecimal("0a1b"))


_names = st.text("abcxyzABC0189-_ ./äßЖ漢🚀", min_size=1, max_size=14)


@given(st.sets(_names, min_size=2, max_size=30))
@settings(deadline=None, max_examples=100)
def test_words_are_a_bijection_that_keeps_beginnings(names):
    hidden = Anonymizer(KEY)
    made = {name: hidden.words(name) for name in names}
    assert len(set(made.values())) == len(names)
    for name, image in made.items():
        assert shape(image) == shape(name) or not name.isascii()
        assert len(image.encode()) == len(name.encode())
        for old, new in zip(name, image, strict=True):
            assert (old == new) == (old in "-_ ./")


@given(st.sets(st.from_regex(r"[0-9a-f]{17}", fullmatch=True), min_size=2, max_size=30))
@settings(deadline=None, max_examples=100)
def test_ids_are_a_bijection(numbers):
    hidden = Anonymizer(KEY)
    made = {hidden.id(f"eni-{number}") for number in numbers}
    assert len(made) == len(numbers)
    assert all(re.fullmatch("eni-[0-9a-f]{17}", image) for image in made)


@given(st.ip_addresses(), st.sampled_from(["at {}", "({})", "{}, x", "[{}]:443", "x={}", "{}."]))
@settings(deadline=None, max_examples=100)
def test_every_address_is_found_in_a_sentence(address, sentence):
    hidden = Anonymizer(KEY)
    image = hidden.address(str(address))
    assert ip_address(image)
    assert hidden.text(sentence.format(address)) == sentence.format(image)


@given(_names)
@settings(deadline=None, max_examples=100)
def test_percent_encoding_changes_nothing(name):
    from urllib.parse import quote

    assume(not re.fullmatch(r"[\d.]+", name))
    hidden = Anonymizer(KEY)
    encoded = quote(name, safe="")
    assert hidden.id(encoded) == quote(hidden.id(name), safe="")


def test_half_escapes_are_text(hidden):
    for name in ("100%", "50%ab", "%FF%FE", "%zz"):
        assert shape(hidden.id(name)) == shape(name)


def test_same_key_same_images_another_key_others():
    for name in (ACCOUNT, ENI, "shop-web", "203.0.113.7", "2001:db8::7"):
        text, again, data = Anonymizer("k"), Anonymizer("k"), Anonymizer(b"k")
        assert text.id(name) == again.id(name) == data.id(name)
        assert len({Anonymizer(f"k{n}").id(name) for n in range(6)}) > 1
    assert Anonymizer().id(ENI) != Anonymizer().id(ENI)


def test_images_stay_the_same_in_later_versions():
    """A report of last year must fit one of today: never change these."""
    hidden = Anonymizer("k")
    assert hidden.id(ENI) == "eni-0fc762b751e3e7a39"
    assert hidden.id("my-logs-123456789012") == "dc-utcn-070097915305"
    assert hidden.address("198.51.100.7") == "198.51.33.232"
    assert hidden.address("2001:db8::1") == "27fe:8c39:e1:80c0:391f:ff02:8:77fe"
    assert hidden.shift().days == -1912


def test_pairs_tell_what_was_mapped(hidden):
    hidden.id(f"arn:aws:s3:::shop-logs/AWSLogs/{ACCOUNT}/")
    hidden.address("203.0.113.7"), hidden.address("127.0.0.1"), hidden.id("unknown")
    pairs = hidden.pairs()
    assert {"shop-logs", ACCOUNT, "203.0.113.7"} <= set(pairs)
    assert not {"127.0.0.1", "unknown", "AWSLogs"} & set(pairs)
    assert all(hidden.id(name) == image for name, image in pairs.items())


def test_the_key_is_nowhere(hidden):
    for show in (repr, str):
        assert KEY not in show(hidden)
    assert KEY not in repr(vars(hidden)) + repr(vars(hidden._ids)) + repr(vars(hidden._addresses))
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(FlowlabError, match="cannot be copied or saved"):
            attempt(hidden)


@pytest.mark.parametrize(("key", "said"), [("", "empty"), (b"", "empty"), (7, "not int")])
def test_keys_that_are_none(key, said):
    with pytest.raises(FlowlabError, match=said):
        Anonymizer(key)


def test_marks_tell_texts_apart_and_depend_on_the_key(hidden):
    assert hidden.mark("one") == Anonymizer(KEY).mark("one")
    assert re.fullmatch("[0-9a-f]{32}", hidden.mark("one"))
    marks = {one.mark(text) for one in (hidden, Anonymizer("another")) for text in ("one", "two")}
    assert len(marks) == 4
