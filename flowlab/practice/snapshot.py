"""The set-up that flowlab carries: a practice account's, with two faults in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from flowlab.practice.account import practice_account

#: `python -m flowlab.practice snapshot` makes it.
SETUP_DEMO = Path(__file__).with_name("setup-demo.json")
#: What is broken in it: two ENIs that nothing covers, and one that looks fine but is silent.
BROKEN = ("uncovered-subnet", "silent-eni")
TAKEN = datetime(2026, 3, 2, 12, tzinfo=UTC)


def snapshot_text() -> str:
    """Collect a practice account as of `TAKEN`; the same text each time.

    Returns
    -------
    str
        JSON, as `flowlab.setup.inventory.Inventory.to_json` writes it.
    """
    from moto.moto_api._internal import mock_random

    from flowlab.setup.collecting import collect
    from flowlab.sources.aws import Access

    mock_random.seed(0)  # of the ids that nobody chose, as those of attachments
    with practice_account(records=0, clock=TAKEN.timestamp) as account:
        for fault in BROKEN:
            account.break_(fault)
        access = Access(region=account.region, endpoint_url=account.endpoint_url)
        return collect([access], progress=False, clock=lambda: TAKEN).to_json()
