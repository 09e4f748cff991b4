"""Thirty kinds of leak, planted one by one in each place where one could hide."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import random
import re
import socket
import struct
import time
import urllib.parse
import zipfile
import zlib
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from flowlab.errors import FlowlabError, MissingExtraError, SourceError
from flowlab.reports import leaks, leaks_secrets
from flowlab.reports.leaks import LeakError, find_leaks, leak_scan, refuse_leaks
from flowlab.wording import plain_text

# Kind of leak -> what is planted. All are made up; AWS's own are those of its documents.
ORIGINALS = {
    "IPv4 address": ("10.20.30.41", "10.20.30.41"),
    "IPv4 address with a port": ("10.20.30.42", "10.20.30.42:443"),
    "IPv4 address, mapped into IPv6": ("10.20.30.43", "::ffff:10.20.30.43"),
    "IPv4 address in a host name": ("10.20.30.44", "ip-10-20-30-44.ec2.internal"),
    "IPv4 address in reverse": ("10.20.30.45", "45.30.20.10.in-addr.arpa"),
    "IPv4 address, translated to IPv6": ("10.20.30.46", "64:ff9b::0a14:1e2e"),
    "IPv4 address in the name of a file": ("10.20.30.47", "log10.20.30.47.gz"),
    "IPv4 address between underscores": ("10.20.30.48", "from_10_20_30_48"),
    "CIDR": ("10.20.64.0/18", "10.20.64.0/18"),
    "IPv6 address": ("2001:db8:1::17", "2001:db8:1::17"),
    "IPv6 address, spelled otherwise": ("2001:db8:2::17", "2001:0DB8:2:0:0:0:0:17"),
    "ENI": ("eni-0a1b2c3d4e5f60718", "eni-0a1b2c3d4e5f60718"),
    "VPC": ("vpc-0a1b2c3d4e5f60719", "vpc-0a1b2c3d4e5f60719"),
    "subnet": ("subnet-0a1b2c3d4e5f6071a", "subnet-0a1b2c3d4e5f6071a"),
    "instance": ("i-0a1b2c3d4e5f6071b", "i-0a1b2c3d4e5f6071b"),
    "flow log": ("fl-0a1b2c3d4e5f6071c", "fl-0a1b2c3d4e5f6071c"),
    "security group": ("sg-0a1b2c3d", "SG-0A1B2C3D"),
    "account id": ("123456789010", "123456789010"),
    "account id, as consoles write it": ("123456789011", "1234-5678-9011"),
    "ARN": (
        "arn:aws:ecs:eu-west-1:123456789012:cluster/payments-7",
        "arn:aws:ecs:eu-west-1:123456789012:cluster/payments-7",
    ),
    "host name": ("db1.corp.example", "db1.corp.example"),
    "bucket": ("acme-flow-logs-7", "acme-flow-logs-7"),
    "tag": ("Zahlungsverkehr", "Zahlungsverkehr"),
    "tag of several words": ("Payments team 7", "Payments team 7"),
    "tag of several words, wrapped": ("Payments team 8", "Payments\n  team\u00a08"),
    "tag in other letters": ("größe-7", "größe-7"),
    "tag in letters and their dots": ("größe-8", "gro\u0308ße-8"),
    "tag in wide letters": ("kasse-9", "".join(chr(ord(c) + 0xFEE0) for c in "kasse-9")),
    "tag with what is not seen": ("kasse\u200b\u2061-10", "kasse\u200b\u2061-10"),
    "tag with what is not seen, shown": ("kasse\u200b\u2061-11", "kasse\\u200b\\u2061-11"),
}
SECRETS = {
    "AWS access key id": "AKIAIOSFODNN7EXAMPLE",
    "AWS temporary access key id": "ASIAIOSFODNN7EXAMPLE",
    "AWS secret access key": "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS secret access key, alone": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEZ",
    "AWS session token": "IQoJb3JpZ2luX2VjEAAaCXVzLWVhc3QtMSJHMEUCIQDfakefakefakefakefake",
    "signature of a presigned URL": "https://b.example/k?X-Amz-Signature=" + "0f" * 32,
    "older presigned URL": "https://b.example/k?Expires=9&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D",
    "private key": "-----BEGIN RSA PRIVATE KEY-----",
    "signed token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "token of a service": "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
    "token of a Jupyter server": "http://127.0.0.1:8888/lab?token=" + "0a1b2c3d" * 6,
    "bearer token": "Authorization: Bearer 0123456789abcdefghij.-_~",
    "password in an address": "postgresql://flows:hunter2secret@db.example/flows",
    "home folder on Linux": "/home/mmustermann/flows.log",
    "home folder on a Mac": "/Users/mmustermann/flows.log",
    "home folder of Windows in Linux": "/mnt/c/Users/mmustermann/flows.log",
    "home folder on Windows": r"C:\Users\mmustermann\flows.log",
    "value of an environment variable": "tr0ub4dor-and-3-more",
    "user name": "mmustermann9",
    "host name of this machine": "laptop-of-erika",
}
PLANTED = {name: what for name, (_, what) in ORIGINALS.items()} | SECRETS
WANTED = [original for original, _ in ORIGINALS.values()]


@pytest.fixture(autouse=True, scope="module")
def machine():
    """Make this a machine whose names are known."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket, "gethostname", lambda: "laptop-of-erika.corp.example")
        patched.setattr(leaks_secrets.getpass, "getuser", lambda: "mmustermann9")
        patched.setattr(leaks_secrets.Path, "home", lambda: Path("/srv/people/mmustermann9"))
        patched.setenv("DEMO_API_TOKEN", "tr0ub4dor-and-3-more")
        leaks_secrets.of_this_machine.cache_clear()
        leaks_secrets.of_this_process.cache_clear()
        yield
    leaks_secrets.of_this_machine.cache_clear()
    leaks_secrets.of_this_process.cache_clear()


def b64(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.b64encode(data).decode()


def raw_deflate(text):
    pack = zlib.compressobj(wbits=-15)
    return pack.compress(text.encode()) + pack.flush()


def zipped(text):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<si><t>{html.escape(text)}</t></si>")
    return file.getvalue()


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(extra=b"", behind=b""):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + header + extra + pixels + chunk(b"IEND", b"") + behind


def text_chunk(text):
    return chunk(b"iTXt", b"Comment\0\0\0de\0Kommentar\0" + text.encode())


def packed_chunk(text):
    return chunk(b"iTXt", b"Comment\0\1\0de\0Kommentar\0" + zlib.compress(text.encode()))


def jpeg(text, behind=b""):
    said = text.encode()
    comment = b"\xff\xfe" + struct.pack(">H", len(said) + 2) + said
    return b"\xff\xd8" + comment + b"\xff\xda\0\2pixels\xff\xd9" + behind


def split(text):
    middle = len(text) // 2
    return f"<b>{html.escape(text[:middle])}</b><i>{html.escape(text[middle:])}</i>"


def wrapped(text):
    return "\n".join(b64("x" * 100 + "\n" + text)[at : at + 76] for at in range(0, 1000, 76))


def every_character(text):
    return "".join(f"&#{ord(c)};" for c in text)


def js(text):
    return "".join(f"\\u{ord(c):04x}" for c in text)


PLACES = {
    "text": lambda t: f"<p>from {html.escape(t)} on</p>",
    "text cut by inline tags": lambda t: f"<p>from {split(t)}</p>",
    "text with a soft hyphen": lambda t: f"<p>{html.escape(t[:5])}&shy;{html.escape(t[5:])}</p>",
    "cells": lambda t: f"<td>1</td><td>{html.escape(t)}</td><td>0</td>",
    "alt text": lambda t: f'<img alt="{html.escape(t)}" src="data:,">',
    "title": lambda t: f'<abbr title="{html.escape(t)}">x</abbr>',
    "data attribute": lambda t: f'<td data-sort="{html.escape(t)}">x</td>',
    "attribute in entities": lambda t: f'<td data-sort="{every_character(t)}">x</td>',
    "text in entities": lambda t: f"<p>{every_character(t)}</p>",
    "link, percent-encoded": lambda t: f'<a title="q?{urllib.parse.quote(t, safe="")}">x</a>',
    "comment": lambda t: f"<!-- made from {t} -->",
    "JSON in a script": lambda t: (
        f'<script type="application/json">{{"title": {json.dumps(t)}}}</script>'
    ),
    "escapes of JSON": lambda t: f'<p title="{js(t)}">',
    "link": lambda t: f'<a href="{html.escape(t)}">x</a>',
    "text with marks of direction": lambda t: (
        f"<p>{html.escape(t[:5])}\u200e\u2061{html.escape(t[5:])}</p>"
    ),
    "hexadecimal": lambda t: f"<p>{f'a {t} b'.encode().hex()}</p>",
    "meta": lambda t: f'<meta name="author" content="{html.escape(t)}">',
    "SVG text": lambda t: f"<svg><text x='1'>{html.escape(t)}</text></svg>",
    "SVG title": lambda t: f"<svg><title>{html.escape(t)}</title></svg>",
    "SVG in an address": lambda t: (
        f'<img alt="" title="data:image/svg+xml,{urllib.parse.quote(f"<svg><text>{html.escape(t)}</text></svg>")}">'
    ),
    "SVG in base64": lambda t: (
        f'<img src="data:image/svg+xml;base64,{b64(f"<svg><text>{html.escape(t)}</text></svg>")}">'
    ),
    "page in an attribute": lambda t: (
        f'<iframe srcdoc="{html.escape(f"<p>{html.escape(t)}</p>")}"></iframe>'
    ),
    "base64": lambda t: f"<p>{b64(f'a {t} b')}</p>",
    "base64 within other letters": lambda t: f"<p>abc{b64(f'a {t} b')}</p>",
    "base64 in lines": lambda t: f"<pre>{wrapped(t)}</pre>",
    "base64 for addresses": lambda t: (
        f"<p>{base64.urlsafe_b64encode(f'??>>{chr(255)} {t} '.encode()).decode()}</p>"
    ),
    "base64 of UTF-16": lambda t: f"<p>{b64(f'traffic of {t} now'.encode('utf-16-le'))}</p>",
    "base64 twice": lambda t: f"<p>{b64(b64(f'a {t} b'))}</p>",
    "gzip": lambda t: f"<script>{b64(gzip.compress(f'a {t} b'.encode()))}</script><p>{t[:0]}</p>",
    "gzip behind other bytes": lambda t: (
        f"<p>{b64(bytes(range(128, 150)) + gzip.compress(f'a {t} b'.encode()))}</p>"
    ),
    "gzip, cut off": lambda t: f"<p>{b64(gzip.compress(f'{t} {t}'.encode())[:-9])}</p>",
    "zlib": lambda t: f"<p>{b64(zlib.compress(f'a {t} b'.encode()))}</p>",
    "raw deflate": lambda t: f"<p>{b64(raw_deflate(f'a {t} b {t}'))}</p>",
    "zip": lambda t: f'<a download="x" href="data:;base64,{b64(zipped(t))}">x</a>',
    "PNG text": lambda t: f'<img src="data:;base64,{b64(png(text_chunk(t)))}">',
    "packed PNG text": lambda t: f'<img src="data:;base64,{b64(png(packed_chunk(t)))}">',
    "comment of a JPEG": lambda t: f'<img src="data:image/jpeg;base64,{b64(jpeg(t))}">',
    "behind a JPEG": lambda t: f'<img src="data:;base64,{b64(jpeg("", behind=t.encode()))}">',
    "behind a PNG": lambda t: f'<img src="data:;base64,{b64(png(behind=t.encode()))}">',
}


def expected(name, found):
    """Whether a planted leak is among those found."""
    kinds = {leak.kind for leak in found}
    if name in ORIGINALS:
        found = {leak.found for leak in found if leak.kind == "original"}
        return plain_text(ORIGINALS[name][0]) in found
    return {
        "AWS temporary access key id": "AWS access key id",
        "AWS secret access key, alone": "AWS secret access key",
        "older presigned URL": "signature of a presigned URL",
        "signed token": "signed token (JWT)",
        "home folder on Linux": "path of a home folder",
        "home folder on a Mac": "path of a home folder",
        "home folder on Windows": "path of a home folder",
        "home folder of Windows in Linux": "path of a home folder",
        "value of an environment variable": "value of the environment variable DEMO_API_TOKEN",
        "user name": "user name of this machine",
    }.get(name, name) in kinds  # fmt: skip


def missed(put, kind, planted=PLANTED):
    """Plant each leak alone, and name those that were not found."""
    return [
        name
        for name, what in planted.items()
        if not expected(name, find_leaks(put(what), kind, originals=WANTED))
    ]


def test_there_are_more_than_thirty_kinds_and_places():
    assert len(PLANTED) >= 30
    assert len(PLACES) >= 30


@pytest.mark.parametrize("place", PLACES)
def test_each_leak_is_found_wherever_it_is_in_a_page(place):
    def page(what):
        return f"<!doctype html><html><body>{PLACES[place](what)}</body></html>".encode()

    # Originals tell each other apart: they may be planted side by side.
    planted = [PLACES[place](what) for _, what in ORIGINALS.values()]
    found = find_leaks("<hr>".join(planted).encode(), "html", originals=WANTED)
    assert [name for name in ORIGINALS if not expected(name, found)] == []
    assert missed(page, "html", SECRETS) == []


def test_a_page_in_utf_16_is_read_too():
    assert missed(lambda what: f"<p>{what}</p>".encode("utf-16"), "html") == []


# Notebooks


def code(outputs, source="1"):
    cell = nbformat.v4.new_code_cell(source, outputs=outputs)
    return nbformat.v4.new_notebook(cells=[cell])


def data(**given):
    bundle = {name.replace("_", "/"): value for name, value in given.items()}
    return code([nbformat.v4.new_output("display_data", bundle)])


def with_metadata(where):
    def make(text):
        notebook = code([])
        where(notebook)["kept"] = {"by": [text]}
        return notebook

    return make


def widget(text):
    notebook = code([])
    state = {"m1": {"model_name": "HTMLModel", "state": {"value": f"<b>{html.escape(text)}</b>"}}}
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    return notebook


def packed_widget(text):
    notebook = widget("")
    held = {
        "data": b64(zlib.compress(f"a {text}".encode())),
        "path": ["value"],
        "encoding": "base64",
    }
    states = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    states["m1"]["buffers"] = [held]
    return notebook


def attached(text):
    cell = nbformat.v4.new_markdown_cell("![x](attachment:x.png)")
    cell["attachments"] = {"x.png": {"image/png": b64(png(text_chunk(text)))}}
    return nbformat.v4.new_notebook(cells=[cell])


def error(text):
    frames = [f"\x1b[0;31mError\x1b[0m in {text}"]
    return code([nbformat.v4.new_output("error", ename="E", evalue="", traceback=frames)])


IN_NOTEBOOKS = {
    "code": lambda t: code([], source=f"where = {t!r}"),
    "Markdown": lambda t: nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# {t}")]),
    "raw cell": lambda t: nbformat.v4.new_notebook(cells=[nbformat.v4.new_raw_cell(t)]),
    "printed": lambda t: code([nbformat.v4.new_output("stream", text=f"a\n{t}\n")]),
    "printed in colour": lambda t: code(
        [nbformat.v4.new_output("stream", text=f"\x1b[1;92m{t}\x1b[0m")]
    ),
    "on stderr": lambda t: code([nbformat.v4.new_output("stream", name="stderr", text=t)]),
    "plain result": lambda t: data(text_plain=f"<Table of {t}>"),
    "HTML result": lambda t: data(text_html=f"<p>{split(t)}</p>"),
    "SVG": lambda t: data(**{"image_svg+xml": f"<svg><text>{html.escape(t)}</text></svg>"}),
    "PNG": lambda t: data(image_png=b64(png(packed_chunk(t))) + "\n"),
    "JSON": lambda t: data(application_json={"a": [{"b": t}]}),
    "name in JSON": lambda t: data(application_json={t: 1, "10": [t]}),
    "error": error,
    "widget": widget,
    "packed widget": packed_widget,
    "attachment": attached,
    "metadata": with_metadata(lambda notebook: notebook.metadata),
    "metadata of a cell": with_metadata(lambda notebook: notebook.cells[0].metadata),
}


@pytest.mark.parametrize("place", IN_NOTEBOOKS)
def test_each_leak_is_found_wherever_it_is_in_a_notebook(place):
    def notebook(what):
        return nbformat.writes(IN_NOTEBOOKS[place](what)).encode()

    assert missed(notebook, "ipynb") == []


def test_a_notebook_that_is_none_is_looked_through_as_text():
    assert missed(lambda what: f"<<< {what}".encode(), "ipynb") == []
    assert missed(lambda what: json.dumps([what, what]).encode(), "ipynb") == []


# PDF


def pdf_with(change):
    from pypdf import PdfWriter

    writer = PdfWriter()
    writer.add_blank_page(300, 300)
    change(writer)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def shown(text):
    """Make a page that shows a text, packed."""
    from pypdf.generic import DecodedStreamObject, NameObject

    def change(writer):
        from pypdf.generic import DictionaryObject

        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
                NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
            }
        )
        page = writer.pages[0]
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        written = text.encode("cp1252").replace(b"\\", b"\\\\").hex()
        stream.set_data(f"BT /F1 8 Tf 10 200 Td <{written}> Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream.flate_encode())

    return pdf_with(change)


def in_the_catalog(text):
    from pypdf.generic import NameObject, TextStringObject, create_string_object

    def change(writer):
        held = create_string_object(text)
        assert isinstance(held, TextStringObject)
        writer._root_object[NameObject("/Lang")] = held

    return pdf_with(change)


def photographed(text):
    """Make a page with a JPEG that has a comment."""
    from pypdf.generic import NameObject, StreamObject

    def change(writer):
        image = StreamObject()
        image.set_data(jpeg(text))
        image[NameObject("/Subtype")] = NameObject("/Image")
        image[NameObject("/Filter")] = NameObject("/DCTDecode")
        writer._add_object(image)

    return pdf_with(change)


def blacked_out(text):
    """Make a page whose text was replaced, but is still in the file."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject

    writer = PdfWriter(io.BytesIO(shown(text)), incremental=True)
    empty = DecodedStreamObject()
    empty.set_data(b"BT ET")
    writer._replace_object(writer.pages[0].raw_get("/Contents"), empty)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


IN_PDFS = {
    "shown": shown,
    "metadata": lambda t: pdf_with(lambda w: w.add_metadata({"/Author": t})),
    "attached file": lambda t: pdf_with(lambda w: w.add_attachment("x.gz", gzip.compress(t.encode()))),
    "name of an attached file": lambda t: pdf_with(lambda w: w.add_attachment(t, b"x")),
    "outline": lambda t: pdf_with(lambda w: w.add_outline_item(title=t, page_number=0)),
    "XMP": lambda t: pdf_with(
        lambda w: setattr(w, "xmp_metadata", f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{html.escape(t)}</x:xmpmeta>".encode())
    ),
    "catalog": in_the_catalog,
    "comment of a JPEG": photographed,
    "earlier version": blacked_out,
}  # fmt: skip


@pytest.mark.parametrize("place", IN_PDFS)
def test_each_leak_is_found_wherever_it_is_in_a_pdf(place):
    planted = dict(PLANTED)
    if place == "shown":  # the font of this page has no other letters
        planted = {
            n: t for n, t in PLANTED.items() if t.encode("cp1252", "replace").decode("cp1252") == t
        }
    elif place == "earlier version":  # of which no page tells the letters of its font
        planted = {n: t for n, t in PLANTED.items() if t.isascii()}
    assert len(planted) > 35
    assert missed(IN_PDFS[place], "pdf", planted) == []


def test_a_name_that_a_column_breaks_is_found_in_a_pdf(monkeypatch):
    from flowlab.reports import leaks_pdf

    page = "10.0.1.1\n0\neni-0a1b2c3\nd4e5f60718\n"
    monkeypatch.setattr(leaks_pdf, "parts", lambda _: iter([("page 1", page)]))
    looked = ["eni-0a1b2c3d4e5f60718", "10.0.1.10"]  # the second is of two cells
    (leak,) = find_leaks(b"", "pdf", originals=looked)
    assert leak.found == "eni-0a1b2c3d4e5f60718"


# What is no leak


CLEAN = """<!doctype html><html><head><title>Report</title><style>.private{color:#0a1b2c3d}</style>
</head><body><h1>Week 48</h1><p>From 10.0.1.10 and 110.0.1.1 to 10.0.1.100, 2001:db8::1:17.</p>
<p>eni-0a1b2c3d4e5f607189 sent 123456789010123 bytes at 12:34:56, version 1.10.0.1b.</p>
<p>See /home and the password section; the token: none. SHA-256 e3b0c44298fc1c149afbf4c8996fb924</p>
<p>commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12 at https://docs.example/AKIA/home/</p>
<script>const main = [10, 0, 1, 1].join(); let secret = null;</script></body></html>"""
NOT_THERE = [
    "10.0.1.1", "0.0.1.10", "2001:db8::17", "2001:db8::1", "eni-0a1b2c3d4e5f60718", "123456789010",
    "main", "style", "private", "ab", "",
]  # fmt: skip


def test_a_clean_page_passes():
    assert find_leaks(CLEAN.encode(), "html", originals=NOT_THERE) == []
    refuse_leaks(CLEAN.encode(), "html", originals=NOT_THERE)


def test_an_original_that_is_also_an_image_is_told_apart():
    page = b"<p>10.0.1.5 and 10.0.1.6</p>"
    found = find_leaks(page, "html", originals=["10.0.1.5", "10.0.1.6"], images=["10.0.1.6"])
    assert [leak.found for leak in found] == ["10.0.1.5"]


def test_an_arn_of_an_account_that_is_no_image_is_reported():
    page = b"<p>arn:aws:iam::123456789012:role/a arn:aws:iam::210987654321:role/b</p>"
    assert find_leaks(page, "html") == []  # nothing was replaced: ARNs are what it is about
    (leak,) = find_leaks(page, "html", images=["210987654321"])
    assert (leak.kind, leak.found) == ("ARN with an account id", "arn:aws:iam::123456789012:role/a")


def test_the_machine_is_looked_for_unless_told_otherwise():
    page = b"<p>by mmustermann9 on laptop-of-erika</p>"
    assert len(find_leaks(page, "html")) == 2
    assert find_leaks(page, "html", machine=False) == []


def test_names_that_many_machines_have_are_not_looked_for(monkeypatch):
    monkeypatch.setattr(leaks_secrets.getpass, "getuser", lambda: "root")
    leaks_secrets.of_this_machine.cache_clear()
    assert find_leaks(b"<p>the root of the matter</p>", "html") == []
    leaks_secrets.of_this_machine.cache_clear()


def test_a_user_whose_name_is_a_word_of_ours_can_write_reports(monkeypatch):
    monkeypatch.setattr(leaks_secrets.getpass, "getuser", lambda: "services")
    leaks_secrets.of_this_machine.cache_clear()
    assert find_leaks(b"<p>what services are there</p>", "html") == []
    leaks_secrets.of_this_machine.cache_clear()


# How it is said


def test_the_place_is_named_and_secrets_are_not_shown():
    page = f'<img alt="" src="data:image/png;base64,{b64(png(text_chunk(SECRETS["AWS access key id"])))}">'
    (leak,) = find_leaks(page.encode(), "html")
    assert leak.where == "page > img src > base64 > PNG iTXt"
    assert leak.found == "AKIA… (20 characters)"
    with pytest.raises(LeakError, match=r"AWS access key id AKIA… .* in page > img src") as caught:
        refuse_leaks(page.encode(), "html")
    assert "OSFODNN" not in str(caught.value)


def test_of_many_leaks_some_are_named():
    page = "".join(f"<p>10.0.1.{n}</p>" for n in range(20)).encode()
    with pytest.raises(LeakError, match="and 12 more"):
        refuse_leaks(page, "html", originals=[f"10.0.1.{n}" for n in range(20)])


def test_more_than_can_be_looked_through_is_refused(monkeypatch):
    from flowlab.reports import leaks_unpacking

    bomb = f"<p>{b64(gzip.compress(bytes(1_000_000)))}</p>".encode()
    assert find_leaks(bomb, "html") == []
    monkeypatch.setattr(leaks_unpacking, "MOST", 500_000)
    (leak,) = find_leaks(bomb, "html")
    assert leak.kind == "more than was looked through"


def test_a_short_name_is_not_found_in_pixels():
    pixels = b64(zlib.compress(random.Random(1).randbytes(30_000)))
    words = {word.casefold() for word in re.findall(r"[0-9A-Za-z]+", pixels)}
    short = [word for word in words if 3 <= len(word) <= 5]
    assert len(short) > 30
    assert find_leaks(f'<img src="data:;base64,{pixels}">'.encode(), "html", originals=short) == []
    output = nbformat.v4.new_output("display_data", {"image/png": pixels})
    text = nbformat.writes(code([output])).encode()
    assert find_leaks(text, "ipynb", originals=short) == []


def test_the_first_of_two_values_of_one_name_is_looked_at():
    text = nbformat.writes(code([]))
    twice = text.replace('"metadata": {},', '"metadata": {"a": "10.0.1.5"}, "metadata": {},', 1)
    assert len(find_leaks(twice.encode(), "ipynb", originals=["10.0.1.5"])) == 1


def test_depth_is_bounded():
    text = "10.0.1.5"
    for _ in range(40):
        text = b64(text)[:3000]
    assert find_leaks(f"<p>{text}</p>".encode(), "html", originals=["10.0.1.5"]) == []


def test_many_originals_and_a_large_page_take_seconds():
    some = random.Random(7)
    wanted = [f"10.{a}.{b}.{c}" for a in range(10) for b in range(100) for c in range(100)]
    rows = "".join(
        f"<tr><td>198.51.{some.randrange(256)}.{some.randrange(256)}</td></tr>"
        for _ in range(20_000)
    )
    page = f"<table>{rows}<tr><td>10.9.99.99</td></tr></table>".encode()
    before = time.process_time()
    (leak,) = find_leaks(page, "html", originals=wanted)
    assert leak.found == "10.9.99.99"
    assert time.process_time() - before < 20


# The public function


def test_scan_of_a_file_takes_frames(tmp_path):
    flows = pd.DataFrame({"srcaddr": ["10.0.1.5", None], "bytes": [443, 1], "action": "ACCEPT"})
    page = tmp_path / "page.html"
    page.write_text("<p>10.0.1.5 sent 443</p>")
    found = leak_scan(page, originals=flows[["srcaddr", "bytes"]])
    assert found.to_dict("records") == [
        {"kind": "original", "where": "page > text", "found": "10.0.1.5"}
    ]
    assert leak_scan(page, originals=flows[["srcaddr"]], images=flows[["srcaddr"]]).empty
    assert list(leak_scan(page).columns) == ["kind", "where", "found"]
    assert leak_scan(page, originals="10.0.1.5").shape == (1, 3)


def test_scan_says_what_is_wrong_with_a_file(tmp_path, monkeypatch):
    with pytest.raises(SourceError, match="cannot be read"):
        leak_scan(tmp_path / "gone.html")
    with pytest.raises(FlowlabError, match=r"not into flows\.csv"):
        leak_scan(tmp_path / "flows.csv")
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 no more")
    with pytest.raises(FlowlabError, match="this PDF cannot be read"):
        leak_scan(tmp_path / "bad.pdf")
    (tmp_path / "locked.pdf").write_bytes(pdf_with(lambda w: w.encrypt("a", algorithm="AES-256")))
    with pytest.raises(FlowlabError, match="this PDF is locked"):
        leak_scan(tmp_path / "locked.pdf")
    monkeypatch.setitem(__import__("sys").modules, "pypdf", None)
    with pytest.raises(MissingExtraError, match="pypdf"):
        leak_scan(tmp_path / "locked.pdf")


def test_kinds_are_those_of_the_interface():
    assert set(leaks.KINDS.values()) == {"html", "ipynb", "pdf"}
