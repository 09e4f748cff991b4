"""check_setup(): where the answers come from, and what of them is looked at."""

from __future__ import annotations

import dataclasses
import json

import pytest
from setup.small_setups import (
    ACCOUNT,
    REGION,
    WRONG_TRUST,
    an_id,
    eni_of,
    flow_log_of,
    made,
    subnet_of,
    vpc_of,
)

from flowlab.errors import FlowlabError, SourceError, UnknownNameError
from flowlab.setup import checking, collecting
from flowlab.setup.checking import check_setup, judged
from flowlab.setup.inventory import Inventory
from flowlab.setup.restricting import restricted
from flowlab.sources.aws import Access


def two_vpcs():
    """Return two VPCs: the first with two subnets; a flow log at every level, and one elsewhere."""
    logs = [
        flow_log_of(1, resource=an_id("vpc", 1)),
        flow_log_of(2, resource=an_id("subnet", 2)),
        flow_log_of(3, resource=an_id("eni", 3)),
        flow_log_of(4, resource=an_id("vpc", 2)),
        flow_log_of(5, resource="tgw-0a1b2c3d4e5f60718"),
    ]
    return made(
        [vpc_of(1), vpc_of(2)],
        [subnet_of(1), subnet_of(2), subnet_of(3, vpc=2)],
        [eni_of(1), eni_of(2, subnet=2), eni_of(3, subnet=2), eni_of(4, subnet=3, vpc=2)],
        logs,
    )


def kept(inventory):
    """Return the numbers of what is left: VPCs, subnets, ENIs, flow logs."""
    (scope,) = inventory
    asks = (
        ("ec2:DescribeVpcs", "VpcId"),
        ("ec2:DescribeSubnets", "SubnetId"),
        ("ec2:DescribeNetworkInterfaces", "NetworkInterfaceId"),
        ("ec2:DescribeFlowLogs", "FlowLogId"),
    )
    return [
        [int(item[key].rpartition("-")[2], 16) for item in scope.get(ask).items()]
        for ask, key in asks
    ]


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({}, [[1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5]]),
        ({"vpc": an_id("vpc", 1)}, [[1], [1, 2], [1, 2, 3], [1, 2, 3]]),
        ({"subnet": an_id("subnet", 1)}, [[1], [1], [1], [1]]),
        ({"subnet": an_id("subnet", 2)}, [[1], [2], [2, 3], [1, 2, 3]]),
        ({"interface": an_id("eni", 2)}, [[1], [2], [2], [1, 2]]),
        ({"interface": an_id("eni", 4), "vpc": an_id("vpc", 2)}, [[2], [3], [4], [4]]),
    ],
)
def test_a_part_keeps_what_contains_it_and_the_flow_logs_it_inherits(wanted, left):
    inventory = two_vpcs()
    part = restricted(inventory, **wanted)
    assert kept(part) == left
    assert {name: part.asked[name] for name in wanted} == wanted
    assert kept(inventory) == [[1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5]]


def test_only_the_scope_that_holds_it_is_left():
    here, there = two_vpcs(), made([vpc_of(7)], [], [], [], region="us-east-1")
    both = dataclasses.replace(here, scopes=here.scopes + there.scopes)
    assert [s.region for s in restricted(both, vpc=an_id("vpc", 7))] == ["us-east-1"]
    assert [s.region for s in restricted(both, interface=an_id("eni", 1))] == [REGION]


def test_an_id_that_is_not_there_is_explained_with_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        restricted(two_vpcs(), interface=an_id("eni", 9))
    said = str(caught.value)
    assert f"the ENI '{an_id('eni', 9)}' is not in this set-up" in said
    assert f"looked for in {ACCOUNT} {REGION}, taken 2026-11-02 12:00 UTC" in said
    assert f"did you mean {an_id('eni', 4)}" in said or an_id("eni", 1) in said


def test_a_subnet_of_another_vpc_is_not_there():
    with pytest.raises(UnknownNameError, match="the subnet"):
        restricted(two_vpcs(), vpc=an_id("vpc", 2), subnet=an_id("subnet", 1))


def test_what_aws_did_not_list_is_named_as_the_reason():
    inventory = made(denied=["ec2:DescribeSubnets"])
    with pytest.raises(UnknownNameError, match="ec2:DescribeSubnets was not answered") as caught:
        restricted(inventory, subnet=an_id("subnet", 1))
    assert "there is no subnet at all" in caught.value.fix


def test_an_id_of_something_else_is_told():
    with pytest.raises(FlowlabError, match="is the id of a subnet"):
        check_setup(vpc=an_id("subnet", 1), snapshot=two_vpcs())


# Where answers come from.


def test_a_snapshot_may_be_a_file_a_folder_an_inventory_or_a_report(tmp_path):
    inventory = made(trust=WRONG_TRUST)
    report = check_setup(snapshot=inventory)
    path = report.save(tmp_path)
    said = str(report)
    assert "role-trust" in said
    for snapshot in (report, path, str(path), tmp_path, str(tmp_path)):
        assert str(check_setup(snapshot=snapshot)) == said


def test_a_part_of_a_snapshot_is_judged_alone():
    whole = check_setup(snapshot=two_vpcs())
    part = check_setup(snapshot=whole, interface=an_id("eni", 4))
    assert part.coverage["interface_id"].tolist() == [an_id("eni", 4)]
    assert len(whole.coverage) == 4
    assert f"of interface {an_id('eni', 4)}" in str(part)


def test_the_bundled_practice_set_up_needs_no_account(no_network):
    report = check_setup(snapshot="practice")
    assert report.inventory.practice
    assert report.exit_code == 1
    links = set(report.coverage["first_broken_link"]) - {""}
    assert links == {"interface", "newest record"}


@pytest.fixture
def no_network(monkeypatch):
    import socket

    def refuse(*_):
        pytest.fail("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize(
    "online",
    [
        {"profile": "workshop"},
        {"regions": ["eu-west-1"]},
        {"role_arns": "arn:aws:iam::123456789010:role/look"},
        {"endpoint_url": "http://127.0.0.1:5000"},
    ],
)
def test_a_snapshot_cannot_go_with_what_only_aws_answers(online):
    with pytest.raises(FlowlabError, match=f"snapshot= cannot go with {next(iter(online))}="):
        check_setup(snapshot="practice", **online)


def test_what_is_no_snapshot_is_explained(tmp_path):
    with pytest.raises(FlowlabError, match="snapshot=int is no saved set-up"):
        check_setup(snapshot=7)
    with pytest.raises(SourceError, match="there is no saved set-up"):
        check_setup(snapshot=tmp_path)
    (tmp_path / "setup-1.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(FlowlabError, match="'other', not 'flowlab inventory 1'"):
        check_setup(snapshot=tmp_path)


def test_every_account_is_asked_with_what_was_given(monkeypatch):
    asked = []

    def collect(accesses, **options):
        asked.append((accesses, options))
        return made()

    monkeypatch.setattr(collecting, "collect", collect)
    roles = ["arn:aws:iam::123456789010:role/look", "arn:aws:iam::098765432109:role/look"]
    check_setup(
        vpc="v", subnet="s", interface="i", regions=["eu-west-1"], profile="p",
        role_arns=roles, endpoint_url="http://127.0.0.1:1", progress=False,
    )  # fmt: skip
    check_setup(role_arns=roles[0])
    accesses, options = asked[0]
    url = "http://127.0.0.1:1"
    assert accesses == [Access("p", None, role, url) for role in (None, *roles)]
    assert options == {
        "regions": ["eu-west-1"], "vpc": "v", "subnet": "s", "interface": "i", "progress": False,
    }  # fmt: skip
    assert [access.role_arn for access in asked[1][0]] == [None, roles[0]]


def test_a_moto_account_is_checked_through_the_front_door(aws_server, tmp_path):
    """Real boto3 against a server: a VPC with an ENI in use that nothing covers."""
    import boto3

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "eu-west-3"}
    ec2 = boto3.Session().client("ec2", endpoint_url=aws_server, **keys)
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet)
    report = check_setup(regions="eu-west-3", vpc=vpc, endpoint_url=aws_server, progress=False)
    assert report.inventory.practice
    assert report.coverage["first_broken_link"].tolist() == ["interface"]
    assert report.exit_code == 1
    again = check_setup(snapshot=report.save(tmp_path))
    assert str(again) == str(report)


@pytest.fixture
def aws_server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_judging_is_repeatable_and_asks_nothing(no_network):
    inventory = two_vpcs()
    assert isinstance(inventory, Inventory)
    assert str(judged(inventory)) == str(judged(inventory))
    assert len(checking._JUDGES) == 6
