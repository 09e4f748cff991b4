"""What no flow log will ever show, from the VPC's real CIDRs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flowlab.setup.inventory import Answer, Refusal, scope_of
from flowlab.setup.limits import judge_limits, never_shown

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
# As DescribeVpcs gives it: the primary CIDR stands in the set again, here not as the first.
VPC = {
    "VpcId": "vpc-0d4e8f2a6b1c37590",
    "CidrBlock": "10.0.0.0/16",
    "CidrBlockAssociationSet": [
        {"CidrBlock": "10.8.0.0/16", "CidrBlockState": {"State": "associated"}},
        {"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
    ],
    "Ipv6CidrBlockAssociationSet": [
        {"Ipv6CidrBlock": "2001:db8:1234::/56", "Ipv6CidrBlockState": {"State": "associated"}}
    ],
}
SUBNETS = [
    {
        "SubnetId": "subnet-a",
        "VpcId": VPC["VpcId"],
        "CidrBlock": "10.0.1.0/24",
        "Ipv6CidrBlockAssociationSet": [
            {"Ipv6CidrBlock": "2001:db8:1234:1::/64", "Ipv6CidrBlockState": {"State": "associated"}},
            {"Ipv6CidrBlock": "2001:db8:1234:9::/64", "Ipv6CidrBlockState": {"State": "disassociated"}},
        ],
    },
    {"SubnetId": "subnet-b", "VpcId": VPC["VpcId"], "CidrBlock": "10.0.2.128/25"},
    {"SubnetId": "subnet-z", "VpcId": "vpc-other", "CidrBlock": "10.99.0.0/24"},
]  # fmt: skip


def judged(vpcs=(VPC,), subnets=SUBNETS):
    def answer(ask, value):
        return Answer(
            ask, **({"refusal": value} if isinstance(value, Refusal) else {"value": value})
        )

    scope = scope_of(
        "012345678901",
        "eu-west-1",
        [answer("ec2:DescribeVpcs", vpcs if isinstance(vpcs, Refusal) else list(vpcs)),
         answer("ec2:DescribeSubnets", subnets)],
    )  # fmt: skip
    return list(judge_limits(scope, NOW))


def by_kind(cidrs, subnets):
    told = never_shown(cidrs, subnets)
    return {unseen.what.split()[0]: unseen for unseen in reversed(told)}


def test_the_resolver_is_in_the_primary_cidr_only():
    # AWS, "Amazon DNS server": the base of the primary CIDR plus two.
    told = by_kind(["10.0.0.0/16", "10.8.0.0/16"], [])
    assert told["queries"].addresses == ("10.0.0.2", "169.254.169.253", "fd00:ec2::253")


def test_the_router_has_the_second_address_of_every_subnet():
    told = by_kind([], ["10.0.1.0/24", "10.0.2.128/25", "2001:db8:1234:1::/64"])
    assert told["traffic"].addresses == ("10.0.1.1", "10.0.2.129", "2001:db8:1234:1::1")


def test_the_link_local_services():
    told = by_kind([], [])
    assert told["instance"].addresses == ("169.254.169.254", "fd00:ec2::254")
    assert told["Amazon"].addresses[0] == "169.254.169.123"
    assert told["Windows"].addresses[:2] == ("169.254.169.250", "169.254.169.251")
    assert told["DHCP"].ports.startswith("UDP 67, 68")


def test_one_check_per_vpc_names_the_real_addresses():
    (check,) = judged()
    assert (check.resource, check.check, check.status) == (VPC["VpcId"], "never-shown", "ok")
    for address in ("10.0.0.2", "10.0.1.1", "10.0.2.129", "2001:db8:1234:1::1", "169.254.169.254"):
        assert address in check.evidence
    for wrong in ("10.8.0.2", "10.99.0.1", "2001:db8:1234:9::1"):
        assert wrong not in check.evidence
    assert (check.account_id, check.region) == ("012345678901", "eu-west-1")


def test_hundreds_of_subnets_stay_readable():
    many = [{"VpcId": VPC["VpcId"], "CidrBlock": f"10.0.{n}.0/24"} for n in range(200)]
    (check,) = judged(subnets=many)
    assert "10.0.7.1 and 192 more" in check.evidence


@pytest.mark.parametrize("denied", ["vpcs", "subnets"])
def test_denied_is_unknown_with_the_permission(denied):
    (check,) = judged(**{denied: Refusal("denied", "AWS says no")})
    assert (check.status, check.check) == ("unknown", "never-shown")
    assert f"ec2:Describe{denied.capitalize()}" in check.cause
    assert check.resource == (VPC["VpcId"] if denied == "subnets" else "eu-west-1")


def test_what_is_no_cidr_is_no_crash():
    (check,) = judged(vpcs=[{"VpcId": "vpc-1", "CidrBlock": "<b>"}], subnets=[{"VpcId": "vpc-1"}])
    assert check.status == "ok" and "169.254.169.253" in check.evidence


def test_no_vpc_no_check():
    assert judged(vpcs=[]) == []
