#!/usr/bin/env python3
"""From a fresh clone to an open JupyterLab in one command, on any system.

    python3 start.py            set up, then open notebooks/00-start-here.ipynb in JupyterLab
    python3 start.py report     set up, run a notebook on the bundled sample without a browser,
                                and write reports/flowlab-sample-report.html
    python3 start.py test       set up with the test tools, then run every test

Set-up makes the folder .venv and installs flowlab into it: a minute or so the first time,
nothing the next. It needs Python 3.11 or newer and nothing else; uv is used if it is there.

    python3 start.py --no-run               only set up
    python3 start.py -- --port 9000         what follows -- goes to JupyterLab
    python3 start.py report -o friday.html  what follows report goes to `flowlab report`
    python3 start.py test -k parsing        what follows test goes to pytest
"""

# Standard library only, and no syntax newer than Python 3.7: an older Python must get as far
# as the message that says it is too old. tests/test_start.py holds both.
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import deque
from pathlib import Path

MINIMUM = (3, 11)
HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "flowlab-installed.json"
REPORT = HERE / "reports" / "flowlab-sample-report.html"

# What a failed installation usually means, by a phrase in its output. The first match counts:
# when the network is down, pip says that as well as "no matching distribution".
CAUSES = (
    (
        ("No space left",),
        "the disk is full; the installation takes about 1 GB",
        "make room and start again",
    ),
    (
        ("Permission denied", "Read-only file system"),
        "this folder cannot be written to",
        "work in a clone that belongs to you",
    ),
    (
        ("name resolution", "new connection", "timed out", "ProxyError", "SSLError", "dns error"),
        "the package index could not be reached",
        "check the network; behind a proxy set HTTPS_PROXY, with a mirror set PIP_INDEX_URL",
    ),
    (
        ("No matching distribution", "ResolutionImpossible", "conflicting dependencies"),
        "a package in constraints.txt has no release for this Python or this system",
        "use a 64-bit Python 3.11, 3.12 or 3.13",
    ),
)


class SetupError(Exception):
    """A step of the set-up failed: what happened, the likely cause, what to do."""

    def __init__(self, what, why, fix):
        super().__init__(f"{what}\n  Likely cause: {why}.\n  To fix: {fix}.")


def check_version(version):
    """Refuse a Python that flowlab does not run on."""
    if tuple(version[:2]) < MINIMUM:
        raise SetupError(
            f"flowlab needs Python {MINIMUM[0]}.{MINIMUM[1]} or newer;"
            f" this is Python {version[0]}.{version[1]}.",
            "python3 is an older one on this system",
            "call a newer one by its name, for example `python3.12 start.py`",
        )


def wanted(extras):
    """Return what the stamp says of an installation that is up to date."""
    hashes = {
        name: hashlib.sha256((HERE / name).read_bytes()).hexdigest()
        for name in ("pyproject.toml", "constraints.txt")
    }
    # The folder, because an editable installation points at it: in a moved clone it is stale.
    return {"folder": str(HERE), "hashes": hashes, "extras": sorted(extras)}


def read_stamp():
    """Return what was installed, or nothing if that is not known."""
    try:
        return json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def write_stamp(content):
    """Put on record how far the installation is."""
    STAMP.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def venv_python():
    """Return the version of .venv's Python, or "" if that does not run."""
    try:
        answer = subprocess.run(
            [str(PYTHON), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.decode().strip()


def is_current(stamp, extras):
    """Tell whether .venv works and holds what pyproject.toml and constraints.txt ask for."""
    now = wanted(extras)
    return (
        stamp.get("folder") == now["folder"]
        and stamp.get("hashes") == now["hashes"]
        and set(now["extras"]) <= set(stamp.get("extras", []))
        and stamp.get("python") == venv_python()
    )


def is_usable(stamp):
    """Tell whether .venv is sound, so that installing into it again is enough."""
    python = venv_python()
    return (
        python != ""
        and tuple(map(int, python.split("."))) >= MINIMUM
        and not stamp.get("unfinished")  # an interrupted pip leaves packages with files missing
        and stamp.get("python", python) == python
        and stamp.get("folder", str(HERE)) == str(HERE)
    )


def failure(command):
    """Run one step of the set-up, showing its latest line; return "" or how it failed."""
    tail = deque(maxlen=25)
    # PIP_USER, where it is set for the whole system, makes pip refuse a virtual environment.
    environment = dict(os.environ, PIP_USER="0", PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    width = shutil.get_terminal_size().columns - 1
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=str(HERE),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        return f"{error}\n"
    with process:
        for line in process.stdout:
            tail.append(line)
            if sys.stdout.isatty():
                print("\r" + line.strip()[:width].ljust(width), end="", flush=True)
    if sys.stdout.isatty():
        print("\r" + " " * width, end="\r", flush=True)
    return "" if process.returncode == 0 else "".join(tail) or "no output\n"


def must_run(command, what):
    """Run a step that the set-up cannot do without."""
    output = failure(command)
    if not output:
        return
    sys.stderr.write(output)
    for phrases, why, fix in CAUSES:
        if any(phrase in output for phrase in phrases):
            raise SetupError(what, why, fix)
    raise SetupError(what, "the last lines above say it", "settle that and start again")


def make_venv():
    """Make .venv afresh, in place of one that cannot be used."""
    if VENV.is_symlink() or (VENV.exists() and not (VENV / "pyvenv.cfg").exists()):
        raise SetupError(
            ".venv is in the way: it is not a virtual environment that may be replaced.",
            f"something else was put at {VENV}",
            "move it away and start again",
        )
    if VENV.exists():
        shutil.rmtree(str(VENV))
    # Without pip it takes a moment, so hardly anything can come between this and the stamp.
    command = [sys.executable, "-m", "venv", "--without-pip", VENV]
    must_run(command, "the virtual environment .venv was not made.")


def install(target):
    """Install with uv where there is one (seconds instead of a minute), otherwise with pip."""
    uv = shutil.which("uv")
    if uv:
        output = failure([uv, "pip", "install", "--python", PYTHON, *target])
        if not output:
            return
        print(f"{output}uv could not install flowlab; trying with pip.", flush=True)
    if failure([PYTHON, "-c", "import pip"]):
        # Debian and Ubuntu leave ensurepip out of python3.
        if importlib.util.find_spec("ensurepip") is None:
            raise SetupError(
                "this Python cannot set up a virtual environment: it lacks ensurepip.",
                "Debian and Ubuntu keep that in a package of its own",
                "`sudo apt install python{}.{}-venv`, or install uv"
                " (https://docs.astral.sh/uv/)".format(*sys.version_info[:2]),
            )
        must_run([PYTHON, "-m", "ensurepip"], "pip was not put into .venv.")
    pip = [PYTHON, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    must_run(pip + target, "flowlab was not installed: pip failed.")


def set_up(extras):
    """See to it that .venv holds flowlab with these extras; do nothing if it does."""
    stamp = read_stamp()
    if is_current(stamp, extras):
        return
    print("Setting up .venv. This takes a minute or so, once.", flush=True)
    # What was asked for earlier stays: `start.py` after `start.py test` takes nothing away.
    extras = sorted(set(extras) | set(stamp.get("extras", [])))
    usable = is_usable(stamp)
    if not usable:
        make_venv()
    # Until the last line, .venv does not count as installed, whatever happens.
    write_stamp({"unfinished": True, "extras": extras})
    try:
        install(["-c", HERE / "constraints.txt", "-e", ".[{}]".format(",".join(extras))])
    except SetupError:
        # A pip that gives up (no network, say) leaves what was there: try again in place.
        if usable and stamp:
            write_stamp(stamp)
        raise
    write_stamp(dict(wanted(extras), python=venv_python()))


def hand_over(command):
    """Go on as this command, and end with its exit code."""
    command = [str(part) for part in command]
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606 (so that signals reach it directly)
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass  # it got the Ctrl-C too, and decides


def understand(argv):
    """Split the command line into a command and what is passed on to it."""
    if argv[:1] in (["report"], ["test"]):
        return argv[0], argv[2:] if argv[1:2] == ["--"] else argv[1:]
    own = argv[: argv.index("--")] if "--" in argv else argv
    if own not in ([], ["--no-run"]):
        return "help", own
    return ("set-up" if own else "lab"), argv[len(own) + 1 :]


def main(argv):
    """Do what the command line asks for; return the exit code."""
    command, rest = understand(argv)
    if command == "help":
        print(__doc__)
        if rest in (["-h"], ["--help"]):
            return 0
        print("start.py: cannot make out:", *rest, file=sys.stderr)
        return 2
    try:
        check_version(sys.version_info)
        set_up(["lab", "test"] if command == "test" else ["lab"])
    except SetupError as error:
        print(f"start.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstart.py: stopped. Start it again to go on.", file=sys.stderr)
        return 130
    if command == "test":
        os.chdir(str(HERE))
        return hand_over([PYTHON, "-m", "pytest", *rest])
    if command == "report":
        return hand_over([PYTHON, "-m", "flowlab", "report", "-o", REPORT, *rest])
    if command == "lab":
        return hand_over([PYTHON, "-m", "flowlab", "lab", HERE / "notebooks", "--", *rest])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
