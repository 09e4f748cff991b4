"""What AWS's names look like: ids, ARNs, hosts, paths; and the words in them that name nobody."""

from __future__ import annotations

import re

# AWS, "Resource IDs" and the references of EC2, VPC, EFS, Route 53 and Directory Service.
_PREFIXES = (
    "acl aclassoc ami cagw cgw core-network d dopt eigw eipalloc eipassoc ela-assoc ela-attach eni "
    "eni-attach fl fs fsap fsmt i igw ipam ipam-pool ipam-scope ipv4pool-ec2 ipv6pool-ec2 lgw "
    "lgw-rtb lt mi nat nis op pcx pl rslvr-in rslvr-out rslvr-rr rtb rtbassoc sg sgr snap subnet "
    "subnet-cidr-assoc tgw tgw-attach tgw-connect-peer tgw-rtb vgw vol vpc vpc-cidr-assoc vpce "
    "vpce-svc vpcbpa-exclude vpn"
)
# What stands first in the resource of an ARN and says what it is. Anything else is a name.
_TYPES = (
    "alias assumed-role attachment cluster container-instance db deliverystream function group "
    "instance instance-profile key loadbalancer/app loadbalancer/gwy loadbalancer/net loadbalancer "
    "log-group natgateway network-interface policy role secret security-group service stream "
    "subnet targetgroup task task-definition transit-gateway transit-gateway-attachment user vpc "
    "vpc-endpoint vpc-flow-log"
)
_SERVICES = "compute(?:-1)?|delivery|ec2|elb|firehose|iam|kms|logs|rds|s3|sts|vpc-flow-logs|vpce"
_REGION = (
    r"(?:af|ap|ca|cn|eu|eusc|il|me|mx|sa|us)(?:-gov|-iso[a-z]?|-de)?-"
    r"(?:central|north|south|east|west|(?:north|south)(?:east|west))-\d{1,2}"
)
_ZONE = r"(?:af|ap|ca|cn|eu|eusc|il|me|mx|sa|us)[a-z]{1,4}\d{1,2}-az\d{1,2}"
# Of the places of flow logs: <prefix>/AWSLogs/[aws-account-id=]ACCOUNT/vpcflowlogs/...
_FOLDERS = (
    r"AWSLogs|vpcflowlogs|transitgatewayflowlogs|aws-account-id|aws-service|aws-region|"
    r"(?<==)vpcflowlogs|(?:year|month|day|hour)=\d{2,4}|(?<=/)\d{4}/\d\d/\d\d(?=/)|"
    r"\d{8}T\d{4}Z|log\.gz|log\.parquet"
)
_ALONE = r"(?<![0-9A-Za-z])(?:{})(?![0-9A-Za-z])"  # not a part of a longer word


def _alone(pattern: str) -> str:
    return _ALONE.replace("{}", pattern)


ARN = re.compile(
    r"(arn:aws(?:-[a-z]+)*:[A-Za-z0-9-]*:[a-z0-9-]*:)([0-9A-Za-z*]*)(?::(.*))?", re.DOTALL
)
TYPE = re.compile(rf"(?:{'|'.join(_TYPES.split())})(?=[:/])|root$")
_PARTS = {
    "arn": r"(?<![0-9A-Za-z])arn:aws(?:-[a-z]+)*:[^\s\"'<>,;()\[\]{}]+",
    "ipv6": r"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:(?:\.\d{1,3}){3})?"
    r"(?:/\d{1,3})?(?![0-9A-Za-z])",
    "ipv4": r"(?<![0-9A-Za-z.])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?![0-9A-Za-z]|\.\d)",
    # ip-10-0-1-5.ec2.internal, ec2-203-0-113-25.compute-1.amazonaws.com
    "host": _alone(r"(?:ip|ec2)-\d{1,3}(?:-\d{1,3}){3}"),
    "id": _alone(rf"(?:{'|'.join(_PREFIXES.split())})-(?=[0-9a-z]*\d|[0-9a-f]{{8}})[0-9a-z]+"),
}
_IN_NAMES = {
    "uuid": _alone(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "mac": _alone(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}"),
    "stays": _alone(
        rf"{_REGION}(?:[a-z]|-[a-z]{{2,4}}-\d+[a-z]?)?|{_ZONE}|(?:ec2|compute)\.internal|{_FOLDERS}|"
        rf"(?:(?:{_SERVICES})\.)?(?:{_REGION}\.)?(?:(?:{_SERVICES})\.)?amazonaws\.com(?:\.cn)?"
    )
    + r"|(?:s3|https?)(?=://)",
    "word": r"(?:[0-9A-Za-z]|[^\x00-\x7f])+",
}
_IN_PROSE = {
    "uri": r"s3://[^\s\"'<>,;()\[\]{}]+",
    "account": r"(?:(?<=AWSLogs/)|(?<=aws-account-id=)|(?<=[Aa]ccount )|(?<=[Aa]ccounts ))"
    r"\d{12}(?!\d)",
}


def _any_of(parts: dict[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in parts.items()))


IN_NAMES = _any_of({**_PARTS, **_IN_NAMES})
"""Finds all that a name is made of; every word that is none of the rest is a "word"."""

IN_PROSE = _any_of({**_IN_PROSE, **_PARTS})
"""Finds what is somebody's wherever it stands, and leaves sentences alone."""
