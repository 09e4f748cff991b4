"""The command ``flowlab``: a thin layer over the public functions."""

from __future__ import annotations

import argparse
import io
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
        Exit code: 0 done, 1 a FlowlabError (its text is on stderr), 130 stopped by Ctrl-C;
        ``flowlab check`` also 1 if something is broken, 2 if nothing is but something is unknown.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # argparse would mix what follows -- with our own arguments.
    at = words.index("--") if "--" in words else len(words)
    options = _parser().parse_args(words[:at])
    options.passed_on = words[at + 1 :]
    try:
        return options.run(options) or 0
    except FlowlabError as error:
        print(f"flowlab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


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

    check = commands.add_parser(
        "check",
        help="check that flow logs are on, may deliver, and do arrive",
        description="Check, ENI by ENI, that flow logs are on, may deliver, and do arrive. Reads"
        " AWS and changes nothing. Exit code: 0 all is well or a warning, 1 something is broken,"
        " 2 nothing is broken but something could not be known.",
    )
    check.add_argument("--vpc", metavar="ID", help="look at this VPC only")
    check.add_argument("--subnet", metavar="ID", help="look at this subnet only")
    check.add_argument("--interface", metavar="ID", help="look at this ENI only")
    check.add_argument(
        "--region", action="append", metavar="REGION", help="may be repeated; all for every one"
    )
    check.add_argument("--profile", help="of the AWS configuration")
    check.add_argument(
        "--role-arn", action="append", metavar="ARN", help="role of another account to look into"
    )
    check.add_argument("--endpoint-url", metavar="URL", help="of a practice account")
    check.add_argument(
        "--snapshot", metavar="PATH", help="judge what was saved, without AWS; or: practice"
    )
    check.add_argument("--save", type=Path, metavar="FOLDER", help="keep what AWS answered")
    check.add_argument(
        "--anonymize", action="store_true", help="replace ids and names in what is saved"
    )
    check.add_argument("--json", action="store_true", help="print the checks as JSON")
    check.set_defaults(run=_check)
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


def _check(options: argparse.Namespace) -> int:
    if options.anonymize and options.save is None:
        raise FlowlabError(
            "--anonymize is about what is saved, and nothing is.", fix="add --save FOLDER."
        )
    from flowlab.setup.checking import check_setup

    report = check_setup(
        vpc=options.vpc,
        subnet=options.subnet,
        interface=options.interface,
        regions="all" if options.region == ["all"] else options.region,
        profile=options.profile,
        role_arns=options.role_arn,
        endpoint_url=options.endpoint_url,
        snapshot=options.snapshot,
    )
    # Names and tags may hold what the encoding of a terminal or pipe does not.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    print(report.to_json() if options.json else report)
    if options.save is not None:
        saved = report.save(options.save, anonymize=options.anonymize)
        print(f"what AWS answered is kept in {saved}", file=sys.stderr)
    return report.exit_code
