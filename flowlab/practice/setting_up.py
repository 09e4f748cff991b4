"""Puts a set-up in place in moto: role, log group, bucket, keys and flow logs.

Always all of it, whatever was there: so a fault need only say what is different.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flowlab.practice import endpoint
from flowlab.practice.delivering import Delivery, buckets, groups
from flowlab.practice.fields import V5
from flowlab.practice.network import build
from flowlab.practice.states import KEYS, REGION, State, healthy, key_owner, policy

ROLE = "practice-delivery"
BOUNDARY = "practice-boundary"
_MADE_BEFORE = timedelta(days=30)


class SetUp:
    """Sets up one practice account, and changes it.

    Parameters
    ----------
    client : callable
        Gives a boto3 client of the account for the name of a service.
    account_id, log_group, bucket : str
    delivery : Delivery
    deny : callable
        Called with the IAM actions that are refused from then on.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        account_id: str,
        log_group: str,
        bucket: str,
        delivery: Delivery,
        deny: Callable[[tuple[str, ...]], None],
    ) -> None:
        self.client = client
        self.account_id = account_id
        self.log_group = log_group
        self.bucket = bucket
        self.delivery = delivery
        self._deny = deny
        self._away: dict[str, Any] = {}  # a log group and a bucket that do not exist for now
        # Whole minutes: the same clock gives the same answers.
        now = datetime.fromtimestamp(delivery.clock() // 60 * 60, UTC)
        self.since = (now - _MADE_BEFORE).replace(tzinfo=None)

    def build(self) -> None:
        """Build everything, healthy."""
        build(self.client, self.account_id, self.since)
        self.client("logs").create_log_group(logGroupName=self.log_group)
        s3 = self.client("s3")
        s3.create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        s3.put_bucket_ownership_controls(
            Bucket=self.bucket,
            OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        )
        buckets(self.account_id)[self.bucket].creation_date = self.since
        for use, key_id in KEYS.items():
            self._key(use, key_id)
        self.apply(self.healthy())

    def healthy(self) -> State:
        """Give the state in which nothing is wrong."""
        return healthy(self.account_id, self.log_group, self.bucket, self.delivery.clock())

    def apply(self, state: State) -> None:
        """Put a state in place, whatever was there."""
        self._deny(())
        self._exist(groups(self.account_id), self.log_group, state.log_group)
        self._bucket_exists(state.bucket)
        self._role(state)
        if state.log_group:
            self._group(state)
        if state.bucket:
            self._bucket(state)
        self._flow_logs(state)
        self.delivery.change(state.manner)
        self._deny(state.denied)

    def forget(self) -> None:
        """Delete all that the account holds, also what is put aside."""
        self._deny(())
        self._bucket_exists(True)
        endpoint.forget(self.client, self.account_id)

    def _exist(self, register: dict[str, Any], name: str, wanted: bool) -> None:
        """Put a thing aside, or back, with all that it holds."""
        if wanted and name in self._away:
            register[name] = self._away.pop(name)
        elif not wanted and name in register:
            self._away[name] = register.pop(name)

    def _bucket_exists(self, wanted: bool) -> None:
        from moto.s3.models import s3_backends

        self._exist(buckets(self.account_id), self.bucket, wanted)
        # moto has a second register: whose each bucket is, for all accounts.
        s3_backends.bucket_accounts.pop(self.bucket, None)
        if wanted and self.bucket in buckets(self.account_id):
            s3_backends.bucket_accounts[self.bucket] = ("aws", self.account_id)

    def _role(self, state: State) -> None:
        from moto.iam.models import iam_backends

        iam, moto = self.client("iam"), iam_backends[self.account_id]["aws"]
        boundary = f"arn:aws:iam::{self.account_id}:policy/{BOUNDARY}"
        for known in [r.id for r in moto.roles.values() if r.name == ROLE]:
            del moto.roles[known]
        moto.managed_policies.pop(boundary, None)
        if state.trust is None:
            return
        more = {}
        if state.boundary:
            iam.create_policy(PolicyName=BOUNDARY, PolicyDocument=json.dumps(state.boundary))
            more = {"PermissionsBoundary": boundary}
        iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(state.trust), **more)
        iam.put_role_policy(
            RoleName=ROLE, PolicyName="deliver", PolicyDocument=json.dumps(state.permissions)
        )
        moto.get_role(ROLE).create_date = self.since

    def _group(self, state: State) -> None:
        from moto.kms.models import kms_backends

        group = groups(self.account_id)[self.log_group]
        group.creation_time, group.retention_in_days = self.since, state.retention
        group.kms_key_id = None
        if state.key_policy is not None:
            key = kms_backends[self.account_id][REGION].keys[KEYS["log group"]]
            key.policy, group.kms_key_id = json.dumps(state.key_policy), key.arn
        # moto forgets the class; AWS always tells it.
        tell = type(group).to_describe_dict
        group.to_describe_dict = lambda: {**tell(group), "logGroupClass": state.log_class}

    def _bucket(self, state: State) -> None:
        s3 = self.client("s3")
        s3.put_bucket_encryption(Bucket=self.bucket, ServerSideEncryptionConfiguration={
            "Rules": [{"BucketKeyEnabled": True, "ApplyServerSideEncryptionByDefault": {
                "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": state.bucket_key}}]
        })  # fmt: skip
        if state.bucket_policy is None:
            s3.delete_bucket_policy(Bucket=self.bucket)
        else:
            s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(state.bucket_policy))

    def _key(self, use: str, key_id: str) -> None:
        """Make a key with an id that stays the same."""
        from moto.kms.models import kms_backends

        of = f"{REGION}:{self.account_id}"
        service = {
            "Principal": {"Service": "delivery.logs.amazonaws.com"}, "Resource": "*",
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*",
                       "kms:DescribeKey"],
            "Condition": {"StringEquals": {"aws:SourceAccount": self.account_id},
                          "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{of}:*"}},
        }  # fmt: skip
        owner = key_owner(self.account_id)
        self.client("kms").create_key(
            Policy=json.dumps(policy(owner, service)), Description=f"practice {use}"
        )
        keys = kms_backends[self.account_id][REGION].keys
        key = keys.pop(next(reversed(keys)))
        key.id, key.arn = key_id, f"arn:aws:kms:{of}:key/{key_id}"
        key.creation_date = self.since.replace(tzinfo=UTC).timestamp()
        keys[key_id] = key

    def _flow_logs(self, state: State) -> None:
        from moto.ec2.models import ec2_backends, flow_logs

        # Made here and not by CreateFlowLogs, which looks for log groups and buckets that a
        # fault may have taken away, and chooses the id.
        moto: Any = ec2_backends[self.account_id][REGION]
        make: Any = flow_logs.FlowLogs
        moto.flow_logs.clear()
        for wish in state.flow_logs.values():
            made = make(
                moto, wish.flow_log_id, wish.resource_id, wish.traffic,
                log_destination=state.bucket_arn if wish.s3 else state.group_arn,
                log_group_name=None if wish.s3 else self.log_group,
                deliver_logs_permission_arn=None if wish.s3
                else f"arn:aws:iam::{self.account_id}:role/{ROLE}",
                max_aggregation_interval=60,
                log_destination_type="s3" if wish.s3 else "cloud-watch-logs",
                log_format=" ".join(f"${{{name}}}" for name in V5),
                deliver_logs_status="FAILED" if wish.error else "SUCCESS",
                deliver_logs_error_message=wish.error,
            )  # fmt: skip
            made.creation_time = wish.created or self.since
            if wish.s3:
                made.destination_options = {
                    "FileFormat": "plain-text",
                    "HiveCompatiblePartitions": True,
                    "PerHourPartition": False,
                }
            moto.flow_logs[made.id] = made
