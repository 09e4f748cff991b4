"""Data flows one way: a module imports only what stands before it in the design."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import flowlab

PACKAGE = Path(flowlab.__file__).parent

# What each part may import of flowlab, beyond itself. "errors" and "schema" stand beneath all.
BENEATH = {"errors", "schema"}
MAY_IMPORT = {
    "errors": set(),
    "schema": set(),
    "ledger": set(),
    "parsing": {"working"},
    "sources": {"practice", "reading"},  # sample.py alone, see below
    "settling": {"parsing", "ledger", "working"},
    "loading": {"settling", "parsing", "sources", "ledger"},
    "frames": {"parsing"},
    "reading": {
        "fetching",
        "loading",
        "settling",
        "sources",
        "frames",
        "ledger",
        "store",
        "archives",
    },
    "practice": {"sources", "setup"},  # the places an account offers; its snapshot
    "interrupting": set(),
    "dialects": set(),
    "frame_types": set(),
    "tables": {"dialects", "frame_types", "interrupting"},
    "clauses": {"tables"},
    "ranking": {"clauses"},
    "asking": {"dialects", "tables"},
    "options": {"tables", "clauses", "asking", "reading"},
    "summaries": {"tables", "clauses", "asking", "options", "ranking"},
    "exchanges": {"tables", "clauses", "asking", "options", "ranking"},
    "pages": {"tables", "clauses", "asking", "options"},
    "addresses": set(),
    "matches": {"addresses"},
    "conditions": {"addresses", "clauses", "matches", "wording"},
    "exclusion_rules": {"conditions", "tables", "wording"},
    "rulebook": {"addresses", "conditions", "enriching", "exclusion_rules"},  # ip-ranges.json
    "contradictions": {"conditions", "matches"},
    "choosing": {"conditions", "exclusion_rules", "matches", "rulebook", "tables"},
    "rule_files": {
        "choosing",
        "conditions",
        "exclusion_rules",
        "matches",
        "rulebook",
        "wording",
        "writing",
    },
    "exclusions": {
        "asking",
        "choosing",
        "clauses",
        "conditions",
        "contradictions",
        "exclusion_rules",
        "rulebook",
        "tables",
        "wording",
    },
    "detecting": {"asking", "clauses", "options", "rulebook", "tables"},
    "recognisers": {
        "addresses",
        "asking",
        "clauses",
        "conditions",
        "matches",
        "options",
        "rulebook",
        "tables",
    },
    "waterfalls": {"canvas", "wording"},
    "working": set(),
    "coded": {"working"},
    "enriching": {
        "coded",
        "frame_types",
        "setup",
        "working",
    },  # the owners of addresses, from a saved set-up
    "expressing": {"clauses", "enriching", "tables"},
    "enrichment": {"coded", "enriching", "expressing", "tables", "working"},
    "serving": {"asking", "clauses", "enriching", "options", "ranking", "tables"},
    "changes": {"wording"},
    "differences": {
        "asking",
        "clauses",
        "enriching",
        "exchanges",
        "options",
        "serving",
        "summaries",
        "tables",
    },
    "comparing": {
        "asking",
        "changes",
        "differences",
        "options",
        "summaries",
        "tables",
        "wording",
    },
    "holding": {"interrupting", "tables"},
    "setup": {"canvas", "pictures", "sources", "wording", "writing"},
    "rates": set(),
    "pricing": {"rates"},
    "weighing": {"clauses", "tables"},
    "volumes": {"tables", "weighing"},
    "cost_tables": {"pricing", "rates", "volumes"},
    "costs": {
        "cost_tables",
        "options",
        "pricing",
        "rates",
        "setup",
        "sources",
        "tables",
        "volumes",
    },
    "anonymization": {"coded", "working"},
    "exports": {
        "archives",
        "archiving",
        "clauses",
        "enriching",
        "options",
        "parsing",
        "sources",
        "store",
        "tables",
        "writing",
    },
    "engines": {
        "choosing",
        "clauses",
        "conditions",
        "dialects",
        "exclusion_rules",
        "interrupting",
        "matches",
        "options",
        "parsing",
        "rates",
        "reading",
        "setup",
        "sources",
        "tables",
        "wording",
    },
    "reports": {
        "*",
        "__version__",
        "anonymization",
        "choosing",
        "clauses",
        "comparing",
        "conditions",
        "differences",
        "exchanges",
        "exclusion_rules",
        "exclusions",
        "ledger",
        "options",
        "pictures",
        "plots",
        "reading",
        "recognisers",
        "rulebook",
        "serving",
        "summaries",
        "tables",
        "wording",
        "writing",
    },
    "explaining": {"enriching"},
    "dissecting": {"explaining", "parsing", "wording"},
    "widgets": {
        "*",
        "dissecting",
        "enriching",
        "exclusion_rules",
        "exclusions",
        "interrupting",
        "waterfalls",
        "setup",
        "asking",
        "canvas",
        "choosing",
        "holding",
        "ledger",
        "matches",
        "pages",
        "pictures",
        "plots",
        "rulebook",
        "summaries",
        "tables",
        "wording",
    },
    "store": {"ledger"},
    "archives": {"tables", "parsing", "settling", "ledger", "store", "frames"},
    "fetching": {"loading", "settling", "sources", "ledger"},
    "estimates": {"fetching", "reading", "settling", "sources"},
    "archiving": {"archives", "fetching", "reading", "settling", "ledger", "store", "sources"},
    "wording": set(),
    "writing": set(),
    "canvas": {"wording"},
    "pictures": {"wording"},
    "drawable": {"canvas", "wording"},
    "stacks": {"canvas", "drawable", "wording"},
    "plots": {"wording", "canvas", "drawable", "pictures", "stacks", "waterfalls"},
    "kernels": set(),
    "parameters": set(),
    "rendering": {"kernels", "reports", "wording", "writing"},
    "lab": set(),
    "cli": {
        "lab",
        "parameters",
        "rendering",
        "reports",
        "rule_files",
        "setup",
        "*",
        "__version__",
    },
    "__main__": {"cli"},
    "__init__": set(),
}


def _part(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _imports(path: Path):
    """Parts of flowlab that a file imports, also inside functions, but not for types alone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"{module}.{a.name}" if module == "flowlab" else module for a in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "flowlab":
                yield parts[1] if len(parts) > 1 else "*"


FILES = sorted(p for p in PACKAGE.rglob("*.py") if "notebooks" not in p.parts)


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(PACKAGE)) for p in FILES])
def test_imports_go_one_way(path):
    part = _part(path)
    allowed = MAY_IMPORT[part] | BENEATH | {part}
    if path.name != "sample.py":
        allowed -= {"practice", "reading"} if part == "sources" else set()
    assert set(_imports(path)) <= allowed


def test_parts_form_no_circle():
    seen: dict[str, set[str]] = {}
    for path in FILES:
        if path.name not in ("sample.py", "cli.py"):
            seen.setdefault(_part(path), set()).update(_imports(path))

    def beneath(part: str, above: tuple[str, ...]) -> None:
        assert part not in above, f"{' -> '.join(above)} -> {part}"
        for other in seen.get(part, set()) - {part}:
            beneath(other, (*above, part))

    for part in seen:
        beneath(part, ())


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(PACKAGE)) for p in FILES])
def test_modules_fit_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 400
