"""A stand-in for Athena, Glue and S3's listing on loopback; queries really run, over real files.

It speaks their wire formats strictly (botocore's own models judge every request), takes the Athena
text of a query, translates it to DuckDB with sqlglot, and runs it over the files of the table. It is
no Trino: the meaning of the text is checked by an independent parser and engine, not its planning.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import botocore.session
import duckdb
import sqlglot
from botocore.validate import ParamValidator
from engines.athena_text import to_duckdb
from sqlglot import exp

_MODELS = {
    "AmazonAthena": botocore.session.get_session().get_service_model("athena"),
    "AWSGlue": botocore.session.get_session().get_service_model("glue"),
}
_ATHENA_TYPES = {
    "BIGINT": "bigint", "HUGEINT": "bigint", "INTEGER": "integer", "SMALLINT": "smallint",
    "DOUBLE": "double", "FLOAT": "float", "VARCHAR": "varchar", "BOOLEAN": "boolean", "DATE": "date",
}  # fmt: skip
_DUCKDB_TYPES = {"string": "VARCHAR", "int": "INTEGER", "bigint": "BIGINT", "date": "DATE"}
_JAVA = {"yyyy": r"\d{4}", "MM": r"\d\d", "dd": r"\d\d", "HH": r"\d\d"}


class Refused(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status


@dataclass
class Plan:
    """How the next query goes."""

    polls: int = 1  # looks at it while it is queued, and as many while it runs
    fail: str = ""
    cancel: str = ""  # the reason, if somebody stops it
    bytes: int | None = None  # that it says it scanned; by default, those of its partitions' files


@dataclass
class Query:
    id: str
    sql: str
    request: dict[str, Any]
    plan: Plan
    state: str = "QUEUED"
    reason: str = ""
    looks: int = 0
    scanned: int = 0
    answer: list[tuple] = field(default_factory=list)
    columns: list[tuple[str, str]] = field(default_factory=list)
    reused: bool = False


class FakeAthena:
    """The server. `folder`/bucket/key are the objects of S3."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.plans: deque[Plan] = deque()
        self.errors: dict[str, deque[Refused]] = {}
        self.queries: dict[str, Query] = {}
        self.tables: dict[tuple[str, str], dict[str, Any]] = {}
        self.partitions: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.workgroups: dict[str, dict[str, Any]] = {
            "primary": {"ResultConfiguration": {"OutputLocation": "s3://results/athena/"}}
        }
        self._duck = duckdb.connect()
        self._addresses: set[str] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> FakeAthena:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_POST(self):
                fake._post(self)

            def do_GET(self):
                fake._get(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        self._duck.close()
        del self._duck  # a server lives on in its threads; the engine must not

    # ---------------------------------------------------------------------- arranging
    def reset(self) -> None:
        """Forget what was asked and arranged; tables stay."""
        self.calls.clear()
        self.plans.clear()
        self.errors.clear()

    def refuse(self, operation: str, code: str, message: str, times: int = 1, status: int = 400):
        self.errors[operation] = deque([Refused(code, message, status)] * times)

    def refresh(self, database: str, name: str) -> None:
        """Read a table's files again, after they changed."""
        self.add_table(self.tables[database, name], self.partitions[database, name])

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [request for name, request in self.calls if name == operation]

    def add_table(self, table: dict[str, Any], partitions: list[dict[str, Any]] | None = None):
        """Add a table as Glue describes it, over the files that lie at its place."""
        key = (table["DatabaseName"], table["Name"])
        self.tables[key], self.partitions[key] = table, partitions or []
        storage = table["StorageDescriptor"]
        root = self._path(storage["Location"])
        columns = [(c["Name"], _DUCKDB_TYPES[c["Type"]]) for c in storage["Columns"]]
        if "parquet" in storage["SerdeInfo"]["SerializationLibrary"].lower():
            read = f"read_parquet('{root}/**/*.parquet', filename=true, union_by_name=true, hive_partitioning=false)"
        else:  # Hive takes columns by their order, and skips the line of names
            names = "{" + ", ".join(f"'{n}': 'VARCHAR'" for n, _ in columns) + "}"
            read = (
                f"read_csv('{root}/**/*.log.gz', filename=true, delim=' ', header=false, skip=1, quote='',"
                f" escape='', columns={names}, hive_partitioning=false)"
            )
        wanted = [f'TRY_CAST("{n}" AS {t}) AS "{n}"' for n, t in columns]
        folders, seen = self._folders(table, partitions)
        wanted += [f'{sql} AS "{name}"' for name, sql in folders.items()]
        with self._lock:
            self._duck.execute(f'CREATE SCHEMA IF NOT EXISTS "{key[0]}"')
            # Read once: asking a table is much faster than reading its files each time.
            self._duck.execute(
                f'CREATE OR REPLACE TABLE "{key[0]}"."{key[1]}" AS '
                f'SELECT {", ".join(wanted)}, filename AS "$path" FROM {read} WHERE {seen}'
            )
            for name, _ in columns:
                if name.endswith("addr"):
                    every = f'SELECT DISTINCT "{name}" FROM "{key[0]}"."{key[1]}"'
                    self._addresses |= {a for (a,) in self._duck.execute(every).fetchall() if a}

    def _folders(self, table, partitions) -> tuple[dict[str, str], str]:
        """SQL for each partition column, and which files are in any partition."""
        properties, keys = table.get("Parameters", {}), table["PartitionKeys"]
        if not keys:
            return {}, "TRUE"
        if properties.get("projection.enabled") != "true":
            cases = {k["Name"]: [] for k in keys}
            seen = ["FALSE"]
            for partition in partitions or []:
                inside = f"starts_with(filename, '{self._path(partition['StorageDescriptor']['Location'])}/')"
                seen.append(inside)
                for k, value in zip(keys, partition["Values"], strict=True):
                    cases[k["Name"]].append(f"WHEN {inside} THEN '{value}'")
            return {
                k[
                    "Name"
                ]: f"CAST(CASE {' '.join(cases[k['Name']]) or 'WHEN FALSE THEN NULL'} END AS {_DUCKDB_TYPES[k['Type']]})"
                for k in keys
            }, " OR ".join(seen)
        template = properties.get("storage.location.template") or "/".join(
            [
                table["StorageDescriptor"]["Location"].rstrip("/"),
                *(f"{k['Name']}=${{{k['Name']}}}" for k in keys),
            ]
        )
        pattern = re.escape(str(self._path(template))).replace(r"\$\{", "${").replace(r"\}", "}")
        pattern = pattern.replace("\\-", "-")
        order = re.findall(r"\$\{(\w+)\}", pattern)
        for name in order:
            kind = properties[f"projection.{name}.type"]
            inside = "[^/]+"
            if kind == "date":
                java = properties[f"projection.{name}.format"].split("'")
                inside = "".join(
                    re.escape(p).replace("\\-", "-")
                    if n % 2
                    else re.sub("yyyy|MM|dd|HH", lambda m: _JAVA[m[0]], p)
                    for n, p in enumerate(java)
                )
            pattern = pattern.replace(f"${{{name}}}", f"({inside})")
        sql = {
            k[
                "Name"
            ]: f"CAST(regexp_extract(filename, '^{pattern}/', {order.index(k['Name']) + 1}) AS {_DUCKDB_TYPES[k['Type']]})"
            for k in keys
        }
        return sql, f"regexp_matches(filename, '^{pattern}/')"

    def _path(self, url: str) -> Path:
        return self.folder / url.removeprefix("s3://").rstrip("/")

    # ---------------------------------------------------------------------- HTTP
    def _post(self, http: BaseHTTPRequestHandler) -> None:
        body = json.loads(http.rfile.read(int(http.headers["Content-Length"])))
        service, _, operation = http.headers["X-Amz-Target"].partition(".")
        self.calls.append((operation, body))
        try:
            if queue := self.errors.get(operation):
                raise queue.popleft()
            scope = "athena" if service == "AmazonAthena" else "glue"
            if f"/{scope}/aws4_request" not in http.headers.get("Authorization", ""):
                raise Refused("IncompleteSignatureException", "not signed", 403)
            model = _MODELS[service].operation_model(operation)
            wrong = ParamValidator().validate(body, model.input_shape)
            unknown = set(body) - set(model.input_shape.members)
            if wrong.has_errors() or unknown:
                raise Refused(
                    "InvalidRequestException", wrong.generate_report() or f"unknown: {unknown}"
                )
            with self._lock:
                answer, status = getattr(self, f"_{operation}")(**body), 200
        except Refused as error:
            answer, status = (
                {"__type": error.code, "Message": error.message, "message": error.message},
                error.status,
            )
        self._send(http, status, json.dumps(answer).encode(), "application/x-amz-json-1.1")

    def _get(self, http: BaseHTTPRequestHandler) -> None:
        """ListObjectsV2, in pages of ten, so that every test turns pages."""
        asked = urlsplit(http.path)
        options = {k: v[0] for k, v in parse_qs(asked.query).items()}
        self.calls.append(("ListObjectsV2", options))
        try:
            if queue := self.errors.get("ListObjectsV2"):
                raise queue.popleft()
            bucket = unquote(asked.path).strip("/")
            root = self.folder / bucket
            if options.get("list-type") != "2" or not root.is_dir():
                raise Refused("NoSuchBucket", "The specified bucket does not exist", 404)
            under = root / options.get("prefix", "")
            files = sorted(under.rglob("*")) if under.is_dir() else []
            keys = [(p.relative_to(root).as_posix(), p.stat()) for p in files if p.is_file()]
            first = int(options.get("continuation-token", "0"))
            page = keys[first : first + 10]
            more = first + 10 < len(keys)
            rows = "".join(
                f"<Contents><Key>{escape(key)}</Key><Size>{stat.st_size}</Size><ETag>&quot;{stat.st_mtime_ns}&quot;</ETag></Contents>"
                for key, stat in page
            )
            token = f"<NextContinuationToken>{first + 10}</NextContinuationToken>" if more else ""
            xml = f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>"
            self._send(http, 200, xml.encode(), "application/xml")
        except Refused as error:
            xml = f"<Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
            self._send(http, error.status, xml.encode(), "application/xml")

    @staticmethod
    def _send(http: BaseHTTPRequestHandler, status: int, body: bytes, kind: str) -> None:
        http.send_response(status)
        http.send_header("Content-Type", kind)
        http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        http.wfile.write(body)

    # ---------------------------------------------------------------------- Glue
    def _GetTable(self, DatabaseName, Name):
        self._database(DatabaseName)
        if (DatabaseName, Name) not in self.tables:
            raise Refused("EntityNotFoundException", f"Entity Not Found: {Name}")
        return {"Table": self.tables[DatabaseName, Name]}

    def _GetTables(self, DatabaseName):
        self._database(DatabaseName)
        return {"TableList": [t for (d, _), t in self.tables.items() if d == DatabaseName]}

    def _GetPartitions(
        self, DatabaseName, TableName, MaxResults=100, NextToken="0", ExcludeColumnSchema=False
    ):
        found = self.partitions[DatabaseName, TableName]
        first = int(NextToken)
        page = {"Partitions": found[first : first + MaxResults]}
        if first + MaxResults < len(found):
            page["NextToken"] = str(first + MaxResults)
        return page

    def _database(self, name):
        if name not in {database for database, _ in self.tables}:
            raise Refused("EntityNotFoundException", f"Database {name} not found.")

    # ---------------------------------------------------------------------- Athena
    def _GetWorkGroup(self, WorkGroup):
        if WorkGroup not in self.workgroups:
            raise Refused("InvalidRequestException", f"WorkGroup {WorkGroup} is not found.")
        return {
            "WorkGroup": {
                "Name": WorkGroup,
                "State": "ENABLED",
                "Configuration": self.workgroups[WorkGroup],
            }
        }

    def _StartQueryExecution(self, QueryString, WorkGroup="primary", QueryExecutionContext=None,
                             ResultConfiguration=None, ResultReuseConfiguration=None, ClientRequestToken=""):  # fmt: skip
        settings = self._GetWorkGroup(WorkGroup)["WorkGroup"]["Configuration"]
        place = (ResultConfiguration or settings.get("ResultConfiguration") or {}).get(
            "OutputLocation"
        )
        if not place:
            raise Refused(
                "InvalidRequestException",
                "No output location provided. An output location is required either through the "
                "Workgroup result configuration setting or as an API input.",
            )
        for query in self.queries.values():
            if query.request["ClientRequestToken"] == ClientRequestToken:
                return {"QueryExecutionId": query.id}
        request = {
            "ClientRequestToken": ClientRequestToken,
            "WorkGroup": WorkGroup,
            "OutputLocation": place,
        }
        plan = self.plans.popleft() if self.plans else Plan()
        query = Query(str(uuid.uuid4()), QueryString, request, plan)
        age = (ResultReuseConfiguration or {}).get("ResultReuseByAgeConfiguration", {})
        query.reused = bool(age.get("Enabled")) and any(
            q.sql == QueryString and q.state == "SUCCEEDED" for q in self.queries.values()
        )
        self.queries[query.id] = query
        return {"QueryExecutionId": query.id}

    def _GetQueryExecution(self, QueryExecutionId):
        query = self._query(QueryExecutionId)
        query.looks += 1
        if query.state in ("QUEUED", "RUNNING"):
            if query.looks > 2 * query.plan.polls:
                self._finish(query)
            elif query.looks > query.plan.polls:
                query.state = "RUNNING"
                query.scanned = query.scanned or self._scanned(query)
        status = {"State": query.state}
        if query.reason:
            status["StateChangeReason"] = query.reason
        return {
            "QueryExecution": {
                "QueryExecutionId": query.id,
                "Query": query.sql,
                "WorkGroup": query.request["WorkGroup"],
                "Status": status,
                "Statistics": {
                    "DataScannedInBytes": query.scanned,
                    "TotalExecutionTimeInMillis": 1200,
                    "ResultReuseInformation": {"ReusedPreviousResult": query.reused},
                },
            }
        }

    def _StopQueryExecution(self, QueryExecutionId):
        query = self._query(QueryExecutionId)
        if query.state in ("QUEUED", "RUNNING"):
            query.state, query.reason = "CANCELLED", "Query cancelled by user"
        return {}

    def _GetQueryResults(self, QueryExecutionId, MaxResults=1000, NextToken="0"):
        query = self._query(QueryExecutionId)
        if query.state != "SUCCEEDED":
            raise Refused(
                "InvalidRequestException",
                f"Query did not finish successfully. Final query state: {query.state}",
            )
        rows = [[name for name, _ in query.columns], *query.answer]
        first = int(NextToken)
        info = [
            {"CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name, "Type": kind,
             "Precision": 19, "Scale": 0, "Nullable": "UNKNOWN", "CaseSensitive": False}
            for name, kind in query.columns
        ]  # fmt: skip
        page = {
            "UpdateCount": 0,
            "ResultSet": {
                "ResultSetMetadata": {"ColumnInfo": info},
                "Rows": [
                    {"Data": [_cell(v) for v in row]} for row in rows[first : first + MaxResults]
                ],
            },
        }
        if first + MaxResults < len(rows):
            page["NextToken"] = str(first + MaxResults)
        return page

    def _query(self, name):
        if name not in self.queries:
            raise Refused("InvalidRequestException", f"QueryExecution {name} was not found")
        return self.queries[name]

    def _finish(self, query: Query) -> None:
        if query.plan.fail:
            query.state, query.reason = "FAILED", query.plan.fail
            return
        if query.plan.cancel:
            query.state, query.reason = "CANCELLED", query.plan.cancel
            return
        try:
            found = self._duck.execute(to_duckdb(query.sql, self._addresses))
            kinds = [str(d[1]).split("(")[0] for d in found.description]
            query.columns = [
                (d[0], _ATHENA_TYPES[k]) for d, k in zip(found.description, kinds, strict=True)
            ]
            query.answer = found.fetchall()
        except (duckdb.Error, sqlglot.errors.SqlglotError, AssertionError) as error:
            query.state, query.reason = "FAILED", f"{type(error).__name__}: {error}"
            return
        query.state = "SUCCEEDED"
        query.scanned = 0 if query.reused else query.scanned or self._scanned(query)

    def _scanned(self, query: Query) -> int:
        """Bytes of the files in the partitions that the text asks for."""
        if query.plan.bytes is not None:
            return query.plan.bytes
        return sum(Path(p).stat().st_size for p in self.files_of(query.sql))

    def files_of(self, sql: str) -> list[str]:
        """Files left when partitions are pruned by the text's conditions on partition columns alone."""
        tree = sqlglot.parse_one(sql, read="athena")
        found: set[str] = set()
        for table in tree.find_all(exp.Table):
            if table.db:
                keys = {k["Name"] for k in self.tables[table.db, table.name]["PartitionKeys"]}
                where = table.parent_select.args.get("where")
                parts = (
                    list(where.this.flatten())
                    if where and isinstance(where.this, exp.And)
                    else [where.this]
                    if where
                    else []
                )
                pruning = [
                    p
                    for p in parts
                    if (cs := {c.name for c in p.find_all(exp.Column)}) and cs <= keys
                ]
                query = exp.select('"$path"').distinct().from_(table.copy()).where(*pruning)
                found |= {row[0] for row in self._duck.execute(query.sql("duckdb")).fetchall()}
        return sorted(found)


def _cell(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"VarCharValue": str(value).lower()}
    return {"VarCharValue": repr(value) if isinstance(value, float) else str(value)}
