"""Run a notebook in a fresh kernel, and write what it shows as one file that can be forwarded."""

from __future__ import annotations

import ast
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowlab.errors import FlowlabError, MissingExtraError, unknown_name
from flowlab.wording import cut_short, plain_text

KINDS = (".html", ".ipynb", ".pdf")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 500  # characters of an error
_FAILED = (
    "the records lack what the cell needs, or the notebook was changed",
    "open the notebook in JupyterLab and run it there: it stops at the same cell",
)


@dataclass(frozen=True)
class NotebookRun:
    """A notebook that was run, as far as it got.

    Attributes
    ----------
    notebook : NotebookNode
        The cells with their outputs; a copy, the file is as it was.
    widgets : dict
        State of every widget, by its model id.
    error : str
        What stopped it, in one line; empty if it ran to its end.
    cell : str
        Where: the number of the cell among those of code, and its first line.
    remedy : tuple of str
        Likely cause and remedy, where no cell failed but time or the kernel ran out.
    """

    notebook: Any
    widgets: dict[str, Any]
    error: str
    cell: str = ""
    remedy: tuple[str, str] | None = None


def run_notebook(
    path: str | Path,
    *,
    parameters: Mapping[str, object] | None = None,
    timeout: float = 600,
    environment: Mapping[str, str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> NotebookRun:
    """Run a notebook from top to bottom, in a fresh kernel of this very Python.

    Parameters
    ----------
    path : path
        The notebook. The file is never changed.
    parameters : mapping, optional
        Values to set after the cell tagged ``parameters``.
    timeout : float
        For one cell. [seconds]
    environment : mapping, optional
        Environment of the kernel; by default that of this process.
    progress : callable, optional
        Is given one line about each cell when it starts.

    Returns
    -------
    NotebookRun
        Of what a cell prints or shows, the part that is beyond reading is cut; it says so there.

    Raises
    ------
    FlowlabError
        There is no such notebook, it is none, or it has no cell tagged ``parameters`` to put any
        after; or the kernel does not start.
    UnknownNameError
        The cell tagged ``parameters`` does not set a name of these.
    MissingExtraError
        nbclient or ipykernel is not installed.
    """
    try:
        from nbclient import exceptions as stopped

        from flowlab.kernels import DIED, TOO_LONG, BoundedClient, first_line
    except ImportError as error:
        raise _missing_extra(error) from error
    path = Path(path)
    notebook = _read(path)
    if parameters:
        _set_parameters(notebook, parameters, path)
    ours = [c for c in notebook.cells if c.cell_type == "code" and not _injected(c)]
    at = ""

    def started(cell: Any, _: int) -> None:
        nonlocal at
        if cell.cell_type != "code" or not cell.source.strip():
            return
        line = cut_short(plain_text(first_line(cell)), 70)
        if _injected(cell):
            at = f"the parameters ({line})"
        else:
            number = next(n for n, one in enumerate(ours, 1) if one is cell)
            at = f"code cell {number} of {len(ours)} ({line})"
        if progress is not None:
            progress(at)

    with (
        tempfile.TemporaryDirectory(prefix="flowlab-") as sockets,
        tempfile.TemporaryFile() as complaints,
    ):
        client = BoundedClient(
            notebook,
            folder=path.resolve().parent,
            sockets=sockets,
            timeout=timeout,
            started=started,
        )
        problem, remedy = "", None
        try:
            client.execute(
                env=dict(os.environ if environment is None else environment),
                # What a kernel says when it is stopped is no news to whoever waits for a report.
                stderr=complaints,
                cleanup_kc=True,  # a kernel manager of ours it would leave running
            )
        except stopped.CellExecutionError as error:
            # An error of showing what a cell gave has no name here, but it has in the output.
            problem = f"{error.ename}: {_ANSI.sub('', error.evalue)}"
            if error.ename == "NoneType":
                problem = next(filter(None, map(_error_in, notebook.cells)), problem)
        except stopped.CellTimeoutError:
            problem = f"a cell took longer than {timeout:g} s"
            remedy = TOO_LONG
        except stopped.DeadKernelError as error:
            if not at:
                raise _not_started(client.last_words(complaints)) from error
            problem = "the kernel died; out of memory is the usual cause"
            remedy = DIED
        except (RuntimeError, AssertionError) as error:  # nbclient's, of a kernel that never was
            if at:
                raise
            raise _not_started(client.last_words(complaints)) from error
    return NotebookRun(notebook, dict(client.widget_state), problem, at if problem else "", remedy)


def _not_started(said: str) -> FlowlabError:
    return FlowlabError(
        f"the notebook's kernel did not start: {cut_short(plain_text(said), _LONGEST)}",
        "ipykernel is damaged, or a start-up file of IPython or Python stops it",
        "run `python -m ipykernel --version` with this Python, and look into ~/.ipython",
    )


def render_notebook(
    notebook: str | Path,
    output: str | Path,
    *,
    parameters: Mapping[str, object] | None = None,
    timeout: float = 600,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Run a notebook and write the result as one file that needs no network and no kernel.

    Parameters
    ----------
    notebook : path
        The notebook. The file is never changed.
    output : path
        ``.html``: one page that asks nobody for anything. ``.ipynb``: a copy that shows all of it
        on GitHub and in a JupyterLab that does not trust it. ``.pdf``: the page, printed by
        Chromium. Written whole or not at all; a file of that name is replaced.
    parameters : mapping, optional
        Values to set after the cell tagged ``parameters``.
    timeout : float
        For one cell. [seconds]
    progress : callable, optional
        Is given one line about each cell when it starts.

    Returns
    -------
    Path
        Of the file, absolute.

    Raises
    ------
    FlowlabError
        A cell failed (it is named), the file could not be written, or it would have held an
        access key, a token, the path of a home folder, or the user or host name of this machine.
    MissingExtraError
        nbclient, ipykernel or nbconvert is not installed; for a PDF, Chromium or pypdf.

    Notes
    -----
    A widget of flowlab's becomes its static twin with its settings; of others there are the
    values. Scripts are left out, and errors are their message alone. The path of your home
    folder is written as ~.
    """
    notebook, output = Path(notebook), Path(output).expanduser().absolute()
    kind = output.suffix.lower()
    if kind not in KINDS:
        raise FlowlabError(
            f"a notebook cannot be written as {output.name}.",
            fix=f"let its name end in one of: {', '.join(KINDS)}.",
        )
    try:
        import nbconvert  # noqa: F401 - before the notebook runs for an hour

        from flowlab.reports import freezing, freezing_page
    except ImportError as error:
        raise _missing_extra(error) from error
    from flowlab.reports.leaks import refuse_leaks
    from flowlab.reports.printing import find_chromium, print_pdf
    from flowlab.writing import require_writable, write_whole

    require_writable(output)
    if kind == ".pdf":
        find_chromium()
    run = run_notebook(notebook, parameters=parameters, timeout=timeout, progress=progress)
    problem, where = (run.error, run.cell) if run.error else _shown_error(run)
    if problem:
        raise FlowlabError(
            f"no report was written: {notebook.name} stopped {'because' if run.remedy else 'with'} "
            f"{cut_short(plain_text(' '.join(problem.split())), _LONGEST)}, in {where}.",
            *(run.remedy or _FAILED),
        )

    def refuse(data: bytes) -> None:
        refuse_leaks(data, kind[1:])

    frozen = freezing.freeze(run.notebook, pictures_apart=kind == ".ipynb")
    if kind == ".ipynb":
        import nbformat

        text = nbformat.writes(frozen) + "\n"
        return write_whole(output, text.encode("utf-8", "surrogatepass"), check=refuse)
    page = freezing_page.page(frozen, name=notebook.stem, folder=notebook.resolve().parent)
    if kind == ".html":
        return write_whole(output, page, check=refuse)
    with tempfile.TemporaryDirectory(prefix="flowlab-") as folder:
        written = write_whole(Path(folder) / "page.html", page)
        printed = print_pdf(written, Path(folder) / "page.pdf").read_bytes()
    return write_whole(output, printed, check=refuse)


def _read(path: Path) -> Any:
    import nbformat

    from flowlab.kernels import read_notebook

    if not path.is_file():
        raise FlowlabError(
            f"there is no notebook {path}.",
            "the name is misspelt, or the file was moved",
            "give the path of an .ipynb file",
        )
    try:
        return read_notebook(path)
    except OSError as error:
        raise FlowlabError(f"{path} could not be read: {error.strerror}.") from error
    except (ValueError, TypeError, AttributeError, KeyError, nbformat.ValidationError) as error:
        raise FlowlabError(
            f"{path} is not a notebook.",
            "another kind of file was named, or it was cut off or edited by hand",
            "open it in JupyterLab, which says more; or take it from where you have it from",
        ) from error


def _injected(cell: Any) -> bool:
    return "injected-parameters" in cell.metadata.get("tags", [])


def _set_parameters(notebook: Any, parameters: Mapping[str, object], path: Path) -> None:
    import nbformat

    tagged = [
        number
        for number, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    ]
    if not tagged:
        raise FlowlabError(
            f"{path.name} takes no parameters.",
            "no cell of it has the tag `parameters`",
            "tag the cell with its settings, or leave the parameters out",
        )
    known = _assigned(notebook.cells[tagged[0]].source)
    for name in parameters:
        if known and name not in known:
            raise unknown_name(f"{path.name}: the parameter", name, known)
    source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cell = nbformat.v4.new_code_cell(
        source, id="injected-parameters", metadata={"tags": ["injected-parameters"]}
    )
    if notebook.nbformat_minor < 5:  # cells had no ids
        del cell["id"]
    notebook.cells.insert(tagged[0] + 1, cell)


def _assigned(source: str) -> set[str]:
    """Give the names that a cell sets; none if it is more than Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _shown_error(run: NotebookRun) -> tuple[str, str]:
    """Find an error that did not stop the kernel, and its place."""
    code = [c for c in run.notebook.cells if c.cell_type == "code" and not _injected(c)]
    for number, cell in enumerate(code, 1):
        if said := _error_in(cell):
            return said, f"code cell {number} of {len(code)}"
    return "", ""


def _error_in(cell: Any) -> str:
    """Give the last error in a cell's output, unless it is meant to be there."""
    if "raises-exception" in cell.metadata.get("tags", []):
        return ""
    errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
    return f"{errors[-1].ename}: {_ANSI.sub('', errors[-1].evalue)}" if errors else ""


def _missing_extra(error: ImportError) -> MissingExtraError:
    return MissingExtraError(
        f"running a notebook needs the package {error.name}, which is not installed.",
        "flowlab was installed without its extra `lab`",
        "pip install 'flowlab[lab]'",
    )
