#!/usr/bin/env python3
"""Write the example reports under rendered/, from the bundled sample.

    python3 tools/make_rendered.py              write them
    python3 tools/make_rendered.py FOLDER       write them elsewhere

They are what a report looks like without installing anything: sample-report.html to download and
open, sample-report.ipynb to read on GitHub. A test makes them again and compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

import flowlab as fl
from flowlab.reports.composing import report

HERE = Path(__file__).resolve().parent.parent
NAMES = ("sample-report.html", "sample-report.ipynb")
TITLE = "A day in the sample network"
RULES = ("dns", "ntp", "icmp")  # so that there is something to account for


def make_rendered(folder: Path) -> list[Path]:
    """Write the example reports.

    Parameters
    ----------
    folder : path
        Where to.

    Returns
    -------
    list of Path
        The files.
    """
    flows, ledger = fl.sample_flows()
    return [
        report(flows, folder / name, title=TITLE, ledger=ledger, rules=list(RULES))
        for name in NAMES
    ]


def main(arguments: list[str]) -> int:
    """Write, and say what; return the exit code."""
    for path in make_rendered(Path(arguments[0]) if arguments else HERE / "rendered"):
        print(path, f"{path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
