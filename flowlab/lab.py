"""Lay the notebooks out in a folder of the user's, and open JupyterLab on them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flowlab.errors import FlowlabError, MissingExtraError

START_HERE = "00-start-here.ipynb"


@dataclass(frozen=True)
class LaidOut:
    """What laying out did with each notebook, by its path within the folder.

    Attributes
    ----------
    copied : tuple of Path
        Was not there yet.
    unchanged : tuple of Path
        Was there, and is the same as flowlab's.
    kept : tuple of Path
        Was there and differs, so it may hold the user's work: left alone.
    """

    copied: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    kept: tuple[Path, ...]


def notebooks_folder() -> Path:
    """Return the folder with flowlab's own notebooks.

    A wheel carries them inside the package; in a clone they are next to it.

    Raises
    ------
    FlowlabError
        The installation has neither.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if folder.is_dir():
            return folder
    raise FlowlabError(
        "flowlab's notebooks were not found.",
        f"the installation in {package} is incomplete",
        "install flowlab again",
    )


def lay_out(folder: str | Path) -> LaidOut:
    """Copy the notebooks into a folder, never over a file that differs.

    Parameters
    ----------
    folder : path
        Made if need be.

    Returns
    -------
    LaidOut

    Raises
    ------
    FlowlabError
        The folder cannot be written to.
    """
    source, target = notebooks_folder(), Path(folder)
    copied, unchanged, kept = [], [], []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(source.rglob("*")):
            name = path.relative_to(source)
            if not path.is_file() or any(part.startswith((".", "__")) for part in name.parts):
                continue  # .ipynb_checkpoints, __pycache__ and the like
            if not (target / name).exists():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / name)
                copied.append(name)
            elif (target / name).read_bytes() == path.read_bytes():
                unchanged.append(name)
            else:
                kept.append(name)
    except OSError as error:
        raise FlowlabError(
            f"the notebooks could not be put into {target}: {error.strerror}.",
            "the folder, or a file of that name, cannot be written to",
            "name another folder: flowlab lab FOLDER",
        ) from error
    return LaidOut(tuple(copied), tuple(unchanged), tuple(kept))


def start_lab(folder: str | Path, arguments: Sequence[str] = ()) -> None:
    """Run JupyterLab on a folder until it is stopped, with the first notebook open.

    Parameters
    ----------
    folder : path
        Where Lab works; `lay_out` has put the notebooks there.
    arguments : sequence of str
        Further arguments of ``jupyter lab``.

    Raises
    ------
    MissingExtraError
        JupyterLab is not installed.
    """
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise MissingExtraError(
            "JupyterLab is not installed.",
            "flowlab was installed without its extra `lab`",
            "pip install 'flowlab[lab]'",
        ) from error
    root = Path(folder).resolve()
    start = f"/lab/tree/{START_HERE}" if (root / START_HERE).exists() else "/lab"
    # Jupyter refuses to run as root unless told; in a container there is often no one else.
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    LabApp.launch_instance(
        [
            f"--ServerApp.root_dir={root}",
            # Also in the address Lab prints, for when it cannot open a browser itself.
            f"--LabApp.default_url={start}",
            # So that the explorer's "into a new cell" can ask JupyterLab for one.
            "--LabApp.expose_app_in_browser=True",
            *(["--allow-root"] if as_root else []),
            *arguments,
        ]
    )
