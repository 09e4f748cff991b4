"""Drive a real JupyterLab in a real Chromium.

It asks the application itself (``window.jupyterapp``) whether something has finished: no
sleeping, and no guessing from CSS classes. Chromium is the system's own, found on PATH or
named by FLOWLAB_CHROMIUM; nothing is downloaded.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright
from runner import kernel_environment

CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # Chromium's does not work for root, in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "about:")
# A quiet Lab that does the same every time.
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    # Every cell is in the page, scrolled into view or not.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
PAGE_CONFIG = {
    "disabledExtensions": {
        "@jupyterlab/apputils-extension:announcements": True,  # "Jupyter news?", over the page
        "@jupyterlab/extensionmanager-extension": True,  # asks PyPI for a list
    }
}


def chromium_path() -> str | None:
    """Return where Chromium is, if it is anywhere."""
    names = (os.environ.get("FLOWLAB_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if name and (path := shutil.which(name))), None)


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that is running, on the notebooks in a folder."""

    address: str
    token: str
    folder: Path


@contextlib.contextmanager
def running_lab(folder: Path, state: Path, *, seconds: float = 60) -> Iterator[Lab]:
    """Run JupyterLab the way ``flowlab lab`` does, keeping all that it writes in `state`.

    Nothing in the home folder of whoever runs the tests has a say.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = state / "config" / "labconfig"
    config.mkdir(parents=True)
    (config / "default_setting_overrides.json").write_text(json.dumps(SETTINGS))
    (config / "page_config.json").write_text(json.dumps(PAGE_CONFIG))
    token = secrets.token_hex(16)
    environment = kernel_environment() | {
        "JUPYTER_CONFIG_DIR": str(config.parent),
        "JUPYTER_DATA_DIR": str(state / "data"),
        "JUPYTER_RUNTIME_DIR": str(state / "run"),
        "JUPYTERLAB_SETTINGS_DIR": str(state / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
        "IPYTHONDIR": str(state / "ipython"),
        "JUPYTER_TOKEN": token,  # not as an argument: everyone can list those
    }
    arguments = [
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=None",
    ]
    log = state / "lab.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "flowlab", "lab", str(folder), "--", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=state,
            start_new_session=True,
        )
    lab = Lab(f"http://127.0.0.1:{port}", token, folder)
    try:
        deadline = time.monotonic() + seconds
        while not _answers(lab):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-4000:]}")
            time.sleep(0.1)
        yield lab
    finally:
        _end(process)


def _answers(lab: Lab) -> bool:
    address = f"{lab.address}/api/status?token={lab.token}"
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    # The server, and its kernels: they are in the process group it leads.
    for sign, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


@dataclass
class Window:
    """A browser window, and what it did that it should not have.

    Attributes
    ----------
    page : Page
        Playwright's.
    external : list of str
        Addresses outside this machine that were asked for; none of the requests got there.
    console_errors : list of str
        Errors in the browser's console, and exceptions nobody caught.
    """

    page: Page
    external: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)


@contextlib.contextmanager
def browser_window(width: int = 1400, height: int = 1000) -> Iterator[Window]:
    """Open a window in Chromium that reaches this machine only."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS
        )
        context = chromium.new_context(viewport={"width": width, "height": height})
        window = Window(context.new_page())

        def gate(route):
            if route.request.url.startswith(LOCAL):
                route.continue_()
            else:
                window.external.append(route.request.url)
                route.abort()

        def hear(message):
            if message.type == "error":
                window.console_errors.append(message.text)

        context.route("**/*", gate)
        window.page.on("console", hear)
        window.page.on("pageerror", lambda error: window.console_errors.append(str(error)))
        try:
            yield window
        finally:
            chromium.close()


class OpenNotebook:
    """A notebook that is open in JupyterLab 4."""

    def __init__(self, page: Page, lab: Lab, address: str, *, milliseconds: float = 60_000):
        self.page = page
        page.set_default_timeout(milliseconds)
        page.goto(f"{lab.address}{address}?reset&token={lab.token}")  # reset: no earlier tabs
        page.wait_for_selector("#jupyterlab-splash", state="detached")
        self.panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        self.panel.wait_for()
        page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.context")
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait until the kernel is there and has nothing left to do."""
        # Not an async function: its promise would count as true, whatever comes of it.
        answer = self.page.wait_for_function(
            """() => {
                // A dialog ("Select Kernel", "kernel died") waits for a person.
                const dialog = document.querySelector('.jp-Dialog');
                if (dialog) return dialog.innerText;
                const { context, sessionContext } = window.jupyterapp.shell.currentWidget;
                const kernel = sessionContext.session?.kernel;
                return context.isReady && sessionContext.isReady
                    && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
            }"""
        ).json_value()
        assert answer is True, f"JupyterLab asks: {answer}"

    def command(self, name: str) -> None:
        """Run a command of JupyterLab's, and wait for it."""
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute(name).then(() => null)", name
        )

    def run_all(self) -> None:
        """Run all cells, as the menu does; return when the last one has run."""
        self.command("notebook:run-all-cells")
        self.wait_until_idle()

    def errors(self) -> list[str]:
        """Return the tracebacks that are shown, and whatever else was written to stderr."""
        # JupyterLab shows both as the same MIME type.
        return self.panel.locator(
            "[data-mime-type='application/vnd.jupyter.error'],"
            "[data-mime-type='application/vnd.jupyter.stderr']"
        ).all_inner_texts()

    def pictures(self) -> Locator:
        """Return the pictures among the outputs."""
        return self.panel.locator(".jp-OutputArea-output img")

    def picture_widths(self) -> list[int]:
        """Return the width of each picture among the outputs, once it is drawn. [pixels]"""
        return self.pictures().evaluate_all(
            "images => Promise.all(images.map(i => i.decode().then(() => i.naturalWidth)))"
        )

    def shut_down(self) -> None:
        """End the kernel."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")

    # ipywidgets, found as a person finds them: by the words beside them.

    def widget(self, kind: str, description: str) -> Locator:
        """Return the widget of a CSS class with this description."""
        label = self.page.locator(".widget-label", has_text=description)
        return self.panel.locator(kind, has=label).first

    def dropdown(self, description: str) -> Locator:
        """Return the list of a dropdown; use its select_option()."""
        return self.widget(".widget-dropdown", description).locator("select")

    def press_on_slider(self, description: str, key: str, times: int, handle: int = 0) -> None:
        """Move a slider by keys, for example "ArrowRight"."""
        knob = self.widget(".widget-slider", description).locator(".noUi-handle").nth(handle)
        knob.focus()
        for _ in range(times):
            knob.press(key)

    def drag_slider(self, description: str, fraction: float, handle: int = 0) -> None:
        """Drag a slider's handle with the mouse to a fraction of its track. [0-1]"""
        slider = self.widget(".widget-slider", description)
        slider.scroll_into_view_if_needed()
        track = slider.locator(".noUi-target").bounding_box()
        knob = slider.locator(".noUi-handle").nth(handle).bounding_box()
        mouse = self.page.mouse
        mouse.move(knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2)
        mouse.down()
        mouse.move(
            track["x"] + track["width"] * fraction, track["y"] + track["height"] / 2, steps=12
        )
        mouse.up()
