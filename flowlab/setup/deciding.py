"""From what there is and what is wished to the steps between; asks nothing, changes nothing."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import Any

from flowlab.errors import FlowlabError
from flowlab.setup.bucket_steps import bucket_steps
from flowlab.setup.coverage import containers
from flowlab.setup.destination_steps import log_group_steps, stream_steps
from flowlab.setup.destinations import destination_of
from flowlab.setup.drafting import Draft, bucket_policy, refused
from flowlab.setup.inventory import Scope
from flowlab.setup.looking import RESOURCES
from flowlab.setup.role_steps import role_steps
from flowlab.setup.steps import Call
from flowlab.setup.wishes import Wish, role_name

# What tells what an ENI or a subnet is in.
_WHERE = {"subnet": "ec2:DescribeSubnets", "eni": "ec2:DescribeNetworkInterfaces"}
_PLANNED = "fl-00000000000000000"  # stands for the id of a flow log that is not made yet


class Decided(Draft):
    """Steps from what there is to what is wished.

    Parameters
    ----------
    scope : Scope
        What there is.
    wish : Wish
        What there is to be.
    now : datetime
        When AWS answered. [UTC]

    Attributes
    ----------
    steps, notes
        As in `Draft`.
    role : str
        ARN of the role that new flow logs deliver with; "" where none is needed.
    equal : dict
        Resource to the flow log that does already what is wished, there or on what contains it.
    old : dict
        Resource to the flow logs there that deliver to the same place, but otherwise.
    doubles : list
        Flow logs on parts of a resource that record again what its own one records.

    Raises
    ------
    FlowlabError
        It cannot be had: a resource, bucket or stream that does not exist.
    """

    def __init__(self, scope: Scope, wish: Wish, now: datetime) -> None:
        super().__init__(scope, wish, now)
        self.role = ""
        self._resources_exist()
        self.equal: dict[str, dict[str, Any]] = {}
        self.old: dict[str, list[dict[str, Any]]] = {}
        self.doubles: list[dict[str, Any]] = []
        self._compare()
        self._inherited()
        self.missing = [one for one in wish.resource_ids if one not in self.equal]
        if wish.destination.place == "cloudwatch":
            log_group_steps(self)
            self._roles()
        elif wish.destination.place == "s3":
            bucket_steps(self, [*self.equal.values()])
        else:
            stream_steps(self)
        self._flow_logs()
        self._hints()

    def _resources_exist(self) -> None:
        ask, key = RESOURCES[self.wish.resource_type]
        answer = self.scope.get(ask)
        if not answer.known:
            self.notes.append(f"whether the resources exist is not known: {refused(answer)}")
            return
        there = [str(found[key]) for found in answer.items()]
        for one in self.wish.resource_ids:
            if one not in there:
                near = difflib.get_close_matches(one, there, n=2) or there[:3]
                raise FlowlabError(
                    f"there is no {one} in {self.scope.region} of account {self.scope.account_id}.",
                    "it was deleted, or is in another region or account.",
                    f"there {'is' if len(near) == 1 else 'are'} {', '.join(near)}; or pass "
                    "region= or profile=." if near else "pass region= or profile=.",
                )  # fmt: skip

    def _compare(self) -> None:
        """Find the flow logs that do already what is wished, and those that are to go."""
        self.differs: dict[str, list[str]] = {}
        for flow_log in self.scope.get("ec2:DescribeFlowLogs").items():
            one = str(flow_log.get("ResourceId"))
            if one not in self.wish.resource_ids:
                continue
            if destination_of(flow_log) != self.wish.destination:
                self.notes.append(
                    f"{flow_log['FlowLogId']} also records {one}, to {destination_of(flow_log)}: "
                    "it stays as it is, and both are paid for"
                )
            elif other := self.wish.differences(flow_log):
                self.old.setdefault(one, []).append(flow_log)
                self.differs[flow_log["FlowLogId"]] = other
            else:
                self.equal.setdefault(one, flow_log)

    def _inherited(self) -> None:
        """Find the flow logs to the same place on what contains a resource, and on its parts."""
        around, mine = containers(self.scope), set(self.wish.resource_ids)
        for flow_log in self.scope.get("ec2:DescribeFlowLogs").items():
            on, name = str(flow_log.get("ResourceId")), flow_log["FlowLogId"]
            if on in mine or destination_of(flow_log) != self.wish.destination:
                continue
            other = self.wish.differences(flow_log)
            if on not in around and (asks := _WHERE.get(on.partition("-")[0])):
                answer = self.scope.get(asks)
                if not answer.known and self.wish.resource_type != "NetworkInterface":
                    self.notes.append(
                        f"{name} on {on} delivers to the same place; whether it records a part of "
                        f"this again is not known: {refused(answer)}"
                    )
            inside = [one for one in self.wish.resource_ids if on in around.get(one, ())]
            outside = [one for one in around.get(on, ()) if one in mine]
            for one in inside if not other else ():
                self.equal.setdefault(one, flow_log)
            if outside and not other:
                self.doubles.append(flow_log)
            elif inside + outside and other:
                self.notes.append(
                    f"{name} on {on} records {', '.join(inside) or f'a part of {outside[0]}'} to "
                    f"the same place, otherwise than wished ({'; '.join(other)}), and stays: what "
                    "both record arrives, counts and costs twice"
                )

    def _roles(self) -> None:
        """Mend the roles that deliver, and make one where there is none to deliver with."""
        scope = self.scope
        roles = {_role(f): str(f["FlowLogId"]) for f in self.equal.values()}
        if self.missing:
            theirs = [_role(f) for logs in [*self.old.values(), self.doubles] for f in logs]
            there = [arn for arn in [*roles, *theirs] if scope.get("iam:GetRole", arn).value]
            own = role_name(self.wish.destination, scope.region)
            self.role = next(
                iter(there), f"arn:{scope.partition}:iam::{scope.account_id}:role/{own}"
            )
            roles[self.role] = _PLANNED
        for arn, flow_log in roles.items():
            if arn:
                role_steps(self, arn, flow_log, own=arn == self.role)

    def _flow_logs(self) -> None:
        wish, place = self.wish, self.wish.destination
        for one, flow_log in self.equal.items():
            on = flow_log.get("ResourceId")
            what = f"on {one}" if on == one else f"on {on}, which contains {one}"
            self.add("keep", "flow log", flow_log["FlowLogId"], f"already as wished, {what}")
        if self.missing:
            known = [d for one in self.missing for f in self.old.get(one, [])
                     for d in self.differs[f["FlowLogId"]]]  # fmt: skip
            why = "nothing records this to there" if not known else (
                "a flow log cannot be edited, and the one there is " + "; ".join(
                    dict.fromkeys(known)
                )
            )  # fmt: skip
            self.add("create", "flow log", ", ".join(self.missing), why, self._creation())
            if place.place == "s3":
                self._guard_policy(place.name)
        if any(step.action != "keep" for step in self.steps) or self.old or self.doubles:
            why = "that a flow log exists does not mean that records arrive"
            self.add("verify", "delivery", ", ".join(wish.resource_ids), why)
        if gone := [f["FlowLogId"] for logs in self.old.values() for f in logs]:
            self.add(
                "delete", "flow log", ", ".join(gone), "replaced; only after delivery is verified",
                Call("ec2", "DeleteFlowLogs", {"FlowLogIds": gone}),
            )  # fmt: skip
        if again := [f["FlowLogId"] for f in self.doubles]:
            parts = ", ".join(str(f.get("ResourceId")) for f in self.doubles)
            self.add(
                "delete", "flow log", ", ".join(again),
                f"on {parts}: it records again what the one above records; only after delivery is "
                "verified", Call("ec2", "DeleteFlowLogs", {"FlowLogIds": again}),
            )  # fmt: skip

    def _guard_policy(self, bucket: str) -> None:
        # AWS's documents disagree on whether CreateFlowLogs appends to a policy or replaces it.
        calls = [s.call for s in self.steps if s.call and s.call.operation == "PutBucketPolicy"]
        before = self.scope.get("s3:GetBucketPolicy", bucket).value
        if calls or before:
            why = "creating a flow log may overwrite it: what stood in it is put back if so"
            call = calls[-1] if calls else bucket_policy(bucket, before)
            self.add("verify", "bucket policy", bucket, why, call)

    def _creation(self) -> Call:
        wish, place = self.wish, self.wish.destination
        given: dict[str, Any] = {
            "ResourceIds": self.missing, "ResourceType": wish.resource_type,
            "TrafficType": wish.traffic, "MaxAggregationInterval": wish.interval,
            "LogFormat": wish.log_format,
        }  # fmt: skip
        if place.place == "cloudwatch":
            given |= {"LogDestinationType": "cloud-watch-logs", "LogGroupName": place.name,
                      "DeliverLogsPermissionArn": self.role}  # fmt: skip
        elif place.place == "firehose":
            given |= {"LogDestinationType": "kinesis-data-firehose", "LogDestination": place.name}
        else:
            below = f"/{place.prefix}" if place.prefix else ""
            arn = f"arn:{self.scope.partition}:s3:::{place.name}{below}"
            given |= {"LogDestinationType": "s3", "LogDestination": arn}
            if wish.parquet or wish.hive or wish.hourly:
                given["DestinationOptions"] = wish.file_options
        if wish.name:
            tag = {"Key": "Name", "Value": wish.name}
            given["TagSpecifications"] = [{"ResourceType": "vpc-flow-log", "Tags": [tag]}]
        return Call("ec2", "CreateFlowLogs", given)

    def _hints(self) -> None:
        if self.old and self.wish.destination.place == "cloudwatch":
            self.notes.append(
                "until the old flow log is deleted, both write to the same log streams: records "
                "are there twice, in two formats if these differ"
            )
        for flow_log in self.equal.values():
            if flow_log.get("DeliverLogsStatus") == "FAILED" and self._nothing_else():
                self.leave(
                    f"AWS says that {flow_log['FlowLogId']} fails to deliver "
                    f"({flow_log.get('DeliverLogsErrorMessage') or 'no reason given'}), and there "
                    "is nothing here to mend: fl.check_setup() looks at the whole chain"
                )

    def _nothing_else(self) -> bool:
        return all(step.action == "keep" for step in self.steps)


def _role(flow_log: dict[str, Any]) -> str:
    return str(flow_log.get("DeliverLogsPermissionArn") or "")
