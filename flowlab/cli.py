"""The command ``flowlab``: a thin layer over the public functions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flowlab import __version__
from flowlab.errors import FlowlabError

SAMPLE_REPORT = "03-traffic-breakdown.ipynb"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        Exit code: 0 done, 1 a FlowlabError (its text is on stderr), 130 stopped by Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # argparse would mix what follows -- with our own arguments.
    at = words.index("--") if "--" in words else len(words)
    options = _parser().parse_args(words[:at])
    options.passed_on = words[at + 1 :]
    try:
        options.run(options)
    except FlowlabError as error:
        print(f"flowlab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flowlab", description="A Jupyter workbench for AWS VPC Flow Logs."
    )
    parser.add_argument("--version", action="version", version=f"flowlab {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    lab = commands.add_parser(
        "lab",
        help="lay out the notebooks in a folder and open JupyterLab there",
        description="Lay out the notebooks in a folder and open JupyterLab there. A notebook"
        " that you changed is never overwritten. What follows -- goes to jupyter lab.",
    )
    lab.add_argument("folder", nargs="?", type=Path, default=Path("flowlab-notebooks"))
    lab.add_argument("--no-run", action="store_true", help="only lay out the notebooks")
    lab.set_defaults(run=_lab)

    report = commands.add_parser(
        "report",
        help="write a report on the bundled sample",
        description="Run a notebook on the bundled sample and write it as one HTML file.",
    )
    report.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    report.set_defaults(run=_report)

    read = commands.add_parser(
        "read",
        help="read flow logs and print the ledger",
        description="Read flow logs and print the ledger: what became of every line.",
    )
    read.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder or s3://...")
    read.set_defaults(run=_read)
    return parser


# What a command needs is imported when it runs: --help and --version answer at once.


def _lab(options: argparse.Namespace) -> None:
    from flowlab.lab import lay_out, start_lab

    done = lay_out(options.folder)
    if done.copied:
        print(f"files put into {options.folder}: {len(done.copied)}")
    for name in done.kept:
        print(f"kept {options.folder / name}: it differs from flowlab's, so it may be your work")
    if not options.no_run:
        start_lab(options.folder, options.passed_on)


def _report(options: argparse.Namespace) -> None:
    from flowlab.lab import notebooks_folder
    from flowlab.rendering import render_notebook

    written = render_notebook(notebooks_folder() / SAMPLE_REPORT, options.output)
    print(f"report written to {written}")


def _read(options: argparse.Namespace) -> None:
    import flowlab as fl

    _, ledger = fl.read_flows(options.paths)
    print(ledger)
