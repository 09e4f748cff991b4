"""What is secret whatever it is in: AWS keys, tokens; and what tells of this machine.

Sources: AWS IAM user guide, "IAM identifiers" (prefixes of unique ids); AWS S3 API reference,
"Authenticating Requests: Using Query Parameters"; RFC 7468 (PEM), RFC 7519 (JWT); GitHub, GitLab,
Slack, PyPI: their documents on token formats; as of 2026.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from flowlab.reports.own_words import own_words

_SECRETS = {
    "AWS access key id": r"(?<![0-9A-Za-z])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![0-9A-Za-z])",
    # Its 40 characters look like much else: what stands before them tells, or that they stand
    # alone and hold what neither a word nor a checksum holds.
    "AWS secret access key": r"(?i:secret|aws_?key)[^\n]{0,40}?[\"'\s:=>]"
    r"([0-9A-Za-z/+]{40})(?![0-9A-Za-z/+=])"
    r"|(?<![0-9A-Za-z/+=_.-])(?=[0-9A-Za-z/+]{0,38}[0-9])(?=[0-9A-Za-z/+]{0,38}[A-Z])"
    r"(?=[0-9A-Za-z/+]{0,38}[a-z])(?=[0-9A-Za-z]{0,38}[/+])[0-9A-Za-z/+]{40}(?![0-9A-Za-z/+=_.-])",
    "AWS session token": r"(?:IQoJb3JpZ2lu|F[Qw]oGZXIvYXdz)[0-9A-Za-z+/=_%-]{20,}"
    r"|(?i:session[_-]?token)[\"']?\s*[=:>]+\s*[\"']?[0-9A-Za-z+/=_%-]{60,}",
    "signature of a presigned URL": r"(?i:X-Amz-Signature)[=:]\s*[0-9a-f]{64}"
    r"|(?i:X-Amz-Security-Token)[=:]\s*[0-9A-Za-z+/=_%-]{20,}"
    r"|[?&;]Signature=[0-9A-Za-z+/=%]{20,}",
    "signed request": r"(?i:X-Amz-Credential)=[0-9A-Z]{16,}|AWS4-HMAC-SHA256\s+Credential=\S+",
    "private key": r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----",
    "signed token (JWT)": r"(?<![0-9A-Za-z_-])eyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}"
    r"\.[0-9A-Za-z_-]{10,}",
    "token of a service": r"(?<![0-9A-Za-z])(?:gh[pousr]_[0-9A-Za-z]{36,}"
    r"|github_pat_[0-9A-Za-z_]{22,}|glpat-[0-9A-Za-z_-]{20,}|xox[abeoprs]-[0-9A-Za-z-]{10,}"
    r"|pypi-AgE[0-9A-Za-z_-]{50,}|AIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-]))",
    "bearer token": r"(?i:bearer)\s+[0-9A-Za-z._~+/-]{20,}=*",
    "token of a Jupyter server": r"[?&]token=[0-9a-f]{32,}",
    "password in an address": r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'<>]+:[^\s/@\"'<>]+@[0-9A-Za-z]",
    "password or token": r"(?i:password|passwd|secret|token|api[_-]?key)[\"']?\s*[=:]\s*[\"']"
    r"(?=[^\"'\s]*\d)(?=[^\"'\s]*[A-Za-z])[0-9A-Za-z+/=_.~!@#$%^&*-]{12,}[\"']",
    "path of a home folder": r"(?<![\w.-])(?:/mnt/[a-z]|/var|/export)?"
    r"/(?:home|Users)/[^\s/\"'<>:;,)\]}]+|(?<![\w.-])/root/[^\s\"'<>]|(?<!\w)[A-Za-z]:[\\/]+Users[\\/]+[^\s\\/\"'<>:;,)\]}]+",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _SECRETS.items()}
# One of these is in all that a pattern finds: to look for them first takes a tenth of the time.
_HINTS = {
    "AWS access key id": ("akia", "asia", "abia", "acca"),
    "AWS session token": ("iqojb3jpz2lu", "ogzxivyxdz", "session"),
    "signature of a presigned URL": ("x-amz-s", "signature="),
    "signed request": ("x-amz-c", "aws4-"),
    "private key": ("private key",),
    "signed token (JWT)": ("eyj",),
    "token of a service": ("gh", "glpat", "xox", "pypi-", "aiza"),
    "bearer token": ("bearer",),
    "token of a Jupyter server": ("token=",),
    "password in an address": ("://",),
    "password or token": ("pass", "secret", "token", "api"),
    "path of a home folder": ("/home/", "/users/", "/root/", "\\users"),
}
_SECRET_NAME = re.compile(r"(?:^|_)(?:SECRET|TOKEN|PASSWORD|PASSWD|APIKEY|KEY)(?:_|$)")
# Accounts and hosts that are called so on many machines tell nobody apart.
_EVERYBODY = frozenset({
    "admin", "administrator", "analyst", "app", "build", "codespace", "default", "docker",
    "ec2-user", "flowlab", "guest", "hadoop", "home", "ipython", "jenkins", "jovyan", "jupyter",
    "kernel", "lab", "local", "localhost", "node", "nobody", "notebook", "python", "root",
    "runner", "sagemaker-user", "server", "student", "system", "teacher", "test", "ubuntu",
    "user", "vscode",
})  # fmt: skip


def secrets_in(text: str) -> Iterator[tuple[str, str]]:
    """Give the kind and text of every secret and home folder in a text."""
    lower = text.lower()
    for kind, pattern in _PATTERNS.items():
        if kind in _HINTS and not any(hint in lower for hint in _HINTS[kind]):
            continue
        for match in pattern.finditer(text):
            yield kind, match[match.lastindex or 0]


@cache
def of_this_process() -> dict[str, str]:
    """Give the secrets in the environment of this process, by their names."""
    return {
        value: f"value of the environment variable {name}"
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name.upper()) and len(value) >= 12 and not value.isalpha()
    }


@cache
def of_this_machine() -> dict[str, str]:
    """Give what tells of this machine and whose it is, and what that is."""
    known = {}
    with contextlib.suppress(OSError, KeyError, ImportError):  # an account may have no name
        known[getpass.getuser()] = "user name of this machine"
    host = socket.gethostname()
    known |= {host: "host name of this machine", host.split(".")[0]: "host name of this machine"}
    home = Path.home()
    if len(home.parts) > 2:
        known[str(home)] = "path of a home folder"
    return {
        name: kind
        for name, kind in known.items()
        if len(name) >= 3 and name.casefold() not in _EVERYBODY | own_words()
    }
