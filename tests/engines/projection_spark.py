"""Run planned tables on a local Spark, in a process of its own: python projection_spark.py JOB.

JOB is a JSON file: tables (ddl, partitions with their values and folders, rows: where they go),
formats (how Java's own DateTimeFormatter writes days), answers: where the results go.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    # Hive's own DDL and SerDes, with a catalog that nothing is left of.
    "spark.sql.catalogImplementation": "hive",
    "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:catalog;create=true",
}


def main(job: Path) -> None:
    warnings.simplefilter("ignore")  # pyspark has its own opinion of pandas 3, unused here
    from pyspark.sql import SparkSession

    asked = json.loads(job.read_text())
    builder = SparkSession.builder.master("local[1]")
    here = {
        "spark.sql.warehouse.dir": str(job.parent / "warehouse"),
        # Short runs are faster half compiled.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC "
        f"-Dderby.stream.error.file={job.parent / 'derby.log'}",
    }
    for name, value in (SETTINGS | here).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()

    answers: dict = {"rows": {}, "days": {}}
    spark.sql("CREATE DATABASE flowlab")
    for name, table in asked["tables"].items():
        spark.sql(table["ddl"])
        added = [
            f"PARTITION ({', '.join(f'`{key}` = {value!r}' for key, value in values.items())}) "
            f"LOCATION '{folder}'"
            for values, folder in table["partitions"]
        ]
        spark.sql(f"ALTER TABLE flowlab.{name} ADD {' '.join(added)}")
        rows = spark.sql(f"SELECT * FROM flowlab.{name}")
        answers["rows"][name] = [rows.columns, *(list(row) for row in rows.collect())]
    time = spark._jvm.java.time
    for form, days in asked["formats"].items():
        java = time.format.DateTimeFormatter.ofPattern(form)
        answers["days"][form] = [time.LocalDate.parse(day).format(java) for day in days]
    Path(asked["answers"]).write_text(json.dumps(answers))
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
