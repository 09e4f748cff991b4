"""A look into a finished file for what must not leave the house."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flowlab import schema
from flowlab.errors import FlowlabError, SourceError
from flowlab.reports.leaks_originals import Originals, looked_into
from flowlab.reports.leaks_secrets import of_this_machine, of_this_process, secrets_in
from flowlab.reports.leaks_unpacking import MOST, TooMuch, pieces
from flowlab.wording import cut_short, plain_text

KINDS = {".html": "html", ".htm": "html", ".ipynb": "ipynb", ".pdf": "pdf"}
_ARN = re.compile(
    r"(?<![0-9A-Za-z])arn:aws(?:-[a-z]+)*:[a-z0-9-]*:[a-z0-9-]*:(\d{12}):[\w./:@+=-]*"
)
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_NAMED = 8  # leaks that an error names


class LeakError(FlowlabError):
    """A file holds what must not leave the house; nothing was written."""


@dataclass(frozen=True)
class Leak:
    """One thing found.

    Attributes
    ----------
    kind : str
        What it is, such as "AWS access key id" or "original".
    where : str
        The way to it, from the outside in: "page > img src > base64 > PNG tEXt".
    found : str
        What was found, printable; of a secret only the beginning.
    """

    kind: str
    where: str
    found: str


def find_leaks(
    data: bytes,
    kind: str,
    *,
    originals: Iterable[str] = (),
    images: Iterable[str] = (),
    machine: bool = True,
) -> list[Leak]:
    """Find what a finished file must not hold.

    Parameters
    ----------
    data : bytes
        The file.
    kind : {"html", "ipynb", "pdf"}
    originals : iterable of str
        Addresses, ids and names that were to be replaced. What is shorter than three characters
        is not looked for.
    images : iterable of str
        What they were replaced by. An original that is also an image is not reported. If there
        are any, an ARN with an account that is in none of them is reported, too.
    machine : bool
        Whether to look for the user and host name of this machine.

    Returns
    -------
    list of Leak
        Each thing once, with the first place it was found in.
    """
    images = list(images)
    wanted = Originals(originals, images)
    own = of_this_process() | (of_this_machine() if machine else {})
    ours = Originals(own)
    accounts = {account for image in images for account in _ACCOUNT.findall(image)}
    found: dict[tuple[str, str], Leak] = {}

    def add(what: str, text: str, where: str, told: str) -> None:
        found.setdefault((what, text), Leak(what, where, shown(told)))

    try:
        for piece in pieces(data, kind):
            plain = looked_into(piece.text)
            for one in wanted.found_in(plain, read=piece.read, joined=piece.joined):
                add("original", one, piece.where, one)
            for one in ours.found_in(plain, read=piece.read, joined=piece.joined):
                add(own[one], one, piece.where, _hidden(one))
            for what, text in secrets_in(piece.text):
                add(what, text, piece.where, _hidden(text))
            if images:
                for match in _ARN.finditer(piece.text):
                    if match[1] not in accounts:
                        add("ARN with an account id", match[0], piece.where, match[0])
    except TooMuch:
        add("more than was looked through", "", f"beyond {MOST >> 20} MB", "")
    return list(found.values())


def shown(name: str) -> str:
    """Write a name as `Leak.found` has it."""
    return cut_short(plain_text(name), 60)


def _hidden(secret: str) -> str:
    return f"{secret[:4]}… ({len(secret)} characters)"


def refuse_leaks(
    data: bytes,
    kind: str,
    *,
    originals: Iterable[str] = (),
    images: Iterable[str] = (),
    machine: bool = True,
) -> None:
    """Raise LeakError if a finished file holds what it must not; see `find_leaks`."""
    leaks = find_leaks(data, kind, originals=originals, images=images, machine=machine)
    if not leaks:
        return
    listed = [f"{leak.kind} {leak.found} in {leak.where}" for leak in leaks[:_NAMED]]
    if len(leaks) > _NAMED:
        listed.append(f"and {len(leaks) - _NAMED} more")
    raise LeakError(
        "nothing was written, for the file would have held what must not leave the house: "
        f"{'; '.join(listed)}.",
        "a cell or a record holds it; or a name that was to be replaced was not",
        "take it out of what is shown, and write the file again",
    )


def leak_scan(
    path: str | Path,
    *,
    originals: Iterable[str] | pd.DataFrame | None = None,
    images: Iterable[str] | pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Look into a finished report, notebook or PDF for what must not leave the house.

    Always looked for: AWS access keys, secret keys, session tokens and signatures of presigned
    URLs, private keys, passwords and tokens of other services, secrets in the environment of
    this process, paths of home folders, the user and host name of this machine.

    Parameters
    ----------
    path : path
        An .html, .ipynb or .pdf file.
    originals : iterable of str, or DataFrame, optional
        What must not be in it, too: addresses, ids, names. Of a frame, everything in its columns
        of addresses and ids.
    images : iterable of str, or DataFrame, optional
        What the originals were replaced by, such as the frame that `flowlab.anonymize` gave. An
        original that is also the image of another is not reported.

    Returns
    -------
    DataFrame, one row for each thing found
        ``kind`` what it is, ``where`` the way to the first place it is in, ``found`` the thing
        itself, or the beginning of a secret (all text). Empty if there is nothing.

    Raises
    ------
    SourceError
        There is no such file.
    FlowlabError
        Not one of these kinds of file, or it cannot be read.
    MissingExtraError
        A PDF, and pypdf is not installed.

    Notes
    -----
    Looked through are text, attributes, alt texts, comments, scripts, outputs, state of widgets,
    metadata, earlier versions in a PDF, and what is packed in them eight times over: base64,
    hexadecimal, gzip, deflate, zip, text in PNG and JPEG, other spellings of addresses,
    percent-encoding, entities, backslash escapes, UTF-16. What looks the same is the same: wide
    letters, dots that stand apart from theirs, other spaces and dashes, characters that are not
    seen, colours of a terminal. 10.0.1.1 is not found in 10.0.1.10. Names of letters alone are not
    looked for in programs and markup, short ones not in pixels, and no user or host name that is a
    word of flowlab's own. What was drawn as a picture, encrypted, or split on purpose cannot be
    found.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import flowlab as fl
    >>> page = pathlib.Path(tempfile.mkdtemp(), "page.html")
    >>> _ = page.write_text("<p>No traffic from 10.0.1.10.</p>")
    >>> len(fl.leak_scan(page, originals=["10.0.1.1"]))
    0
    >>> fl.leak_scan(page, originals=["10.0.1.10"]).iloc[0].to_list()
    ['original', 'page > text', '10.0.1.10']
    """
    path = Path(path)
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise FlowlabError(
            f"leak_scan looks into .html, .ipynb and .pdf, not into {path.name}.",
            fix="give it the finished report.",
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror}.", "the name is misspelt", "name the file"
        ) from error
    leaks = find_leaks(data, kind, originals=_names(originals), images=_names(images))
    rows = [(leak.kind, leak.where, leak.found) for leak in leaks]
    return pd.DataFrame(rows, columns=["kind", "where", "found"], dtype="str")


def _names(given: Iterable[str] | pd.DataFrame | None) -> Iterable[str]:
    if not isinstance(given, pd.DataFrame):
        return [given] if isinstance(given, str) else given or ()
    columns = [name for name in given.columns if schema.kind_of(name) in ("id", "address")]
    return {str(value) for name in columns for value in given[name].dropna().unique()}
