"""Reports: what stands in them, that it is true, and that nothing else does."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

import nbformat
import pandas as pd
import pytest
from lines import GOOD, HEADER, NODATA, SKIPDATA, TEMPLATE, read, text

import flowlab as fl
from flowlab.errors import FlowlabError, MissingFieldError, UnknownNameError
from flowlab.reports.composing import report
from flowlab.reports.leaks import LeakError
from flowlab.reports.sections import SECTIONS
from flowlab.rulebook import NAMED

KEY = "a secret of the tests"
HOSTILE = '</script><img src=x onerror=alert(1)>\u202egnp\x1b[31m"&amp;' + "x" * 3000


class Page(HTMLParser):
    """What a browser makes of a page: elements, attributes, text."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.ids: list[str] = []
        self.feed(data.decode())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.texts.append(data)

    def every(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def sample():
    return fl.sample_flows()


@pytest.fixture(scope="module")
def small(sample):
    """An hour of the sample."""
    flows, ledger = sample
    hour = flows[flows["start"].between("2026-03-02 02:00Z", "2026-03-02 03:00Z")]
    return hour.reset_index(drop=True), ledger


@pytest.fixture(scope="module")
def whole(sample, tmp_path_factory):
    flows, ledger = sample
    path = tmp_path_factory.mktemp("report") / "friday.html"
    rules = ["dns", "ntp", fl.rule("office", addr="203.0.113.240", why="the boss")]
    assert report(flows, path, ledger=ledger, rules=rules, title="Friday") == path
    return path.read_bytes()


def written(flows, tmp_path, name="r.html", **options):
    return report(flows, tmp_path / name, **options).read_bytes()


def test_the_page_asks_for_nothing_and_runs_one_script(whole):
    page = Page(whole)
    assert len(whole) < 1_500_000
    policy = next(a["content"] for a in page.every("meta") if "http-equiv" in a)
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    for name, attrs in page.elements:
        assert "style" not in attrs, name
        assert not any(key.startswith("on") for key in attrs), name
        for key in ("src", "href"):
            assert attrs.get(key, "#").startswith(("#", "data:image/png;base64,")), (name, attrs)
    kinds = [attrs.get("type") for attrs in page.every("script")]
    assert kinds.count(None) == 1
    assert set(kinds) == {None, "application/json"}


def test_every_section_says_what_it_cannot_show(whole):
    page = Page(whole)
    shown = [name for name in SECTIONS if name != "comparison"]
    assert [one for one in page.ids if one in SECTIONS] == shown
    assert page.text.count("What this cannot show") == len(shown)
    links = [a["href"] for a in page.every("a")]
    assert links[: len(shown)] == [f"#{name}" for name in shown]
    assert all(section.cannot for section in SECTIONS.values())


def test_numbers_are_those_of_other_means(whole, sample):
    """pandas counts again what the report says."""
    flows, ledger = sample
    port = {53, 853, 5353}
    asked = flows["srcport"].isin(port) | flows["dstport"].isin(port)
    ntp = ((flows["srcport"] == 123) | (flows["dstport"] == 123)) & (flows["protocol"] == 17)
    office = (flows["srcaddr"] == "203.0.113.240") | (flows["dstaddr"] == "203.0.113.240")
    kept = flows[~(asked | ntp | office)]
    said = Page(whole).text
    assert f"{len(kept):,} flow records, 2026-03-02 00:00:00 to 2026-03-02 23:59:59 UTC." in said
    assert f"{len(flows) - len(kept):,} of {len(flows):,} records were set aside" in said
    assert f"{kept['bytes'].sum():,}" in said
    assert f"{(kept['action'] == 'REJECT').sum():,} (" in said
    assert f"{ledger.lines:,} lines, 0 rejected, {ledger.nodata:,} NODATA, 4 SKIPDATA" in said
    sent = kept.groupby("srcaddr")["bytes"].sum()
    both = sent.add(kept.groupby("dstaddr")["bytes"].sum(), fill_value=0)
    first = both.sort_values(ascending=False).index[0]
    assert f"{first} had most: {both.max() / 1e9:.3g} GB" in said
    assert "office" in said
    assert "the boss" in said


def test_pictures_have_words_and_a_table(whole):
    images = Page(whole).every("img")
    assert len(images) >= 7
    for image in images:
        assert re.match(r"Bar chart of .+ by .+|Stacked chart", image["alt"])
        assert image["width"].isdigit()


@pytest.mark.parametrize("name", ["r.html", "r.ipynb"])
@pytest.mark.parametrize("hidden", [{}, {"anonymize": True, "key": KEY}], ids=["plain", "hidden"])
def test_the_same_records_in_any_order_give_the_same_bytes(small, tmp_path, name, hidden):
    flows, ledger = small
    shuffled = flows.sample(frac=1, random_state=3).reset_index(drop=True)
    options = {"sections": ["talkers", "exclusions", "coverage"], "ledger": ledger, **hidden}
    one, other = (written(frame, tmp_path, name, **options) for frame in (flows, shuffled))
    assert one == other


def test_an_archive_gives_the_same_report_as_its_frame(small, tmp_path):
    flows, _ = small
    flows.to_parquet(tmp_path / "logs.parquet")
    archive = fl.open_archive(tmp_path)
    sections = ["totals", "rejected"]
    frame, parquet = (
        written(one, tmp_path, sections=sections, ledger=None, rules="dns").decode()
        for one in (flows, archive)
    )
    assert frame.replace("DataFrame", "Archive") == parquet


def test_a_changed_record_changes_the_fingerprint(small, tmp_path):
    flows, _ = small
    changed = flows.copy()
    changed.loc[7, "dstport"] = changed.loc[7, "dstport"] + 1
    marks = {
        re.search(r"\b[0-9a-f]{32}\b", written(one, tmp_path, sections="basis").decode())[0]
        for one in (flows, flows.iloc[1:], changed, flows.drop(columns="type"))
    }
    assert len(marks) == 4


def test_period_and_zone(sample, tmp_path):
    flows, ledger = sample
    data = written(
        flows, tmp_path, ledger=ledger, start="2026-03-02 02:00", end="2026-03-02 03:00",
        tz="Europe/Madrid", sections=["totals", "over_time"],
    )  # fmt: skip
    said = Page(data).text
    inside = flows["start"].between("2026-03-02 02:00Z", "2026-03-02 03:00Z", inclusive="left")
    first = flows.loc[inside, "start"].min() + pd.Timedelta("1h")  # Madrid's clock in winter
    assert f"{inside.sum():,} flow records, {first:%Y-%m-%d %H:%M:%S} to 2026-03-02 04:" in said
    assert "from 2026-03-02 03:00:00 up to, but without, 2026-03-02 04:00:00 Europe/Madrid" in said
    assert "time (Europe/Madrid)" in said


def test_coverage_counts_silent_enis_and_lost_windows(tmp_path):
    quiet = NODATA.replace(b"eni-1235b8ca123456789", b"eni-0f00000000000000f")
    flows, ledger = read(text(HEADER, GOOD, quiet, quiet, SKIPDATA, NODATA))
    data = written(flows, tmp_path, ledger=ledger, sections="coverage")
    said = Page(data).text
    assert "1 ENI recorded traffic, 2 had only windows without any." in said
    assert "in 1 window at 1 ENI (SKIPDATA)" in said
    without = Page(written(flows, tmp_path, sections="coverage")).text
    assert "NODATA and SKIPDATA are not known" in without
    assert "in 1 window" not in without


def test_compared_with_before(small, tmp_path):
    from flowlab.comparing import compare

    flows, _ = small
    late = flows["start"] >= flows["start"].quantile(0.5)
    before, after = (flows[part].reset_index(drop=True) for part in (~late, late))
    sentences = compare(before, after).sentences
    plain, hidden = (
        written(after, tmp_path, sections="comparison", before=before, **options)
        for options in ({}, {"anonymize": True, "key": KEY})
    )
    assert all(sentence in Page(plain).text for sentence in sentences)
    assert len(Page(plain).every("table")) == len(Page(hidden).every("table")) > 2
    address = re.compile(r"\b(?:198\.51\.100|203\.0\.113|10\.0\.\d)\.\d+\b")
    assert address.search(Page(plain).text)
    assert not address.search(Page(hidden).text)
    assert "the records have no column scope" in Page(hidden).text  # flowlab's own words stay


def test_no_records_at_all(sample, tmp_path):
    flows, ledger = sample
    for name in ("r.html", "r.ipynb"):
        data = written(flows, tmp_path, name, ledger=ledger, start="2030-01-01").decode()
        assert "There are no records in this period." in data.replace("\\\\.", ".")
    # Whatever the format: without columns to answer from, too.
    none = flows.iloc[:0][["srcaddr", "bytes"]]
    assert b"There are no records" in written(none, tmp_path)


def test_records_without_a_moment(small, tmp_path):
    moments = small[0][["start", "end"]]
    never = small[0].assign(**moments.where(moments.isna()))
    assert "No record says when it was." in Page(written(never, tmp_path)).text


@pytest.mark.parametrize(
    ("section", "lacking"),
    [
        ("over_time", "start"), ("talkers", "srcaddr"), ("services", "dstport"),
        ("conversations", "protocol"), ("rejected", "action"), ("coverage", "interface-id"),
        ("impossible_traffic", "dstaddr"),
    ],
)  # fmt: skip
def test_a_section_says_what_is_missing(small, tmp_path, section, lacking):
    flows, ledger = small
    left = flows.drop(columns=lacking.replace("-", "_"))
    said = Page(written(left, tmp_path, ledger=ledger, sections=["totals", section])).text
    assert "Not told by these records." in said
    assert re.search(rf"does not include the AWS fields? ([\w-]+ \(version 2\), )*{lacking} ", said)
    assert f"{len(flows):,} flow records" in said


def test_records_without_sizes_are_ranked_by_their_number(small, tmp_path):
    left = small[0][["srcaddr", "dstaddr", "srcport", "dstport", "protocol"]].head(300)
    page = Page(written(left, tmp_path))
    assert "300 flow records, without times." in page.text
    assert "Bar chart of flow records by address" in " ".join(a["alt"] for a in page.every("img"))
    assert "5 of AWS's 54 fields, up to version 2: srcaddr dstaddr" in page.text


@pytest.mark.parametrize("name", ["r.html", "r.ipynb"])
def test_hostile_text_stays_text(tmp_path, name):
    lines = [TEMPLATE.format("198.51.100.7", "10.0.1.5", 51544 + n, 443) for n in range(40)]
    flows, ledger = read(text(HEADER, *(line.encode() for line in lines)))
    flows["interface_id"] = pd.Categorical([HOSTILE] * len(flows))
    flows["service_tag"] = HOSTILE
    ledger.notices.append(HOSTILE)
    ledger.entries[0].file = HOSTILE
    ledger.entries[0].problem = HOSTILE
    data = written(flows, tmp_path, name, ledger=ledger, title=HOSTILE,
                   sections=["exclusions", "coverage", "reading"],
                   rules=[fl.rule(HOSTILE, dstport=1, why=HOSTILE)])  # fmt: skip
    assert b"\x1b" not in data
    assert "\u202e".encode() not in data
    if name == "r.ipynb":
        notebook = nbformat.reads(data.decode(), as_version=4)
        shown = [
            o["data"].get("text/html", "") for c in notebook.cells for o in c.get("outputs", [])
        ]
        shown += [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        for piece in shown:
            assert "<img" not in piece
            assert "<script" not in piece
            assert "</script" not in piece
        return
    page = Page(data)
    assert all("onerror" not in attrs for _, attrs in page.elements)
    assert {a["src"][:10] for a in page.every("img")} == {"data:image"}
    assert len(re.findall(rb"</script", data)) == len(page.every("script"))
    assert "onerror=alert(1)" in page.text


def test_markdown_in_a_title_is_text(tmp_path):
    markdown2html = pytest.importorskip("nbconvert.filters.markdown_mistune").markdown2html_mistune
    flows, _ = read(text(HEADER, GOOD))
    for title in (
        "[x](javascript:1) ![y](https://a.example/b.png) <i>z</i>",
        "https://a.example/ www.a.example me@a.example",
        "*a* __b__ ~~c~~ `d` $e^2$ | f | # g \\(h\\) &lt;",
    ):
        data = written(flows, tmp_path, "r.ipynb", sections="basis", title=title)
        source = nbformat.reads(data.decode(), as_version=4).cells[0].source
        page = Page(markdown2html(source.partition("\n")[0]).encode())
        assert page.text.replace("¶", "").strip() == title
        assert {tag for tag, _ in page.elements} - {"h1", "a"} == set()
        assert all(link["href"].startswith("#") for link in page.every("a"))


def test_a_notebook_shows_all_without_being_run(small, tmp_path):
    flows, ledger = small
    data = written(flows, tmp_path, "r.ipynb", ledger=ledger, rules="dns")
    notebook = nbformat.reads(data.decode(), as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) == len(SECTIONS) - 1
    assert all(cell.outputs for cell in code)
    kinds = {kind for cell in code for o in cell.outputs for kind in o["data"]}
    assert kinds == {"image/png", "text/html", "text/plain"}
    for cell in code:
        compile(cell.source, cell.id, "exec")
        for output in cell.outputs:
            assert "text/plain" in output["data"]
            for word in ("<script", "style=", "class=", "<style"):
                assert word not in output["data"].get("text/html", "")


# Anonymized.


def test_nothing_of_the_records_is_left(small, tmp_path):
    flows, ledger = small
    rules = ["dns", fl.rule("acme office", addr="203.0.113.240", why="Jane asked for it")]
    seen = {name: set(flows[name].dropna().astype(str)) for name in (
        "srcaddr", "dstaddr", "account_id", "interface_id", "vpc_id", "subnet_id", "instance_id")}  # fmt: skip
    same = ("169.254.", "224.", "255.", "127.")
    originals = {v for values in seen.values() for v in values if not v.startswith(same)}
    hidden = fl.anonymize(flows, key=KEY)
    images = {v for name in seen for v in hidden[name].dropna().astype(str)}
    few = ["talkers", "exclusions", "coverage", "reading"]
    for name, sections in (("r.html", None), ("r.ipynb", few)):
        data = written(flows, tmp_path, name, ledger=ledger, rules=rules, anonymize=True, key=KEY,
                       title="What eni-0a10f3c5e7b924d01 did", sections=sections)  # fmt: skip
        said = data.decode()
        words = set(re.findall(r"[\w.:-]+", html.unescape(said)))
        words |= {word.partition(":")[0] for word in words}
        assert not words & (originals - images)
        for secret in ("acme", "Jane", KEY, "sample-v5", "203.0.113.240", "eni-0a10f3c5e7b924d01"):
            assert secret not in said
        assert "own rule 1" in said
        assert fl.anonymize(pd.DataFrame({"a": ["203.0.113.240"]}), key=KEY)["a"][0] in said


def test_a_rule_of_ours_with_addresses_tells_neither_them_nor_what_they_became(tmp_path):
    resolver = re.search(r"\d+\.\d+\.\d+\.\d+", NAMED["dns-public"].matches)[0]
    lines = (TEMPLATE.format("10.0.1.5", resolver, 51544, port) for port in (53, 443))
    flows, _ = read(text(HEADER, *(line.encode() for line in lines)))
    options = {"rules": "dns-public", "anonymize": True, "key": KEY, "sections": "exclusions"}
    said = Page(written(flows, tmp_path, **options)).text
    assert "1 of 2 records were set aside by 1 rule" in said
    assert "as fl.rules() says" in said


def test_two_reports_with_a_key_fit_and_without_one_do_not(small, tmp_path):
    flows, _ = small
    options = {"sections": "coverage", "anonymize": True}
    one, same = (written(flows, tmp_path, key=KEY, **options) for _ in range(2))
    nobody, other = (written(flows, tmp_path, **options) for _ in range(2))
    assert one == same
    assert len({one, nobody, other}) == 3


def test_an_original_that_slips_through_leaves_no_file(small, tmp_path, monkeypatch):
    flows, ledger = small
    monkeypatch.setattr("flowlab.reports.material.Material.text", lambda self, text: text)
    options = {
        "anonymize": True,
        "key": KEY,
        "title": f"about {flows['srcaddr'][0]}",
        "sections": "totals",
    }
    for name in ("r.html", "r.ipynb"):
        with pytest.raises(LeakError):
            report(flows, tmp_path / name, ledger=ledger, **options)
    assert list(tmp_path.iterdir()) == []


def test_an_access_key_in_a_title_leaves_no_file(small, tmp_path):
    with pytest.raises(LeakError):
        report(small[0], tmp_path / "r.html", sections="basis", title="AKIA" + "IOSFODNN7EXAMPL2")
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_words_of_ours_do_not_stop_a_report(tmp_path):
    line = "2 000123456789 eni-0a1b2c3d4e5f60718 198.51.100.7 10.0.1.5 51544 443 6 12 3120 1788222600 1788222631 ACCEPT OK records Kestrel"
    fields = HEADER + b" instance-tag interface-tag"
    flows, ledger = read(text(fields, line.encode()))
    options = {"ledger": ledger, "anonymize": True, "key": KEY, "sections": ["totals", "reading"]}
    said = Page(written(flows, tmp_path, **options)).text
    assert "Kestrel" not in said
    assert "flow records" in said


@pytest.mark.parametrize("suffix", ["html", "ipynb"])
def test_names_that_are_in_every_report_do_not_stop_one(small, tmp_path, suffix):
    tags = ["python3", "utf-8", "sha256", "font-size", "0.1.0", "db1", "team-7"]
    flows = small[0].head(14).assign(instance_tag=tags * 2)
    options = {"anonymize": True, "key": KEY, "sections": ["totals"]}
    assert written(flows, tmp_path, f"r.{suffix}", **options)
    with pytest.raises(LeakError, match="original team-7"):
        report(flows, tmp_path / f"s.{suffix}", title="Of TEAM-7", **options)


# What cannot be.


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"sections": ["talker"]}, UnknownNameError, "talkers"),
        ({"sections": ["comparison"]}, FlowlabError, "before="),
        ({"key": "k"}, FlowlabError, "anonymize=True"),
        ({"tz": "Europe/Madird"}, UnknownNameError, "Europe/Madrid"),
        ({"rules": "dsn"}, UnknownNameError, "dns"),
        ({"start": "soon"}, FlowlabError, "moment"),
        ({"rules": fl.rule("flags", tcp_flags=2)}, MissingFieldError, "tcp-flags"),
    ],
)
def test_mistakes_are_said_and_leave_no_file(small, tmp_path, options, kind, said):
    with pytest.raises(kind, match=said):
        report(small[0].drop(columns="tcp_flags"), tmp_path / "r.html", **options)
    assert list(tmp_path.iterdir()) == []


def test_other_mistakes(small, tmp_path):
    with pytest.raises(FlowlabError, match=r"\.html, \.ipynb, \.pdf"):
        report(small[0], tmp_path / "r.docx")
    with pytest.raises(FlowlabError, match="read_flows returns two things"):
        report(small, tmp_path / "r.html")
    with pytest.raises(FlowlabError, match="a tuple, not the ledger of a reading"):
        report(small[0], tmp_path / "r.html", ledger=small)
    with pytest.raises(FlowlabError, match="a frame without columns"):
        report(pd.DataFrame(), tmp_path / "r.html")
    (tmp_path / "r.html").mkdir()
    with pytest.raises(FlowlabError, match="could not be written"):
        report(small[0], tmp_path / "r.html", sections="basis")


def test_folders_of_whoever_read_are_not_told(tmp_path):
    place = tmp_path / "home" / "jane" / "logs"
    place.mkdir(parents=True)
    for day in ("monday", "tuesday"):
        (place / f"{day}.log").write_bytes(text(HEADER, GOOD, b"what is this"))
    flows, ledger = fl.read_flows(place, progress=False)
    ledger.notices.append(f"{place}/monday.log has a line that cannot be read")
    said = Page(written(flows, tmp_path, ledger=ledger, sections="reading")).text
    assert "monday.log" in said
    assert "jane" not in said
    assert str(tmp_path) not in said


def test_the_tables_hold_what_the_questions_give(small, tmp_path):
    flows, _ = small
    data = written(flows, tmp_path, sections="talkers").decode()
    rows = json.loads(re.findall(r'<script type="application/json">(.*?)</script>', data, re.S)[-1])
    expected = fl.top_talkers(flows, n=500)
    assert [row[0] for row in rows["rows"]] == expected["addr"].tolist()
    assert [row[3] for row in rows["rows"]] == [f"{n:,}" for n in expected["bytes"]]
