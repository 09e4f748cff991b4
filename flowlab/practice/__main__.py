"""Write practice flow records: `python -m flowlab.practice OUT`; `snapshot` as OUT: the set-up."""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from flowlab.practice import SAMPLE
from flowlab.practice.scenarios import DAY, RECORDS, SEED, generate
from flowlab.practice.writing import V2, V5, to_lines, write_parquet, write_text


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files that the arguments ask for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flowlab.practice", description=__doc__)
    parser.add_argument(
        "out",
        nargs="?",
        type=Path,
        metavar="OUT",
        help="folder for the files; snapshot: write the set-up that flowlab carries",
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--day", default=DAY, help="date, YYYY-MM-DD (default: %(default)s)")
    parser.add_argument(
        "--records",
        type=int,
        default=RECORDS,
        help="how many, approximately (default: %(default)s)",
    )
    parser.add_argument("--format", choices=("v2", "v5", "parquet"), default="v5")
    parser.add_argument(
        "--files",
        choices=("one", "s3"),
        default="s3",
        help="one file, or one for every five minutes as in S3 (the default)",
    )
    parser.add_argument("--answer-key", type=Path, metavar="FILE", help="write the key as JSON")
    parser.add_argument(
        "--sample",
        action="store_true",
        help="write the sample that flowlab carries, and nothing else",
    )
    options = parser.parse_args(arguments)
    if options.out == Path("snapshot"):
        from flowlab.practice.snapshot import SETUP_DEMO, snapshot_text

        SETUP_DEMO.write_text(snapshot_text(), "utf-8")
        sys.stdout.write(f"{SETUP_DEMO}: {SETUP_DEMO.stat().st_size:,} bytes\n")
        return 0
    if options.sample == (options.out is not None):
        parser.error("give either OUT or --sample")

    if options.sample:
        SAMPLE.parent.mkdir(exist_ok=True)
        SAMPLE.write_bytes(gzip.compress(sample_text(), 9, mtime=0))
        sys.stdout.write(f"{SAMPLE}: {SAMPLE.stat().st_size:,} bytes\n")
        return 0

    scenario = generate(seed=options.seed, day=options.day, records=options.records)
    if options.format == "parquet":
        files = write_parquet(scenario.table, options.out, files=options.files)
    else:
        fields = V2 if options.format == "v2" else V5
        files = write_text(scenario.table, options.out, fields=fields, files=options.files)
    if options.answer_key:
        options.answer_key.write_text(json.dumps(scenario.answer_key, indent=2) + "\n")
    sys.stdout.write(f"{scenario.table.num_rows:,} records in {len(files)} files: {options.out}\n")
    return 0


def sample_text() -> bytes:
    """Return the text of the bundled sample: the default day, version 5, with its header."""
    return " ".join(V5).encode() + b"\n" + to_lines(generate().table, V5)


if __name__ == "__main__":
    sys.exit(main())
