"""The command ``flowlab``: a thin layer over the public functions."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowlab import __version__
from flowlab.errors import FlowlabError
from flowlab.parameters import parameter, seconds


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
        ``flowlab check`` also 1 if something is broken, 2 if nothing is but something is unknown;
        ``flowlab leak-scan`` also 1 if there is a leak.
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
        help="write a report on flow logs: one file that can be forwarded",
        description="Write a report on flow logs: one file that needs no network and no Python.",
    )
    report.add_argument(
        "source",
        nargs="*",
        metavar="SOURCE",
        help="a file, a folder or s3://...; by default the bundled sample",
    )
    report.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="its name ends in .html, .ipynb or .pdf",
    )
    report.add_argument("--start", metavar="TIME", help="only records from then on (UTC)")
    report.add_argument("--end", metavar="TIME", help="only records before then (UTC)")
    report.add_argument(
        "--rules",
        metavar="RULES",
        help="records to set aside: names of rules, and files of them, with commas between",
    )
    report.add_argument(
        "--anonymize", action="store_true", help="replace addresses, ids and names in it"
    )
    report.add_argument(
        "--key-file", type=Path, metavar="FILE", help="the key to replace by; by default a new one"
    )
    report.add_argument("--title")
    report.add_argument(
        "--notebook", type=Path, metavar="FILE", help="run this one on the source instead"
    )
    report.set_defaults(run=_report)

    render = commands.add_parser(
        "render",
        help="run a notebook and write what it shows as one file",
        description="Run a notebook in a fresh kernel and write what it shows as one file that"
        " needs no network and no kernel. A failing cell is named, and nothing is written.",
    )
    render.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    render.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="its name ends in .html, .ipynb or .pdf",
    )
    render.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the cell tagged parameters: a number, true, false, none, text, or a"
        " list or mapping in YAML; in quotes it is text. May be repeated",
    )
    render.add_argument(
        "--timeout", type=seconds, default=600, metavar="SECONDS", help="for one cell; 600"
    )
    render.set_defaults(run=_render)

    scan = commands.add_parser(
        "leak-scan",
        help="look for keys, tokens and names of this machine in a finished file",
        description="Look into a finished .html, .ipynb or .pdf for access keys, tokens, paths of"
        " home folders, user and host name, also where they cannot be seen. Exit code: 0 none"
        " found, 1 found.",
    )
    scan.add_argument("file", type=Path, metavar="FILE")
    scan.add_argument(
        "--originals", type=Path, metavar="FILE", help="what must not be in it either, one a line"
    )
    scan.set_defaults(run=_scan)

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
    if options.notebook is not None:
        _report_by_notebook(options)
        return
    import flowlab as fl
    from flowlab.reports.composing import report, require_output
    from flowlab.reports.material import rules_of

    # Reading may take an hour: what is wrong with the rest is said before.
    require_output(options.output)
    rules = rules_of(_rules(_listed(options.rules)) or None)
    period = {"start": options.start, "end": options.end}
    key = None if options.key_file is None else _contents(options.key_file).strip()
    if key is not None and not options.anonymize:
        raise FlowlabError(
            "--key-file is for --anonymize, which is not there.",
            fix="add --anonymize, or leave the key out.",
        )
    if options.source:
        flows, ledger = fl.read_flows(options.source, **period)
    else:
        flows, ledger = fl.sample_flows()
    written = report(
        flows,
        options.output,
        title=options.title,
        anonymize=options.anonymize,
        key=key,
        ledger=ledger,
        rules=rules,
        **period,
    )
    print(f"report written to {written}")


def _report_by_notebook(options: argparse.Namespace) -> None:
    given = {"--anonymize": options.anonymize, "--key-file": options.key_file is not None}
    for name, there in {**given, "--title": options.title is not None}.items():
        if there:
            raise FlowlabError(
                f"{name} is about flowlab's own report, not about what a notebook shows.",
                fix=f"leave {name} out, or --notebook.",
            )
    # The kernel starts in the notebook's folder.
    source = [str(Path(one).absolute()) if Path(one).exists() else one for one in options.source]
    wanted = {
        "source": source[0] if len(source) == 1 else source or None,
        "start": options.start,
        "end": options.end,
        "rules": _listed(options.rules) or None,
    }
    parameters = {name: value for name, value in wanted.items() if value is not None}
    _rendered(options.notebook, options.output, parameters, 600)


def _render(options: argparse.Namespace) -> None:
    parameters = dict(map(parameter, options.parameter))
    _rendered(options.notebook, options.output, parameters, options.timeout)


def _rendered(notebook: Path, output: Path, parameters: dict[str, Any], timeout: float) -> None:
    from flowlab.rendering import render_notebook

    written = render_notebook(
        notebook,
        output,
        parameters=parameters,
        timeout=timeout,
        progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(f"report written to {written}")


def _rules(names: list[str]) -> Any:
    """Give the names of rules, with the rules of files in their places."""
    from flowlab.rule_files import load_rules

    rules: list[Any] = []
    for name in names:
        if name.endswith((".yaml", ".yml")):
            rules += load_rules(name)
        else:
            rules.append(name)
    return rules


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FlowlabError(
            f"{path} could not be read: {error.strerror}.", fix="name the file that holds it."
        ) from error


def _scan(options: argparse.Namespace) -> int:
    from flowlab.reports.leaks import leak_scan

    originals = None
    if options.originals is not None:
        text = _contents(options.originals).decode("utf-8", "replace")
        originals = [line.strip() for line in text.splitlines() if line.strip()]
    found = leak_scan(options.file, originals=originals)
    for kind, where, what in found.itertuples(index=False):
        print(f"{kind}: {what} in {where}")
    many = {0: "no leak", 1: "1 leak"}.get(len(found), f"{len(found)} leaks")
    print(f"{many} in {options.file}")
    return 1 if len(found) else 0


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
