"""flowlab: a notebook workbench for AWS VPC Flow Logs.

>>> import flowlab as fl
>>> flows, ledger = fl.sample_flows()
>>> ledger.balanced
True
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Where each public name lives. Nothing is imported before it is used: `import flowlab` stays
# light, and neither boto3 nor matplotlib is touched by someone who only reads a file.
_HOME = {
    "read_flows": "flowlab.reading",
    "sample_flows": "flowlab.sources.sample",
    "fields": "flowlab.schema",
    "anatomy": "flowlab.dissecting",
    "totals": "flowlab.summaries",
    "breakdown": "flowlab.summaries",
    "top_talkers": "flowlab.summaries",
    "traffic_over_time": "flowlab.summaries",
    "conversations": "flowlab.exchanges",
    "peers": "flowlab.exchanges",
    "records": "flowlab.pages",
    "services": "flowlab.serving",
    "beside": "flowlab.comparing",
    "sql": "flowlab.asking",
    "open_archive": "flowlab.archives",
    "archive": "flowlab.archiving",
    "refresh": "flowlab.archiving",
    "estimate": "flowlab.estimates",
    "read_policy": "flowlab.estimates",
    "practice_account": "flowlab.practice.account",
    "check_setup": "flowlab.setup.checking",
    "setup_policy": "flowlab.setup.permissions",
    "plan_flow_logs": "flowlab.setup.planning",
    "estimate_cost": "flowlab.costs",
    "exclude": "flowlab.exclusions",
    "only": "flowlab.exclusions",
    "excluded_by": "flowlab.exclusions",
    "waterfall": "flowlab.exclusions",
    "rule": "flowlab.choosing",
    "rules": "flowlab.choosing",
    "load_rules": "flowlab.rule_files",
    "save_rules": "flowlab.rule_files",
    "impossible_traffic": "flowlab.recognisers",
    "never_captured": "flowlab.recognisers",
    "dns_servers": "flowlab.detecting",
    "infer_subnets": "flowlab.detecting",
    "enrich": "flowlab.enrichment",
    "compare": "flowlab.comparing",
    "leak_scan": "flowlab.reports.leaks",
    "report": "flowlab.reports.composing",
    "anonymize": "flowlab.anonymization.flows",
    "explore": "flowlab.widgets.explorer",
    "spark": "flowlab.engines.spark_table",
    "insights": "flowlab.engines.insights",
    "athena": "flowlab.engines.athena_opening",
    "dry_run": "flowlab.engines.athena_opening",
    "athena_setup": "flowlab.engines.projection",
    "to_ecs": "flowlab.exports.ecs",
    "to_ocsf": "flowlab.exports.ocsf",
    "to_parquet": "flowlab.exports.files",
    "to_csv": "flowlab.exports.files",
    "community_id": "flowlab.exports.hashing",
    "ship": "flowlab.exports.shipping",
    "S3": "flowlab.sources.s3",
    "CloudWatch": "flowlab.sources.cloudwatch",
    "FlowlabError": "flowlab.errors",
}
_MODULES = ("plots", "widgets")

__all__ = [*_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"flowlab.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'flowlab' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
