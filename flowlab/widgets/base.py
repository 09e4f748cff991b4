"""What every widget is: a public function, its controls, and nothing else.

A widget shows what one call gives, and that call as text. A callback that fails would vanish
silently in JupyterLab; here it is shown in place, and the last good view stays.
"""

from __future__ import annotations

import asyncio
import html
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as w

from flowlab.errors import FlowlabError
from flowlab.interrupting import listen_while_idle
from flowlab.widgets.calls import Call, Step, text_of
from flowlab.wording import plain_text

PAUSE = 0.05  # seconds in which further changes join the one that is waiting
REST = 0.6  # seconds without a change after which the static twin is renewed
LABEL = {"description_width": "7em"}


class Panel:
    """A public function and its controls.

    A subclass says what to call (`steps`) and how its result is shown (`show`).

    Attributes
    ----------
    controls : dict of str to ipywidgets.Widget
        Setting ``.value`` of one is what a click does.
    box : ipywidgets.Widget
        All of it, to be put beside other widgets.
    error : str
        What is wrong with the controls as they are; "" if nothing is.
    """

    def __init__(self, names: Mapping[str, Any], controls: Mapping[str, w.Widget]) -> None:
        self.names = dict(names)
        self.controls = dict(controls)
        self.error = ""
        self._wrong = False
        self._call = ""
        self._result: Any = None
        self._message = w.HTML()
        self._twin = ""
        self._handle: Any = None
        self._twin_timer: asyncio.TimerHandle | None = None
        # JupyterLab handles what widgets send in a thread of its own, cells run in another.
        self._one_at_a_time = threading.RLock()
        self._together = 0
        self._pending = False
        self._timer: asyncio.TimerHandle | None = None
        self.box: w.Widget = w.VBox([*self.controls.values(), self._message])
        for control in self.controls.values():
            if control.has_trait("value"):
                control.observe(self._changed, "value")

    # ------------------------------------------------------------ what a subclass says
    def steps(self) -> Sequence[Step | Call]:
        """Give the calls that make the view; the last one gives the result."""
        raise NotImplementedError

    def show(self, result: Any) -> str:
        """Show a result in the widget, and give its static twin as HTML."""
        raise NotImplementedError

    # ------------------------------------------------------------ what a person reads
    @property
    def call(self) -> str:
        """The calls that make what is shown, as Python."""
        self.settle()
        return self._call

    @property
    def result(self) -> Any:
        """What the last of the calls gave."""
        self.settle()
        return self._result

    def static(self) -> str:
        """Give the view in HTML that needs no widget."""
        return self._twin or self._message.value  # no view yet, but perhaps a reason

    def settle(self) -> None:
        """Compute now what a change has asked for, if it is still waiting."""
        with self._one_at_a_time:
            if self._pending:
                self.refresh()

    # ------------------------------------------------------------ how it works
    def refresh(self) -> None:
        """Ask again and show the answer, or what is wrong; the last good view stays."""
        self._pending = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with self.reporting():
            steps = list(self.steps())
            names = dict(self.names)
            result: Any = None
            for step in steps:
                call = step.call if isinstance(step, Step) else step
                result = call.run(names)
                if isinstance(step, Step):
                    names[step.target] = result
            self._twin = self.show(result)
            self._call, self._result = text_of(steps), result
            self._publish()

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Show in place what goes wrong inside, instead of losing it."""
        self._wrong = False
        try:
            yield
        except KeyboardInterrupt:
            self._say("Interrupted: this is still the view before.")
        except FlowlabError as problem:
            self._say(str(problem))
        except Exception as problem:  # noqa: BLE001 - a callback's error is lost if not shown here
            self._say(f"{type(problem).__name__}: {problem}")
        else:
            if not self._wrong:  # nor in what this set in motion
                self._say("")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Change several controls as one change."""
        self._together += 1
        try:
            yield
        finally:
            self._together -= 1
            if self._pending and not self._together:
                self._later()

    def when_clicked(self, button: w.Button, act: Callable[[], None]) -> None:
        """Let a button do something, its errors shown in place."""

        def clicked(_: w.Button) -> None:
            with self.reporting():
                act()

        button.on_click(clicked)

    def _changed(self, _: object) -> None:
        self._pending = True
        if not self._together:
            self._later()

    def _later(self) -> None:
        """Compute after a short pause: however fast one drags, the last position counts."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no notebook: a script or a test
            self.settle()
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(PAUSE, self.settle)

    def _say(self, text: str) -> None:
        self.error = text
        self._wrong = bool(text)
        lines = "<br>".join(html.escape(plain_text(line)) for line in text.splitlines())
        style = "border-left:4px solid #d55e00;padding:.3em .8em"
        self._message.value = f"<div role='alert' style='{style}'>{lines}</div>" if text else ""

    # ------------------------------------------------------------ in a notebook
    def _ipython_display_(self) -> None:
        from IPython.display import display

        self.settle()
        listen_while_idle()
        display(self.box)  # type: ignore[no-untyped-call]
        # Saved with the notebook, and shown where no widget can be: GitHub, a report, a copy
        # that is not trusted.
        self._handle = display(_Static(self.static()), display_id=True)  # type: ignore[no-untyped-call]

    def _publish(self) -> None:
        """Keep the new view with the notebook, when the hand rests: it takes a while."""
        if self._handle is None:
            return
        if self._twin_timer is not None:
            self._twin_timer.cancel()
        try:
            self._twin_timer = asyncio.get_running_loop().call_later(REST, self._publish_now)
        except RuntimeError:
            self._publish_now()

    def _publish_now(self) -> None:
        with self._one_at_a_time:
            self._handle.update(_Static(self.static()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.call}"


class _Static:
    """The view as it is, without a widget."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        kept = f"<summary>This view, kept with the notebook</summary>{self._text}"
        return f"<details class='flowlab-static'>{kept}</details>"

    def __repr__(self) -> str:
        return "The view as picture and table"
