"""The bundled sample day: flow logs of the environment that everything here explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from flowlab.ledger import Ledger


def sample_flows() -> tuple[pd.DataFrame, Ledger]:
    """Read the bundled sample: one day of a small VPC, about 100,000 records.

    A public web subnet, private subnets with a MySQL RDS instance, a NAT gateway, an own DNS
    server, internet scanners, NODATA and a few SKIPDATA; 29 fields (version 5). The records are
    generated (`flowlab.practice`), their public addresses come from documentation ranges.

    Returns
    -------
    flows : DataFrame, one row per flow record
    ledger : Ledger
        As `read_flows` gives them.

    Examples
    --------
    >>> import flowlab as fl
    >>> flows, ledger = fl.sample_flows()
    >>> ledger.skipdata
    4
    """
    from flowlab import practice
    from flowlab.reading import read_flows

    return read_flows(practice.SAMPLE, progress=False)
