"""The Athena text of a query as DuckDB reads it: the meaning of the text, by an independent parser."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import sqlglot
from sqlglot import exp


class Inside:
    """Whether an address is in a network."""

    def __init__(self, network: str) -> None:
        self._network = ipaddress.ip_network(network)

    def __call__(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return found.version == self._network.version and found in self._network


def to_duckdb(sql: str, addresses: Iterable[str] = ()) -> str:
    """Translate the text of an Athena query, refusing what Athena would.

    `addresses` are all there are in the table: Python's ipaddress says which of them are in a
    network, for Trino's contains(network, TRY_CAST(address AS IPADDRESS)).
    """
    tree = sqlglot.parse_one(sql, read="athena")
    assert isinstance(tree, exp.Query), "only queries"
    loose = {
        i.name
        for i in tree.find_all(exp.Identifier)
        if not i.quoted and not i.find_ancestor(exp.DataType)
    }
    assert not loose, f"not quoted: {loose}"  # end, date and others are reserved words

    def uncast(node):
        cast = isinstance(node, (exp.Cast, exp.TryCast)) and node.to.sql().upper() == "IPADDRESS"
        return node.this if cast else node

    def divide(node):
        """In Athena, whole numbers divide to whole numbers."""
        if not isinstance(node, exp.Div) or (
            isinstance(node.this.unnest(), exp.Cast) and node.this.unnest().is_type("double")
        ):
            return node
        return exp.IntDiv(this=node.this, expression=node.expression)

    def address_test(node):
        name = node.name.lower() if isinstance(node, exp.Anonymous) else type(node).__name__.lower()
        if name in ("contains", "arraycontains", "strcontains"):
            pair = (
                node.expressions
                if isinstance(node, exp.Anonymous)
                else [node.this, node.expression]
            )
            if isinstance(pair[0], exp.Literal) and "/" in pair[0].name:
                inside = sorted(filter(Inside(pair[0].name), addresses))
                return pair[1].isin(*inside) if inside else exp.false()
        return node

    return tree.transform(uncast).transform(address_test).transform(divide).sql("duckdb")
