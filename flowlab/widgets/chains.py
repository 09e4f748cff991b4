"""A set-up to look into: pick a VPC, a subnet or an ENI, and see its chain."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from flowlab import plots
from flowlab.errors import FlowlabError
from flowlab.widgets.base import LABEL, Panel
from flowlab.widgets.calls import Call, Name, Step, text_of
from flowlab.widgets.chain_pages import chains_page
from flowlab.widgets.picking import Option, Places, eni_label

if TYPE_CHECKING:
    from flowlab.setup.chains import Covered
    from flowlab.setup.reporting import SetupReport

_MOST_LISTED = 200  # ENIs in a list to choose from; more are typed
_MOST_OFFERED = 500  # ENIs offered while typing, those in trouble first; any can be typed
_WIDE = w.Layout(width="46em", max_width="100%")


def setup_view(report: SetupReport) -> Panel:
    """Pick a VPC, a subnet or an ENI, and see its chain with the link that breaks.

    Parameters
    ----------
    report : SetupReport
        As `check_setup` gives it. Nothing is asked of AWS again.

    Returns
    -------
    Panel
        Shows itself in a notebook, and begins with an ENI in trouble if there is one. ``.call``
        is `fl.check_setup` for what is picked, with the report as ``report``; ``.result`` is the
        SetupReport of that part. Where there are more than 200 ENIs, theirs is a box to type in.

    Raises
    ------
    FlowlabError
        `report` is no SetupReport.

    Examples
    --------
    >>> import flowlab as fl
    >>> view = fl.widgets.setup_view(fl.check_setup(snapshot="practice"))
    >>> view.call
    'fl.check_setup(snapshot=report, interface="eni-0b40d2e5c8a591f08")'
    """
    from flowlab.setup.reporting import SetupReport

    if not isinstance(report, SetupReport):
        raise FlowlabError(
            f"setup_view takes a report of a set-up, not {type(report).__name__}.",
            fix="pass what fl.check_setup(...) gave.",
        )
    return _SetupView(report)


class _SetupView(Panel):
    def __init__(self, report: SetupReport) -> None:
        self._places = Places(report)
        offered = self._places.within("", "")
        self._typed = len(offered) > _MOST_LISTED
        controls = {
            "vpc": _list("VPC", self._places.vpcs()),
            "subnet": _list("subnet", self._places.subnets("")),
            "interface": _box("ENI") if self._typed else _list("ENI"),
        }
        self._offer(controls["interface"], offered)
        if offered and offered[0].status in ("fail", "unknown"):
            worst = offered[0]
            controls["interface"].value = eni_label(worst) if self._typed else worst.interface_id
        super().__init__({"report": report}, controls)
        self._view = w.HTML()
        self.box = w.VBox([*controls.values(), self._message, self._view])
        self.refresh()

    def steps(self) -> Sequence[Step | Call]:
        return [Call("check_setup", [], {"snapshot": Name("report"), **self._picked()})]

    def show(self, result: SetupReport) -> str:
        call = f"<p>As a call: <code>{html.escape(text_of(self.steps()))}</code></p>"
        page = chains_page(result, plots.show(result.draw()).html) + call
        self._view.value = page
        return page

    def _changed(self, change: Any) -> None:
        with self.together():
            super()._changed(change)
            self._narrow(change["owner"])

    def _narrow(self, changed: w.Widget) -> None:
        """Offer what is inside; what was picked there before is not picked any more."""
        vpc, subnet, eni = self.controls.values()
        if changed is vpc:
            subnet.options = self._places.subnets(vpc.value)
        if changed in (vpc, subnet):
            self._offer(eni, self._places.within(vpc.value, subnet.value))

    def _offer(self, control: w.Widget, enis: Sequence[Covered]) -> None:
        labels = [eni_label(eni) for eni in enis]
        if self._typed:
            control.options = labels[:_MOST_OFFERED]
        else:
            ids = (eni.interface_id for eni in enis)
            control.options = [("all ENIs", ""), *zip(labels, ids, strict=True)]
        control.value = ""

    def _picked(self) -> dict[str, str]:
        """Name the narrowest of what is picked; of a label that was typed the id counts."""
        vpc, subnet, eni = (control.value for control in self.controls.values())
        if words := eni.split():
            self._places.require(words[0], vpc, subnet)
            return {"interface": words[0]}
        return {"subnet": subnet} if subnet else {"vpc": vpc} if vpc else {}


def _list(label: str, options: Sequence[Option] = ()) -> w.Dropdown:
    return w.Dropdown(options=options, description=label, style=LABEL, layout=_WIDE)


def _box(label: str) -> w.Combobox:
    return w.Combobox(
        description=label, placeholder="all of them; type an id, or a name to find one",
        continuous_update=False, style=LABEL, layout=_WIDE,
    )  # fmt: skip
