"""An inventory to show to others: ids and names replaced, what has meaning kept."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any

from flowlab.setup.disguising import Disguise
from flowlab.setup.inventory import Answer, Inventory, Refusal, Scope, scope_of

_REGION = (  # of names that only look like one, nothing may stay
    r"(?:af|ap|ca|cn|eu|eusc|il|me|mx|sa|us)(?:-gov|-iso[a-z]?|-de)?-"
    r"(?:central|north|south|east|west|(?:north|south)(?:east|west))-\d"
)
_SERVICE = re.compile(
    rf"(?:delivery\.)?[a-z][a-z0-9]*(?:-[a-z]+)*(?:\.{_REGION})?\.amazonaws\.com(?:\.cn)?"
)
_ID = re.compile(
    r"((?:[a-z]+-)+)([0-9a-f]{8}(?:[0-9a-f]{9})?)(-all|-accept|-reject|-\*)?"
    r"|((?:fl|eni)-)([0-9a-f?]*\*)()"  # a pattern for such ids
)
_ARN = re.compile(r"(arn:[\w*-]*:[\w*-]*:[\w*-]*):([\w*-]*):(.*)", re.DOTALL)
_ACTION = re.compile(r"[\w*?-]+:[\w*?]+|\*")
_FORMAT = re.compile(r"(?:\$\{[a-z0-9-]+\}\s*)+")
_OWNERS = ("RequesterId", "InstanceOwnerId", "IpOwnerId", "OwnerId")
_MESSAGES = {"access error", "rate limited", "unknown error"}
# What the resource in an ARN may begin with.
_TYPES = re.compile(
    r"(log-group|log-stream|role|policy|user|group|assumed-role|federated-user|root|key|alias|"
    r"deliverystream|vpc-flow-log|attachment|vpc|subnet|network-interface|instance|"
    r"instance-profile)(?=[:/*]|$)"
)
# Of AWS's layout of folders: <prefix>/AWSLogs/[aws-account-id=]ACCOUNT/...
_FOLDERS = re.compile(
    rf"(?:AWSLogs|vpcflowlogs|aws-account-id=|aws-service=|aws-region=|{_REGION}|"
    r"(?:year=|month=|day=|hour=)?\b(?:\d{4}|\d\d)(?=/))|(?<=_)fl-|\d{8}T\d{4}Z|"
    r"\.log\.gz|\.log\.parquet"
)
# Keys whose values are AWS's own words; every other text is disguised.
_MEANING = {
    "AvailabilityZone", "AvailabilityZoneId", "AvailabilityZones", "CreationTime",
    "DefaultVersionId", "DeliverLogsStatus", "DeliveryStreamStatus", "DeliveryStreamType",
    "Direction", "Effect", "EvalDecision", "FileFormat", "FlowLogStatus", "Hypervisor",
    "InstanceTenancy", "InstanceType", "InterfaceType", "IpAddressType", "KeyManager", "KeySpec",
    "KeyState", "KeyUsage", "LocationConstraint", "LogDestinationType", "LogFormat", "Monitoring",
    "OptInStatus", "Origin", "ResourceType", "SSEAlgorithm", "State", "Status", "TrafficType",
    "Version", "attachmentState", "logGroupClass",
}  # fmt: skip
_VALUES = {"true", "false", "bucket-owner-full-control"}
# What AWS's services write into the description of their ENIs; the names in it are replaced.
_DESCRIBING = re.compile(
    r"\b(?:ELB (?:app|net|gwy)/|ELB |Interface for NAT Gateway |VPC Endpoint Interface:? |"
    r"Network Interface for Transit Gateway Attachment |AWS Lambda VPC ENI-?|RDSNetworkInterface|"
    r"Network interface for DBProxy |RedshiftNetworkInterface|DMSNetworkInterface|ElastiCache[ +]|"
    r"DAX |ES |EFS mount target for |Amazon EKS |aws-K8S-|AWS created network interface for "
    r"directory |ENI managed by APIGateway|Route 53 Resolver: |datasync )"
)


def anonymize(inventory: Inventory, key: bytes | None = None) -> Inventory:
    """Replace ids and names by others of the same shape.

    Parameters
    ----------
    inventory : Inventory
    key : bytes, optional
        The same key gives the same replacements, for inventories that are to be compared. A new
        one that nobody knows, if left out.

    Returns
    -------
    Inventory
        A judgement of it gives the same statuses.

    Notes
    -----
    Replaced, the same by the same everywhere: account ids, ids of resources, ARNs, names of log
    groups, streams, buckets, roles and policies, tags, descriptions, public addresses (by ones
    for documentation). What AWS said when it refused is left out.

    Kept, because a judgement needs it: private addresses and networks, which are the plan of the
    network; regions, times, sizes, instance types, actions, AWS's services and managed policies,
    log formats. Kept, too: how long names are, and which of them begin alike.
    """
    hidden = _Hidden(Disguise(key or secrets.token_bytes(32)))
    asked = {
        name: value if name == "regions" else hidden.value(name, value)
        for name, value in inventory.asked.items()
    }
    scopes = tuple(hidden.scope(scope) for scope in inventory.scopes)
    return replace(inventory, scopes=scopes, asked=asked, anonymized=True)


class _Hidden:
    """Decides what of an inventory is disguised."""

    def __init__(self, disguise: Disguise) -> None:
        self._disguise = disguise

    def scope(self, scope: Scope) -> Scope:
        answers = [self._answer(answer) for answer in scope.answers.values()]
        account = self._disguise.text(scope.account_id)
        return scope_of(account, scope.region, answers, scope.partition)

    def _answer(self, answer: Answer) -> Answer:
        of = "|".join(self.text(part) for part in answer.of.split("|"))
        refusal = answer.refusal and Refusal(answer.refusal.kind, _refused(answer))
        value = self.value("", answer.value)
        if answer.ask == "s3:GetBucketOwnershipControls":
            value = answer.value  # one of three words
        return Answer(answer.ask, of, value, refusal)

    def value(self, key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return self._mapping(key, value)
        if isinstance(value, list):
            return [self.value(key, item) for item in value]
        return self._under(key, value) if isinstance(value, str) else value

    def _mapping(self, key: str, value: dict[str, Any]) -> dict[str, Any]:
        if key == "streams":  # by their names
            return {self.text(name): self.value("", item) for name, item in value.items()}
        if "Key" in value and "Value" in value:  # a tag
            theirs = str(value["Key"])
            own = theirs == "Name" or theirs.startswith("aws:")
            named = theirs if own else self._disguise.text(theirs)
            return {**value, "Key": named, "Value": self._disguise.text(str(value["Value"]))}
        if key == "State" and "Name" in value:  # of an instance
            return value
        return {self._condition(name): self.value(name, item) for name, item in value.items()}

    def _condition(self, name: str) -> str:
        """Disguise the part of a condition's key that is a tag's: aws:PrincipalTag/Team."""
        head, slash, tag = name.partition("/")
        return f"{head}{slash}{self._disguise.text(tag)}" if ":" in head and slash else name

    def _under(self, key: str, text: str) -> str:
        if key in _MEANING and not self._disguise.address(text):
            return text
        if key in ("Action", "NotAction", "EvalActionName") and _ACTION.fullmatch(text):
            return text
        if key == "DeliverLogsErrorMessage" and text.lower() in _MESSAGES:
            return text
        if key in _OWNERS and text.startswith("amazon"):
            return text
        if key in ("newest_key", "looked_at"):
            return self._folders(text)
        if key == "Description" and (found := _DESCRIBING.match(text)):
            return found[0] + self.text(text[found.end() :])
        return self.text(text)

    def text(self, text: str) -> str:
        """Disguise a text that stands anywhere."""
        if text in _VALUES or _SERVICE.fullmatch(text) or _FORMAT.fullmatch(text):
            return text
        if re.fullmatch(_REGION, text) or _is_time(text):
            return text
        if (address := self._disguise.address(text)) is not None:
            return address
        if found := _ID.fullmatch(text):
            kind, number, ending = found.groups("")[:3] if found[1] else found.groups()[3:]
            return f"{kind}{self._disguise.text(number)}{ending}"
        if found := _ARN.fullmatch(text):
            return self._arn(*found.groups())
        return self._named(text)

    def _arn(self, start: str, account: str, resource: str) -> str:
        if account == "aws":  # a managed policy of AWS's
            return f"{start}:{account}:{resource}"
        account = self._disguise.text(account)
        if start.split(":")[2] == "s3":
            bucket, slash, path = resource.partition("/")
            return f"{start}:{account}:{self._disguise.text(bucket)}{slash}{self._folders(path)}"
        kind = _TYPES.match(resource)
        rest = resource[kind.end() :] if kind else resource
        if (
            kind
            and kind[0] == "log-group"
            and (inner := re.fullmatch(r"(.*?):log-stream(.*)", rest))
        ):
            rest = f"{self._named(inner[1])}:log-stream{self._named(inner[2])}"
        else:
            rest = self._named(rest)
        return f"{start}:{account}:{kind[0] if kind else ''}{rest}"

    def _named(self, text: str) -> str:
        """Disguise a path in which ids may stand: /fl-0123456789abcdef0."""
        return "".join(
            piece if piece in (":", "/") else self.text(piece) if _ID.fullmatch(piece)
            else self._disguise.text(piece)
            for piece in re.split(r"([:/])", text)
        )  # fmt: skip

    def _folders(self, path: str) -> str:
        """Disguise a key of S3, except for what AWS's layout says in it."""
        pieces, at = [], 0
        for found in _FOLDERS.finditer(path):
            pieces += [self._disguise.text(path[at : found.start()]), found[0]]
            at = found.end()
        return "".join([*pieces, self._disguise.text(path[at:])])


def _refused(answer: Answer) -> str:
    kind = answer.refusal.kind if answer.refusal else ""
    said = {"denied": f"AWS refused {answer.ask}", "failed": f"{answer.ask} failed"}
    return f"{said.get(kind, f'{answer.ask} was not asked')} (its words are not anonymous)"


def _is_time(text: str) -> bool:
    if not re.match(r"\d{4}-\d\d-\d\dT", text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
