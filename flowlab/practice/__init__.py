"""A network to practise on: seeded flow records with an answer key.

One environment (`ENVIRONMENT`) serves documentation, tests, notebooks and workshops. Its public
addresses come from the ranges set aside for documentation; nothing in it is anybody's traffic.
"""

from pathlib import Path

from flowlab.practice.environment import ENVIRONMENT
from flowlab.practice.scenarios import Scenario, generate

#: The bundled day of records, version 5 text; `python -m flowlab.practice --sample` makes it.
SAMPLE = Path(__file__).with_name("data") / "sample-v5.log.gz"

__all__ = ["ENVIRONMENT", "SAMPLE", "Scenario", "generate"]
