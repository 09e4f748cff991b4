"""A set-up as a picture: the environment on the left, the chain of each flow log on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from flowlab.canvas import drawing_on
from flowlab.errors import UnknownNameError
from flowlab.setup.chains import Chain, Covered, LinkState
from flowlab.setup.inks import GREY, INK, SIGNS, arrow, clean, folded, outline, write
from flowlab.setup.layout import Picture, SubnetBox, VpcBox, in_trouble, picture_of
from flowlab.setup.telling import age_in_words, count_of, heading_of, state_in_words, summary_of
from flowlab.setup.verdicts import LINKS, Status

if TYPE_CHECKING:
    from flowlab.setup.reporting import SetupReport

# All lengths are inches of the figure we make; on Axes of others they shrink alike.
_VPC_WIDTH, _BOX_WIDTH, _BOX_HEIGHT, _GAP = 4.15, 1.55, 0.96, 0.3
_ROW, _CHAIN_ROW, _TITLE = 0.21, 1.16, 0.3
_LEFT_EDGE = [_VPC_WIDTH + 0.55 + n * (_BOX_WIDTH + _GAP) for n in range(4)]
_WIDTH = _LEFT_EDGE[-1] + _BOX_WIDTH + 0.05
_ID_EDGE = 2.55  # where the ids of ENIs begin at the latest
_MOST_TOLD = 3  # chains in the alt text
_HEADS = ("flow log", "permission", "destination", "newest record")


def draw_setup(report: SetupReport, *, vpc: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw VPCs, subnets and ENIs, and each flow log's chain to its newest record.

    Parameters
    ----------
    report : SetupReport
    vpc : str, optional
        Draw only this one.
    ax : Axes, optional
        Where to draw; by default a new figure. About 11 inches wide is what the text is meant for.

    Returns
    -------
    Axes
        A broken link has a cross, a dashed outline and words; what comes after it is dotted. At
        most 30 ENIs are drawn, the broken ones first; the rest is counted. `plots.describe` and
        `plots.show` say the same in words.

    Raises
    ------
    UnknownNameError
        The report has no such VPC.
    """
    picture = picture_of(report, vpc)
    if vpc is not None and not picture.vpcs:
        raise UnknownNameError(f"the VPC {vpc!r} is not in this report.",
                               fix="see the column vpc_id of report.coverage.")  # fmt: skip
    heights = [_vpc_height(box) for box in picture.vpcs] or [0.6]
    height = 0.75 + sum(heights) + 0.25 * len(heights) + 0.35
    with drawing_on(ax, (_WIDTH, height)) as ax:
        ax.set_xlim(0, _WIDTH)
        ax.set_ylim(height, 0)
        ax.set_axis_off()
        ax.set_title(clean(heading_of(report), 150), x=0, ha="left", fontsize=10, color="black")
        # The axes are not shown. Their labels say in words what stands there.
        ax.set_ylabel(clean(f"{_told(report, picture)}; each chain is drawn link", 4000))
        ax.set_xlabel(f"link: ENI, {', '.join(_HEADS)}")
        _heads(ax)
        top = 0.6
        for box, tall in zip(picture.vpcs, heights, strict=False):
            _Vpc(ax, box, top, tall).draw()
            top += tall + 0.25
        if not picture.vpcs:
            write(ax, 0.1, top + 0.2, summary_of(report))
        _legend(ax, height - 0.2, picture.left_out)
    return ax


def _vpc_height(box: VpcBox) -> float:
    rows = sum(_subnet_height(subnet) + 0.1 for subnet in box.subnets)
    rows += _ROW * (bool(box.more_subnets) + (not box.subnets))
    return max(_TITLE + rows + 0.1, _CHAIN_ROW * (len(box.chains) + bool(box.bare)))


def _subnet_height(box: SubnetBox) -> float:
    return _TITLE - 0.05 + _ROW * (sum(map(_lines, box.shown)) + bool(box.more)) + 0.05


def _lines(eni: Covered) -> int:
    return 2 if in_trouble(eni) else 1


class _Vpc:
    """Draws one VPC and its chains, from `top` downward."""

    def __init__(self, ax: Axes, box: VpcBox, top: float, height: float) -> None:
        self.ax, self.box, self.top, self.height = ax, box, top, height
        # Where things stand that a flow log can be attached to: right edge and height.
        self.places: dict[str, tuple[float, float]] = {}

    def draw(self) -> None:
        box = self.box
        outline(self.ax, 0.05, self.top, _VPC_WIDTH, self.height, "#555555")
        title = f"VPC {box.vpc_id}  {box.name}"
        write(self.ax, 0.15, self.top + 0.16, title, cut=48, bold=True, until=_VPC_WIDTH)
        self.places[box.vpc_id] = (0.05 + _VPC_WIDTH, self.top + 0.16)
        down = self.top + _TITLE
        for subnet in box.subnets:
            self._subnet(subnet, down)
            down += _subnet_height(subnet) + 0.1
        if not box.subnets:
            write(self.ax, 0.25, down + 0.08, "no ENI in use", colour=GREY)
        if box.more_subnets:
            more = _counted(box.more_interfaces, "ENI", box.more_troubled)
            told = f"and {count_of(box.more_subnets, 'more subnet')} with {more}"
            write(self.ax, 0.25, down + 0.08, told)
        self._chains()

    def _subnet(self, subnet: SubnetBox, top: float) -> None:
        right, tall = 0.15 + _VPC_WIDTH - 0.2, _subnet_height(subnet)
        outline(self.ax, 0.15, top, right - 0.15, tall, "#999999")
        write(self.ax, 0.23, top + 0.13, f"{subnet.subnet_id}  {subnet.name}", cut=50, until=right)
        self.places[subnet.subnet_id] = (right, top + 0.13)
        down = top + _TITLE - 0.05 + _ROW / 2
        for eni in subnet.shown:
            ink = INK[eni.status]
            write(self.ax, 0.3, down, SIGNS[eni.status], colour=ink, bold=True)
            write(self.ax, 0.47, down, eni.owner, cut=28, until=_ID_EDGE)
            write(self.ax, right - 0.06, down, eni.interface_id, align="right")
            self.places[eni.interface_id] = (right, down)
            down += _ROW
            if _lines(eni) == 2:
                said = f"{'broken' if eni.status == 'fail' else 'not known'} at {eni.broken}"
                if eni.broken == LINKS[0] and eni.status == "fail":
                    said = "no flow log covers it"
                write(self.ax, 0.47, down - 0.02, said, colour=ink, bold=True)
                down += _ROW
        if subnet.more:
            noun = "more ENI" if subnet.shown else "ENI"
            write(self.ax, 0.3, down, _counted(subnet.more, noun, subnet.more_troubled))

    def _chains(self) -> None:
        whole = self.places[self.box.vpc_id]
        begins: list[tuple[tuple[float, float], Chain | None]] = [
            (self.places.get(chain.attached_to, whole), chain) for chain in self.box.chains
        ]
        if self.box.bare:
            homes = {eni.subnet_id for eni in self.box.bare}
            home = homes.pop() if len(homes) == 1 else ""
            begins.append((self.places.get(home, whole), None))
        low, ends = self.top, self.top + self.height - _CHAIN_ROW * len(begins)
        for number, (start, chain) in enumerate(sorted(begins, key=lambda one: one[0][1])):
            # As near to what it is attached to as the others leave room for.
            top = max(low, min(start[1] - 0.25, ends + _CHAIN_ROW * number))
            if chain:
                self._chain(chain, start, top)
            else:
                self._no_chain(start, top)
            low = top + _CHAIN_ROW

    def _no_chain(self, start: tuple[float, float], top: float) -> None:
        left = _LEFT_EDGE[0]
        arrow(self.ax, start, (left, top + _BOX_HEIGHT / 2), alive=True, cross=True)
        told = f"FAIL: none covers {count_of(len(self.box.bare), 'ENI')}"
        _link(self.ax, left, top, "no flow log", "fail", told)

    def _chain(self, chain: Chain, start: tuple[float, float], top: float) -> None:
        middle, alive = top + _BOX_HEIGHT / 2, True
        x, y = start
        for left, link in zip(_LEFT_EDGE, LINKS[1:], strict=True):
            state = chain.links[link]
            failed = state.status == "fail" and not _only_some(state, chain)
            arrow(self.ax, (x, y), (left, middle), alive, cross=alive and failed)
            said = state_in_words(state, len(chain.interfaces))
            _link(self.ax, left, top, _named(chain, link), state.status, said)
            alive = alive and not failed
            x, y = left + _BOX_WIDTH, middle


def _counted(number: int, noun: str, troubled: int) -> str:
    """Count ENIs that are not drawn, and say how they are."""
    how = f"{troubled:,} of them broken or not known" if troubled else "delivering"
    return f"{count_of(number, noun)}, {how}"


def _only_some(state: LinkState, chain: Chain) -> bool:
    return 0 < state.interfaces < len(chain.interfaces)


def _named(chain: Chain, link: str) -> str:
    """What a link of this chain is, by name."""
    if link == "flow log":
        return chain.flow_log_id
    if link == "permission":
        role = str(chain.flow_log.get("DeliverLogsPermissionArn") or "")
        if role:
            return "role " + role.rpartition("/")[2]
        return "bucket policy" if chain.destination.startswith("s3://") else "of the service"
    if link == "destination":
        return chain.destination
    ages = [eni.age for eni in chain.interfaces if eni.age is not None]
    return f"{age_in_words(min(ages))} old" if ages else "none seen"


def _link(
    ax: Axes, left: float, top: float, name: str, status: Status | None, said: str
) -> None:  # fmt: skip
    ink = INK[status] if status else GREY
    width, style = (
        (2.0, "--") if status == "fail" else (1.0, "-" if status in ("ok", "warn") else ":")
    )
    outline(ax, left, top, _BOX_WIDTH, _BOX_HEIGHT, ink, width=width, style=style)
    text = "\n".join(folded(name, 20, 3))
    write(ax, left + 0.08, top + 0.08, text, upright="top")
    words = "\n".join(folded(f"{SIGNS[status] if status else '-'} {said}", 22, 3))
    write(ax, left + 0.08, top + _BOX_HEIGHT - 0.07, words, colour=ink, upright="bottom",
           bold=status == "fail")  # fmt: skip


def _heads(ax: Axes) -> None:
    write(ax, 0.05, 0.35, "environment, ENIs in use", bold=True)
    for left, head in zip(_LEFT_EDGE, _HEADS, strict=True):
        write(ax, left + 0.08, 0.35, head, bold=True)


def _legend(ax: Axes, y: float, left_out: str) -> None:
    signs = f"{SIGNS['ok']} ok   {SIGNS['warn']} warning   {SIGNS['unknown']} not known   "
    told = f"{signs}{SIGNS['fail']} broken: dashed; nothing gets past it: dotted"
    write(ax, 0.05, y, told + (f"   Not drawn: {left_out}." if left_out else ""), colour="#333333")


def _told(report: SetupReport, picture: Picture) -> str:
    """Say in words what is drawn."""
    subnets = sum(len(box.subnets) + box.more_subnets for box in picture.vpcs)
    enis = sum(len(s.shown) + s.more for box in picture.vpcs for s in box.subnets)
    enis += sum(box.more_interfaces for box in picture.vpcs)
    counts = ", ".join((count_of(len(picture.vpcs), "VPC"), count_of(subnets, "subnet"),
                        count_of(enis, "ENI") + " in use"))  # fmt: skip
    chains = [chain for box in picture.vpcs for chain in box.chains]
    parts = [counts + (f" (not drawn: {picture.left_out})" if picture.left_out else "")]
    parts.append(summary_of(report).rstrip("."))
    for chain in chains[:_MOST_TOLD]:
        links = ", ".join(f"{link} {state_in_words(state, len(chain.interfaces))}"
                          for link, state in chain.links.items())  # fmt: skip
        parts.append(f"{chain.flow_log_id} on {chain.attached_to}: {links}")
    bare = sum(len(box.bare) for box in picture.vpcs)
    parts += [f"no flow log covers {count_of(bare, 'ENI')}"] if bare else []
    left = len(chains) - _MOST_TOLD
    return "; ".join([*parts, count_of(left, "more flow log")] if left > 0 else parts)
