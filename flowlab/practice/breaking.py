"""What of a practice account is broken now, and the breaking and mending of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowlab.errors import FlowlabError, unknown_name
from flowlab.practice.faults import MENU
from flowlab.practice.menu import Fault
from flowlab.practice.setting_up import SetUp

if TYPE_CHECKING:
    import pandas as pd


class Faults:
    """What is broken of a set-up.

    Attributes
    ----------
    set_up : SetUp
    broken : dict
        Name of each fault that is broken now: when that was, and its options.
    """

    def __init__(self, set_up: SetUp) -> None:
        self.set_up = set_up
        self.broken: dict[str, tuple[float, dict[str, str]]] = {}

    def table(self) -> pd.DataFrame:
        """List the faults."""
        import pandas as pd

        rows = [
            {
                "fault": fault.name,
                "what_it_does": fault.words,
                "check_setup_says": ", ".join(f"{k}: {v}" for k, v in fault.finds.items()),
                "broken": fault.name in self.broken,
            }
            for fault in MENU.values()
        ]
        return pd.DataFrame(rows)

    def break_(self, name: str, **options: str) -> None:
        """Break one more."""
        fault = _known(name)
        if set(options) - set(fault.options):
            raise FlowlabError(
                f"the fault {name!r} takes no {', '.join(sorted(options))}.",
                fix="of all faults, only denied takes something: the action=.",
            )
        self.broken[name] = (self.set_up.delivery.clock(), options)
        self._apply()

    def mend(self, name: str | None = None) -> None:
        """Mend one, or all."""
        if name is None:
            self.broken.clear()
        else:
            self.broken.pop(_known(name).name, None)
        self._apply()

    def _apply(self) -> None:
        state = self.set_up.healthy()
        for name, (moment, options) in self.broken.items():
            state.now = moment
            MENU[name].change(state, **options)
        self.set_up.apply(state)


def _known(name: str) -> Fault:
    if name not in MENU:
        raise unknown_name("fault", name, MENU)
    return MENU[name]
