"""Wait for the first records of new flow logs, and tell them from those of others.

That a record arrived proves something only if no other flow log can have written it. In S3, the
name of a file says which one did. A log stream mixes all that deliver to its group: there, proof
is a record of a shape or action that the others do not write, or the same record twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep, time
from typing import TYPE_CHECKING, Any

from flowlab import schema
from flowlab.errors import FlowlabError
from flowlab.setup.destinations import destination_of
from flowlab.setup.documents import folder
from flowlab.sources.aws import explain

if TYPE_CHECKING:
    from flowlab.setup.planning import Plan

POLL = 15.0  # s between two looks
_PAGES = 20  # of events looked at in one look, of each part
_SKEW = 60_000  # by which this machine's clock may be behind [ms]
_PART = 5 * 60_000  # of the time since then; the newest is looked at first [ms]
_FILTERS = 200  # values that one filter of EC2 takes


class Watch:
    """Looks for the first records of flow logs.

    Parameters
    ----------
    plan : Plan
    flow_logs : sequence of dict
        The new ones, or those that were mended, as DescribeFlowLogs gives them.
    others : sequence of dict
        All others.
    since : float
        Records from before this time prove nothing. [epoch s]

    Attributes
    ----------
    arrived : dict
        Flow log id to what was seen of it.
    why_not : str
        Why records may never be seen; "" where nothing speaks against it.
    """

    def __init__(
        self,
        plan: Plan,
        flow_logs: Sequence[Mapping[str, Any]],
        others: Sequence[Mapping[str, Any]],
        since: float,
    ) -> None:
        self.plan, self.flow_logs, self.since = plan, flow_logs, since
        place = plan.wish.destination
        self._others = [f for f in others if destination_of(f) == place]
        self.arrived: dict[str, str] = {}
        self.why_not = ""
        self._enis: dict[str, str] = {}
        self._look = self._in_bucket
        if place.place == "firehose":
            self.why_not = "what a Firehose stream takes in cannot be looked at from here"
        elif place.place == "cloudwatch":
            self._look = self._in_group
            self._enis = self._interfaces()
            if not self._enis:
                self.why_not = "there is no ENI yet, so there is nothing to record"

    @property
    def done(self) -> bool:
        """Whether records of every flow log were seen."""
        return all(f["FlowLogId"] in self.arrived for f in self.flow_logs)

    def wait(self, timeout: float) -> None:
        """Look until records of all flow logs were seen, with a progress bar.

        Parameters
        ----------
        timeout : float
            When to give up. [s]

        Raises
        ------
        FlowlabError
            AWS refuses to be looked at.
        """
        from tqdm.auto import tqdm

        if self.why_not:
            return
        begun = monotonic()
        with tqdm(total=round(timeout), unit="s", desc="waiting for records", leave=False) as bar:
            while True:
                self.look()
                passed = monotonic() - begun
                if self.done or passed >= timeout:
                    return
                bar.update(round(passed) - bar.n)
                sleep(min(POLL, max(timeout - passed, 0.01)))

    def look(self) -> None:
        """Look once."""
        try:
            self._look()
            return
        except Exception as error:  # noqa: BLE001 - botocore's errors have no common class
            place = self.plan.wish.destination
            problem = explain(error, f"looking for records in {place}", self.plan.access.profile)
        raise problem

    def _interfaces(self) -> dict[str, str]:
        """ENIs that the flow logs cover, each with the resource through which."""
        every = [str(f["ResourceId"]) for f in self.flow_logs]
        ask = self.plan.access.client("ec2").get_paginator("describe_network_interfaces")
        found = {one: one for one in every if one.startswith("eni-")}
        try:
            for kind, key in (("subnet", "SubnetId"), ("vpc", "VpcId")):
                ids = [one for one in every if one.startswith(f"{kind}-")]
                for at in range(0, len(ids), _FILTERS):
                    wanted = [{"Name": f"{kind}-id", "Values": ids[at : at + _FILTERS]}]
                    for page in ask.paginate(Filters=wanted):
                        for eni in page["NetworkInterfaces"]:
                            found[eni["NetworkInterfaceId"]] = eni[key]
            return found
        except Exception as error:  # noqa: BLE001 - as above
            problem = explain(error, "listing the ENIs", self.plan.access.profile)
        raise problem

    def _in_group(self) -> None:
        logs, group = self.plan.access.client("logs"), self.plan.wish.destination.name
        ask = logs.get_paginator("filter_log_events")
        seen: set[tuple[str, str]] = set()
        waiting = {
            f["ResourceId"]: f["FlowLogId"]
            for f in self.flow_logs
            if f["FlowLogId"] not in self.arrived
        }
        since, now = int(self.since * 1000), int(time() * 1000)
        for until in range(now + _SKEW, since - 1, -_PART):
            pages = ask.paginate(
                logGroupName=group, startTime=max(since, until - _PART + 1), endTime=until
            )
            for number, page in enumerate(pages, 1):
                for event in page["events"]:
                    stream, line = event["logStreamName"], event["message"].strip()
                    flow_log = waiting.get(self._enis.get(stream.rpartition("-")[0], ""))
                    if flow_log and (
                        not self._others or self._only_new(line.split()) or (stream, line) in seen
                    ):
                        self.arrived[flow_log] = f"a record in log stream {stream}"
                    seen.add((stream, line))
                if self.done:
                    return
                if number == _PAGES:
                    break  # a busy group: what is newer than all this was looked at already

    def _only_new(self, tokens: Sequence[str]) -> bool:
        """Whether this line can be of the new flow log alone."""
        mine = self.plan.wish.fields
        if len(tokens) != len(mine):
            return False
        alike = [f for f in self._others if len(_fields(f)) == len(mine)]
        if not alike:
            return True
        others = {str(f.get("TrafficType")) for f in alike}
        action = tokens[mine.index("action")] if "action" in mine else ""
        same = all({n.replace("_", "-") for n in _fields(f)} == set(mine) for f in alike)
        return same and action in ("ACCEPT", "REJECT") and others.isdisjoint({action, "ALL"})

    def _in_bucket(self) -> None:
        plan, wish = self.plan, self.plan.wish
        s3 = plan.access.client("s3")
        for flow_log in self.flow_logs:
            flow_log_id = flow_log["FlowLogId"]
            if flow_log_id in self.arrived:
                continue
            file = f"{plan.account_id}_vpcflowlogs_{plan.region}_{flow_log_id}_"
            for place in self._folders():
                found = s3.list_objects_v2(
                    Bucket=wish.destination.name, Prefix=place + file, MaxKeys=1
                )
                if found.get("Contents"):
                    self.arrived[flow_log_id] = f"the file {found['Contents'][0]['Key']}"
                    break

    def _folders(self) -> Iterable[str]:
        """Folders that files since then can be in: names hold the time at which records end."""
        plan, wish = self.plan, self.plan.wish
        root = folder(plan.account_id, wish.destination.prefix, wish.hive)
        below = f"vpcflowlogs/{plan.region}/%Y/%m/%d/" + ("%H/" if wish.hourly else "")
        if wish.hive:
            below = f"aws-service=vpcflowlogs/aws-region={plan.region}/year=%Y/month=%m/day=%d/" + (
                "hour=%H/" if wish.hourly else ""
            )
        step = timedelta(hours=1)
        at, until = datetime.fromtimestamp(self.since, UTC), datetime.now(UTC)
        names = []
        while at <= until + step:
            names.append(f"{root}/{at:{below}}")
            at += step
        return dict.fromkeys(names)


def _fields(flow_log: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        return schema.parse_log_format(flow_log.get("LogFormat") or schema.DEFAULT_FORMAT)
    except FlowlabError:
        return ()
