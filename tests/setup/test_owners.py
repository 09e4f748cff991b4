"""Whose an ENI is, in words, and which addresses were whose at what time."""

from __future__ import annotations

import pandas as pd
import pytest
import setup_scopes as world

from flowlab.setup import owners

LAMBDA = "AWS Lambda VPC ENI-thumbnail-maker-30bb1fd5-e726-4d80-9ff2-52fd62cd548c"


@pytest.mark.parametrize(
    ("eni", "words"),
    [
        # Descriptions as AWS's services write them, seen in public inventories.
        ({"Description": "ELB app/shop/c961c5120a050a5a"}, "application load balancer shop"),
        ({"Description": "ELB net/ingress/0123abcd", "InterfaceType": "network_load_balancer"},
         "network load balancer ingress"),
        ({"Description": "ELB gwy/inspect/0123abcd"}, "gateway load balancer inspect"),
        ({"Description": "ELB old-classic", "RequesterId": "amazon-elb"},
         "classic load balancer old-classic"),
        ({"Description": LAMBDA, "InterfaceType": "lambda"}, "Lambda function thumbnail-maker"),
        ({"Description": "RDSNetworkInterface", "RequesterId": "amazon-rds"}, "RDS database"),
        ({"Description": "Interface for NAT Gateway nat-0123456789abcdef0"},
         "NAT gateway nat-0123456789abcdef0"),
        ({"Description": "Interface for NAT Gateway nat-01", "InterfaceType": "regional_nat_gateway"},
         "regional NAT gateway nat-01"),
        ({"Description": "VPC Endpoint Interface vpce-0a1b2c3d"}, "VPC endpoint vpce-0a1b2c3d"),
        ({"Description": "Network Interface for Transit Gateway Attachment tgw-attach-06bf47fa39e5"},
         "transit gateway attachment tgw-attach-06bf47fa39e5"),
        ({"Description": "EFS mount target for fs-0dcdbf56073416b82 (fsmt-0852ce334db888836)"},
         "EFS mount target of fs-0dcdbf56073416b82"),
        ({"Description": "ElastiCache core-redis3-002"}, "ElastiCache core-redis3-002"),
        ({"Description": "RedshiftNetworkInterface"}, "Redshift cluster"),
        ({"Description": "arn:aws:ecs:eu-west-1:012345678901:attachment/8f4c"}, "ECS task"),
        ({"Description": "arn:aws-cn:ecs:cn-north-1:012345678901:attachment/8f4c",
          "TagSet": [{"Key": "aws:ecs:serviceName", "Value": "checkout"}]}, "ECS task of checkout"),
        ({"Description": "Amazon EKS production"}, "EKS control plane of production"),
        ({"Description": "AWS created network interface for directory d-90671b"}, "directory d-90671b"),
        ({"Description": "CloudHsm ENI"}, "CloudHSM"),
        ({"Description": "Created By Amazon Workspaces for AWS Account ID 012345678901"}, "WorkSpaces"),
        ({"Description": "ENI managed by APIGateway"}, "API Gateway VPC link"),
        ({"Description": "Attached to Glue using role: arn:aws:iam::012345678901:role/etl"}, "Glue job"),
        ({"Description": "[DO NOT DELETE] ENI managed by SageMaker for Studio Domain (d-1)"}, "SageMaker"),
        ({"Description": "Route 53 Resolver: rslvr-in-55829d25693e4b729:rni-9494385465134fa5a"},
         "Route 53 Resolver endpoint rslvr-in-55829d25693e4b729"),
        # Nothing in the description: the type, then who asked for it.
        ({"InterfaceType": "global_accelerator_managed"}, "Global Accelerator"),
        ({"InterfaceType": "natGateway"}, "NAT gateway"),
        ({"InterfaceType": "vpc_endpoint", "Description": ""}, "VPC endpoint"),
        ({"RequesterId": "amazon-elasticache"}, "ElastiCache"),
        # Nobody knows: its own tag, its description, its id.
        ({"TagSet": [{"Key": "Name", "Value": "spare"}], "Description": "for later"}, "spare"),
        ({"Description": "for later"}, "for later"),
        ({"NetworkInterfaceId": "eni-01"}, "ENI eni-01"),
    ],
)  # fmt: skip
def test_aws_managed_enis_have_words(eni, words):
    assert owners.owner_of(eni, {}) == words


def instance(*tags):
    return {world.INSTANCE: {"Tags": [{"Key": key, "Value": value} for key, value in tags]}}


@pytest.mark.parametrize(
    ("instances", "words"),
    [
        (instance(("Name", "web server web-1")), "web server web-1"),
        (instance(("Name", "web-1"), ("Role", "web server")), "web server web-1"),
        (instance(("Name", "web server web-1"), ("Role", "web server")), "web server web-1"),
        (instance(("Role", "web server")), f"instance {world.INSTANCE}"),
        (instance(("Name", " ")), f"instance {world.INSTANCE}"),
        ({world.INSTANCE: {}}, f"instance {world.INSTANCE}"),
        ({}, f"instance {world.INSTANCE}"),
    ],
)
def test_an_instance_goes_by_its_name(instances, words):
    eni = {"Attachment": {"InstanceId": world.INSTANCE}, "Description": "RDSNetworkInterface"}
    assert owners.owner_of(eni, instances) == words


def test_hostile_text_is_visible_and_short():
    assert owners.owner_of({"Description": "a\x1b[31m\u202eb"}, {}) == "a\\u001b[31m\\u202eb"
    assert len(owners.owner_of({"Description": "x" * 500}, {})) == 60


def test_every_address_has_its_owner_and_its_time():
    answers = world.healthy()
    answers["ec2:DescribeNetworkInterfaces", ""] = [
        world.eni(
            world.WEB,
            PrivateIpAddress="10.0.1.10",
            Association={"PublicIp": "198.51.100.7"},
            PrivateIpAddresses=[
                {"PrivateIpAddress": "10.0.1.10", "Association": {"PublicIp": "198.51.100.7"}},
                {"PrivateIpAddress": "10.0.1.99", "Association": {"PublicIp": "198.51.100.8"}},
            ],
            Ipv6Addresses=[{"Ipv6Address": "2001:db8:1234:1::10"}],
            Attachment={"InstanceId": world.INSTANCE, "AttachTime": "2026-11-01T08:00:00+00:00"},
        ),
        world.eni(world.DB, Description="RDSNetworkInterface", PrivateIpAddress="10.0.2.40",
                  OwnerId="210987654321"),
    ]  # fmt: skip
    table = owners.known_owners(world.inventory(world.scope(answers)))
    assert table["address"].tolist() == [
        "10.0.1.10", "198.51.100.7", "10.0.1.99", "198.51.100.8", "2001:db8:1234:1::10", "10.0.2.40",
    ]  # fmt: skip
    assert table["owner"].tolist() == ["web-1"] * 5 + ["RDS database"]
    assert table["account_id"].tolist() == [world.ACCOUNT] * 5 + ["210987654321"]
    assert table["valid_from"].iloc[0] == pd.Timestamp("2026-11-01 08:00", tz="UTC")
    assert table["valid_from"].iloc[5] == table["valid_until"].iloc[5] == pd.Timestamp(world.NOW)
    assert (table["valid_until"] == pd.Timestamp(world.NOW)).all()
    assert list(table.columns) == [
        "interface_id", "address", "owner", "subnet_id", "vpc_id", "account_id", "region",
        "valid_from", "valid_until",
    ]  # fmt: skip


def test_nothing_known_is_an_empty_table_of_the_same_types():
    full = owners.known_owners(world.inventory(world.scope(world.healthy())))
    denied = {("ec2:DescribeNetworkInterfaces", ""): world.DENIED}
    for empty in (world.inventory(), world.inventory(world.scope(denied))):
        table = owners.known_owners(empty)
        assert table.empty and list(table.columns) == list(full.columns)
        assert str(table["valid_from"].dtype) == "datetime64[us, UTC]"
