"""Why Athena refuses or fails a query, and what helps: its messages, in words to act on.

Sources: AWS, "Troubleshoot issues in Athena", "Athena error catalog", "Override client-side
settings", "Bytes scanned limit". Messages are told by their beginnings, which AWS does not promise
to keep: one that is not known is shown as it is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from flowlab.errors import FlowlabError, SourceError
from flowlab.sources import aws
from flowlab.sources.aws import AccessError


class _Known(NamedTuple):
    said: str  # a pattern for Athena's words
    kind: type[FlowlabError]
    why: str
    fix: str


_KNOWN = (
    _Known(
        r"kms:|KMS|ciphertext", AccessError,
        "the files, or the results, are encrypted with a KMS key that may not be used here.",
        "ask the owner of the key to allow kms:Decrypt (and, for results, kms:GenerateDataKey).",
    ),
    _Known(
        r"No output location|OutputLocation.*(required|null)", FlowlabError,
        "neither the workgroup nor this call says where results are to be stored.",
        "pass output_location='s3://bucket/folder/', or set one for the workgroup.",
    ),
    _Known(
        r"output bucket|writing (output|results?)|AmazonS3Exception.*PutObject|s3:PutObject",
        AccessError,
        "the place for results does not exist, is in another region, or may not be written to.",
        "allow s3:PutObject and s3:GetBucketLocation there (table.policy() has it all), or pass "
        "output_location= with a place of your own.",
    ),
    _Known(
        r"Bytes scanned limit", FlowlabError,
        "the workgroup cuts off every query that reads more than its limit.",
        "ask for a shorter period, or one account or region (partitions=); or have the "
        "workgroup's limit raised. What was read until then is charged.",
    ),
    _Known(
        r"injected", FlowlabError,
        "a partition column is projected as 'injected': a query must name its values.",
        "pass partitions={'the column': 'a value'}.",
    ),
    _Known(
        r"TABLE_NOT_FOUND|Table .*(not found|does not exist)|EntityNotFound", SourceError,
        "the table was dropped or renamed, or the workgroup reads another catalog.",
        "open it again with fl.athena(...).",
    ),
    _Known(
        r"SCHEMA_NOT_FOUND|(Schema|Database) .*(not found|does not exist)", SourceError,
        "the database was dropped, or is in another region.", "check database= and region=.",
    ),
    _Known(
        r"COLUMN_NOT_FOUND|Column .*cannot be resolved", FlowlabError,
        "the table was changed after it was opened.", "open it again with fl.athena(...).",
    ),
    _Known(
        r"HIVE_BAD_DATA|HIVE_PARTITION_SCHEMA_MISMATCH|incompatible with type|TYPE_MISMATCH|"
        r"Error parsing field value|HIVE_CURSOR_ERROR", FlowlabError,
        "a column's type in the table is not the one in its files: a text table over Parquet "
        "files, or columns in another order than the flow log's format.",
        "make the table anew from the flow log's own format: fl.athena_setup(...).",
    ),
    _Known(
        r"HIVE_INVALID_PARTITION_VALUE|HIVE_METASTORE_ERROR|INVALID_TABLE_PROPERTY|projection",
        FlowlabError,
        "the table's partitions are not as its properties or its folders say.",
        "compare its projection.* properties with the folders: fl.athena_setup(...) writes both.",
    ),
    _Known(
        r"Slow ?Down|503", FlowlabError,
        "S3 could not keep up with the many small files.",
        "ask again; a shorter period, or Parquet with hourly folders, helps for good.",
    ),
    _Known(
        r"NoSuchKey|does not exist.*split|HIVE_FILESYSTEM_ERROR", FlowlabError,
        "a file was deleted or replaced while Athena read it.", "ask again.",
    ),
    _Known(
        r"Access ?Denied|not authorized|Insufficient permissions|AccessDenied", AccessError,
        "these credentials may not read the table, its files, or use the workgroup.",
        "table.policy() is all that asking needs; Lake Formation may restrict it further.",
    ),
    _Known(
        r"[Tt]ime(d)? ?out|EXCEEDED_TIME_LIMIT", FlowlabError,
        "it ran longer than Athena lets a query run (30 minutes unless raised).",
        "ask for a shorter period, or keep the records locally: fl.archive(...).",
    ),
    _Known(
        r"exhausted resources|EXCEEDED_(LOCAL_)?MEMORY_LIMIT|INSUFFICIENT_RESOURCES", FlowlabError,
        "it needed more memory than Athena gives one query; n=None and many groups do that.",
        "ask for fewer groups (n=), a shorter period or fewer columns in by=.",
    ),
    _Known(
        r"Work[Gg]roup.*(disabled|DISABLED)", FlowlabError,
        "the workgroup is switched off.", "choose another with workgroup=, or have it enabled.",
    ),
    _Known(
        r"Work[Gg]roup.*(not found|does not exist)", SourceError,
        "there is no such workgroup in this region.",
        "check workgroup= and region=; `aws athena list-work-groups` lists them.",
    ),
    _Known(
        r"[Mm]anaged query results|client-side|enforced?", FlowlabError,
        "the workgroup decides where results go, and lets no one else say it.",
        "leave output_location out.",
    ),
    _Known(
        r"INTERNAL|[Ii]nternal error", FlowlabError, "Athena has trouble.", "ask again later.",
    ),
)  # fmt: skip
_OURS = {"InvalidRequestException", "MetadataException", "InvalidInputException"}


def failed(said: str, doing: str) -> FlowlabError:
    """Translate the reason Athena gives for a query that failed or was cancelled.

    Parameters
    ----------
    said : str
        The query's StateChangeReason, or the message of a refusal.
    doing : str
        What was being done, naming the table.

    Returns
    -------
    FlowlabError
        With Athena's own words, shortened and without anything secret.
    """
    words = aws.scrub(said).rstrip(".") or "no reason given"
    for known in _KNOWN:
        if re.search(known.said, said):
            return known.kind(f"{doing}: {words}.", known.why, known.fix)
    return FlowlabError(f"{doing}: {words}.")


def explain(error: Exception, doing: str, profile: str | None = None) -> FlowlabError:
    """Translate an error of boto3's Athena and Glue clients, as `flowlab.sources.aws.explain`."""
    answer = getattr(error, "response", None) or {}
    said = answer.get("Error") or {}
    if aws.code(error) in _OURS:
        return failed(str(said.get("Message") or answer.get("Message") or ""), doing)
    told = aws.explain(error, doing, profile)
    if aws.is_denied(error):  # its own remedy names a policy for S3 and CloudWatch Logs
        fix = re.sub(r"; fl\.read_policy.*", "; table.policy() is all that asking needs.", told.fix)
        return type(told)(told.what, told.why, fix)
    return told
