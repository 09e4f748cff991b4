"""A CloudWatch Logs log group as a place of flow logs: its period cut into slices of time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flowlab import schema
from flowlab.errors import FlowlabError
from flowlab.sources import aws, loggroup, slices
from flowlab.sources.items import Item, Listing

_SCHEME = "cloudwatch://"
# CloudWatch takes events up to this old (ms), so a new group may hold some from before itself.
_OLDEST_EVENT = 14 * loggroup.DAY
_MANY = 2_000  # slices from which it is worth saying how long that takes
_REQUESTS = 5  # a second and account; AWS's quota for FilterLogEvents is 5 to 25, by region


class CloudWatch:
    """Flow logs in a CloudWatch Logs log group.

    Parameters
    ----------
    group : str
        Name of the log group, as in ``/vpc/flow-logs``.
    streams : str or sequence of str, optional
        Only these log streams (one per ENI: ``eni-0a1b...-all``); a ``*`` at the end stands for
        any ending. All of them if left out.
    log_format : str or sequence of str, optional
        Format of the lines; else AWS is asked for the LogFormat of every flow log that delivers
        to the group.
    settle : duration
        How long after its end a slice may still grow. Delivery usually takes 5 minutes, but is
        best effort. Newer slices are read, but never archived.
    slice : duration
        Time that one item covers. Longer ones make fewer requests where there is little traffic.
    profile, region, role_arn, endpoint_url : str, optional
        As whom and where to ask: see `flowlab.sources.aws.Access`.
    clock : callable
        Gives the time, in epoch seconds. AWS refuses requests of a computer whose clock is more
        than minutes off, so the local clock is good enough to tell what has settled.

    Raises
    ------
    FlowlabError
        A name that no log group can have, or a duration that is none.
    LineFormatError
        `log_format` is no format.
    """

    remote = True

    def __init__(
        self,
        group: str,
        *,
        streams: str | Sequence[str] | None = None,
        log_format: str | Sequence[str] | None = None,
        settle: Any = "75min",
        slice: Any = "5min",
        profile: str | None = None,
        region: str | None = None,
        role_arn: str | None = None,
        endpoint_url: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.group = loggroup.name_of(group)
        self.streams = loggroup.stream_names(streams)
        self.log_format = None if log_format is None else schema.parse_log_format(log_format)
        self.settle = slices.milliseconds(settle, "settle", 0)
        self.slice = slices.milliseconds(slice, "slice", 1000)
        self.access = aws.Access(profile, region, role_arn, endpoint_url)
        self._clock = clock

    @classmethod
    def from_url(cls, url: str, **options: Any) -> CloudWatch:
        """Make one from ``cloudwatch://log-group``; options as for the class.

        What follows the two slashes is the name of the group, which often begins with a slash
        itself: ``cloudwatch:///vpc/flow`` is the group ``/vpc/flow`` and ``cloudwatch://flow`` is
        ``flow``. No group may be called ``aws/...``, so ``cloudwatch://aws/vpc/flow`` can only
        mean ``/aws/vpc/flow``.
        """
        if not url.startswith(_SCHEME):
            raise FlowlabError(
                f"{url!r} is not the address of a log group.",
                fix="write it like cloudwatch://log-group or cloudwatch:///vpc/flow-logs.",
            )
        name = url.removeprefix(_SCHEME)
        return cls(f"/{name}" if name.startswith("aws/") else name, **options)

    def options(self) -> dict[str, Any]:
        """Arguments that make an equal place: plain enough for JSON, without any password."""
        return {
            "group": self.group,
            "streams": self.streams and [*self.streams],
            "log_format": self.log_format and [*self.log_format],
            "settle": f"{self.settle // 1000}s",
            "slice": f"{self.slice // 1000}s",
            **self.access.options(),
        }

    def __str__(self) -> str:
        return f"{_SCHEME}{self.group}"

    def __repr__(self) -> str:
        given = {"streams": self.streams, "log_format": self.log_format}
        more = [f"{name}={value!r}" for name, value in given.items() if value is not None]
        access = repr(self.access).removeprefix("Access(").removesuffix(")")  # hides passwords
        return f"CloudWatch({', '.join(filter(None, [repr(self.group), *more, access]))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CloudWatch) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self.group, self.streams, self.log_format, self.settle, self.slice, self.access

    def list(self, start: int | None, end: int | None) -> Listing:
        """List the slices that may hold records that start in a half-open period.

        A slice is one item. One slice more is listed on either side of the period, because an
        event's time and its record's ``start`` may be a minute apart.

        Parameters
        ----------
        start, end : int or None
            Period; from the first event, until now where left out. [epoch s]

        Returns
        -------
        Listing
            Slices in the order of time, formats, and what AWS did not tell.

        Raises
        ------
        AccessError
            No credentials, or they may not read this.
        SourceError
            No such log group, or none of the log streams.
        FlowlabError
            AWS cannot be reached, or fails.
        """
        listing = Listing()
        logs = self.access.client("logs", retries="adaptive")
        now = int(self._clock() * 1000)
        found = loggroup.find(logs, self.group, self.access.profile)
        group = found if isinstance(found, loggroup.Group) else None
        if not group:
            listing.notices.append(f"{self}: its age and retention could not be asked for: {found}")
        profile = self.access.profile
        streams, listing.problems = loggroup.existing(logs, self.group, self.streams, profile)
        if self.log_format:
            listing.formats = (self.log_format,)
        else:
            listing.formats, notices = loggroup.formats(self.access, self.group)
            listing.notices += notices
        reader = slices.Reader(logs, self.group, slices.ways(streams), profile)
        covered = self._covered(start, end, now, group, reader, listing)
        if covered:
            self._add_slices(covered, now, group, reader, listing)
        return listing

    def read_policy(self) -> dict[str, Any]:
        """Least that the reading identity must be allowed, as an IAM policy document.

        The account is that of `role_arn`, else ``*``; put your account's number there. Who
        assumes the role needs ``sts:AssumeRole`` on it besides.
        """
        role = (self.access.role_arn or "").split(":")
        account = role[4] if len(role) > 4 else "*"
        region = self.access.region_name() or "*"
        groups = f"arn:{self.access.partition()}:logs:{region}:{account}:log-group"
        # Names of streams are looked up; a flow log's format is asked for: only where needed.
        named = any(not s.endswith("*") for s in self.streams or ())
        read = ["logs:DescribeLogStreams"] * named + ["logs:FilterLogEvents"]
        ask = {
            "Sid": "AskForTheFormat", "Effect": "Allow", "Action": "ec2:DescribeFlowLogs",
            "Resource": "*",  # AWS knows no narrower one
        }  # fmt: skip
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "FindTheLogGroup", "Effect": "Allow",
                    "Action": "logs:DescribeLogGroups",
                    "Resource": f"{groups}:*",  # it is checked on all groups of the account
                },
                {
                    "Sid": "ReadItsEvents", "Effect": "Allow", "Action": read,
                    # AWS checks the form with ":*"; without it, the policy grants nothing.
                    "Resource": [f"{groups}:{self.group}", f"{groups}:{self.group}:*"],
                },
                *([] if self.log_format else [ask]),
            ],
        }  # fmt: skip

    def _covered(
        self,
        start: int | None,
        end: int | None,
        now: int,
        group: loggroup.Group | None,
        reader: slices.Reader,
        listing: Listing,
    ) -> tuple[int, int] | None:
        """Narrow the period, in ms, down to the slices that can hold events."""
        width = self.slice
        until = -(-now // width) * width
        if end is not None:
            until = min(until, -(-end * 1000 // width) * width + width)
        since = 0 if start is None else max(0, slices.floor(start * 1000, width) - width)
        if since >= until:
            listing.notices.append(f"{self}: the period has not begun")
            return None
        known_from = max(group.created, group.kept_from(now)) if group else None
        if start is not None and known_from is not None and start * 1000 >= known_from:
            return since, until
        # Asking is one request; listing years of slices in which there is nothing is thousands.
        if group:
            since = max(since, slices.floor(group.created - _OLDEST_EVENT, width))
        first = reader.first_event(since, until)
        if first is None:
            listing.notices.append(f"{self}: CloudWatch holds no event in this period")
            return None
        if start is not None and first >= start * 1000 + width:
            listing.notices.append(
                f"{self}: CloudWatch holds nothing before {slices.shown(first)}, the first event "
                "of the period"
            )
        return slices.floor(first, width), until

    def _add_slices(
        self,
        covered: tuple[int, int],
        now: int,
        group: loggroup.Group | None,
        reader: slices.Reader,
        listing: Listing,
    ) -> None:
        owner = loggroup.owner(self.access, group, reader.client.meta.region_name)
        if owner is None:
            listing.notices.append(
                f"{self}: AWS does not tell which account this is, so it cannot be archived"
            )
        chosen, where = "all", (owner or reader.client.meta.region_name).partition("@")[0]
        if self.streams:
            chosen = hashlib.sha256("\n".join(self.streams).encode()).hexdigest()[:16]
            where += f", streams {chosen[:8]}"
        kept_from = group.kept_from(now) if group else 0
        for start, end in slices.cut(*covered, self.slice):
            identity = f"{_SCHEME}{owner}/{self.group}/{chosen}/{start}-{end}" if owner else ""
            # What retention is deleting may be half gone; an archive would keep that for ever.
            settled = end + self.settle <= now and start >= kept_from
            # The names of one group's slices elsewhere must differ: a ledger tells by name.
            name = f"{self} {slices.period(start, end)} ({where})"
            fetch = partial(reader.open, start, end)
            listing.items.append(
                Item(name, 0, fetch, identity, settled, listing.formats, remote=True)
            )
        self._say_what_to_expect(covered, now, kept_from, listing)

    def _say_what_to_expect(
        self, covered: tuple[int, int], now: int, kept_from: int, listing: Listing
    ) -> None:
        if covered[0] < kept_from:
            listing.notices.append(
                f"{self}: its retention deletes what is older than {slices.shown(kept_from)}; "
                "before that, records may be missing, and nothing is archived"
            )
        if covered[1] + self.settle > now:
            open_from = max(covered[0], slices.floor(now - self.settle, self.slice))
            listing.notices.append(
                f"{self}: from {slices.shown(open_from)} on, records may still arrive (settle=); "
                "that part is read, but not archived"
            )
        if (count := len(listing.items)) >= _MANY:
            listing.notices.append(
                f"{self}: {count:,} slices; at the {_REQUESTS} requests a second that AWS may "
                f"allow an account, they take {count / _REQUESTS / 60:.0f} minutes. A longer "
                "slice=, such as slice='1h', makes fewer requests where there is little traffic"
            )
