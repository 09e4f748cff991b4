"""Run a notebook in a fresh kernel, and write what it shows as one HTML file."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowlab.errors import FlowlabError, MissingExtraError

_ANSI = re.compile(r"\x1b\[[0-9;]*m")

# nbconvert's own template fetches three scripts from other sites, for widgets and formulas. A
# report on private traffic must ask nobody for anything: the scripts go, and the policy makes
# the browser refuse whatever else would.
_TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head -%}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:;
 font-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'">
{{ super() }}
{%- endblock -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
"""


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
    """

    notebook: Any
    widgets: dict[str, Any]
    error: str


def run_notebook(
    path: str | Path,
    *,
    parameters: Mapping[str, object] | None = None,
    timeout: float = 600,
    environment: Mapping[str, str] | None = None,
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

    Returns
    -------
    NotebookRun

    Raises
    ------
    FlowlabError
        There is no such notebook, or it has no cell tagged ``parameters`` to put any after.
    MissingExtraError
        nbclient or ipykernel is not installed.
    """
    try:
        import nbformat
        from jupyter_client.kernelspec import KernelSpecManager
        from jupyter_client.manager import AsyncKernelManager
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    except ImportError as error:
        raise _missing_extra(error) from error
    path = Path(path)
    if not path.is_file():
        raise FlowlabError(
            f"there is no notebook {path}.",
            "the name is misspelt, or the file was moved",
            "give the path of an .ipynb file",
        )
    notebook = nbformat.read(path, as_version=4)
    if parameters:
        _set_parameters(notebook, parameters, path)

    with tempfile.TemporaryDirectory(prefix="flowlab-") as sockets:
        client = NotebookClient(
            notebook,
            km=AsyncKernelManager(
                kernel_name="python3",
                # Looking nowhere else, it takes the ipykernel of this Python. A kernel that
                # someone registered as `python3` may belong to another.
                kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
                **_transport(sockets),
            ),
            timeout=timeout,
            resources={"metadata": {"path": str(path.resolve().parent)}},
        )
        problem = ""
        try:
            client.execute(
                env=dict(os.environ if environment is None else environment),
                cleanup_kc=True,  # a kernel manager of ours it would leave running
            )
        except CellExecutionError as error:
            problem = f"{error.ename}: {_ANSI.sub('', error.evalue)}"
        except CellTimeoutError:
            problem = f"a cell took longer than {timeout:g} s"
        except DeadKernelError:
            problem = "the kernel died; out of memory is the usual cause"
    return NotebookRun(notebook, dict(client.widget_state), problem)


def render_notebook(
    notebook: str | Path,
    output: str | Path,
    *,
    parameters: Mapping[str, object] | None = None,
    timeout: float = 600,
) -> Path:
    """Run a notebook and write the result as one HTML file that needs no network.

    Parameters
    ----------
    notebook : path
        The notebook. The file is never changed.
    output : path
        The HTML file. It is written whole or not at all; a file of that name is replaced.
    parameters : mapping, optional
        Values to set after the cell tagged ``parameters``.
    timeout : float
        For one cell. [seconds]

    Returns
    -------
    Path
        Of the HTML file, absolute.

    Raises
    ------
    FlowlabError
        A cell failed, or the file could not be written.
    MissingExtraError
        nbclient, ipykernel or nbconvert is not installed.
    """
    try:
        from nbconvert import HTMLExporter
    except ImportError as error:
        raise _missing_extra(error) from error
    notebook, output = Path(notebook), Path(output).absolute()
    run = run_notebook(notebook, parameters=parameters, timeout=timeout)
    if run.error:
        raise FlowlabError(
            f"no report was written: {notebook.name} stopped with {run.error}",
            "the records lack what a cell needs, or the notebook was changed",
            f"open {notebook} in JupyterLab and run it there: it stops at the same cell",
        )
    exporter = HTMLExporter(raw_template=_TEMPLATE)
    page, _ = exporter.from_notebook_node(
        run.notebook, resources={"metadata": {"name": notebook.stem}}
    )
    _write_whole(output, page)
    return output


def _transport(folder: str) -> dict[str, str]:
    # Sockets in a folder only we can read, instead of TCP ports that everyone on this machine
    # can connect to (ipykernel warns of those). The path must be absolute: the kernel starts
    # in the notebook's folder, and would never answer on a relative one. Windows has TCP only.
    if os.name != "posix":
        return {}
    return {"transport": "ipc", "ip": str(Path(folder).resolve() / "kernel")}


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
    source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(tagged[0] + 1, cell)


def _write_whole(output: Path, text: str) -> None:
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, "utf-8")
        temporary.replace(output)
    except OSError as error:
        raise FlowlabError(
            f"{output} could not be written: {error.strerror}.",
            "the folder is read-only, or the disk is full",
            "name another file",
        ) from error
    finally:
        with contextlib.suppress(OSError):  # after the replacement, or without a folder
            temporary.unlink()


def _missing_extra(error: ImportError) -> MissingExtraError:
    return MissingExtraError(
        f"running a notebook needs the package {error.name}, which is not installed.",
        "flowlab was installed without its extra `lab`",
        "pip install 'flowlab[lab]'",
    )
