"""Names for what AWS writes as numbers: TCP flags, traffic paths."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flowlab.coded import NULL, category
from flowlab.enriching.columns import Columns, nothing

TCP = 6
# SYN and ACK first: together they are one thing, the answer to a SYN.
FLAG_BITS = (
    (2, "SYN"), (16, "ACK"), (1, "FIN"), (4, "RST"), (8, "PSH"), (32, "URG"), (64, "ECE"),
    (128, "CWR"),
)  # fmt: skip
NO_FLAGS = "none"
_FLAG_WORDS = [
    " ".join(n for bit, n in FLAG_BITS if value & bit) or NO_FLAGS for value in range(256)
]

# AWS, "Flow log records", traffic-path, as of 2026. Until about 2023 code 6 said "local gateway",
# and many tools still do; a record does not tell which was meant.
PATHS = (
    None,
    "same VPC",
    "internet gateway or gateway endpoint",
    "virtual private gateway",
    "VPC peering, same Region",
    "VPC peering, other Region",
    "Local Zone or Wavelength Zone (formerly: local gateway)",
    "gateway endpoint",
    "internet gateway",
)
PEERING, GATEWAY_ENDPOINT = (4, 5), (7,)


def tcp_flag_names(columns: Columns) -> pd.Categorical:
    """Name the TCP flags of each record; null where it is not TCP, or AWS does not say."""
    if "tcp_flags" not in columns:
        return nothing(len(columns))
    flags = columns.integers("tcp_flags")
    known = (flags >= 0) & (flags < len(_FLAG_WORDS))
    if "protocol" in columns:
        known &= columns.integers("protocol") == TCP
    else:
        known &= flags > 0  # 0 may stand for another protocol
    return category(np.where(known, flags, NULL), _FLAG_WORDS)


def traffic_path_name(columns: Columns) -> pd.Categorical:
    """Name the way out; null where AWS gives none, or a code newer than this table."""
    if "traffic_path" not in columns:
        return nothing(len(columns))
    path = columns.integers("traffic_path")
    return category(np.where((path > 0) & (path < len(PATHS)), path, NULL), PATHS)
