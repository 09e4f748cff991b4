"""Which network an address is in: reading CIDRs, and the test in each engine's SQL.

Addresses are text in a flow record. Measured on 5 million records, a regular expression on every
IPv4 address costs less than finding the distinct ones first (0.3 s for a dozen networks). IPv6 has
many spellings; only what begins like one of the networks is written out in full and compared.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from sqlglot import exp

from flowlab.errors import FlowlabError

Network = IPv4Network | IPv6Network

# RE2 refuses very large patterns; a list of AWS's own ranges has thousands of networks.
_AT_ONCE = 250
_HEX = "0123456789abcdef"


def network(text: object) -> Network:
    """Read a CIDR, or an address as the network of that one address.

    Raises
    ------
    FlowlabError
        Not a CIDR, or one with host bits; the message names the network it is in.
    """
    word = str(text).strip()
    host, _, width = word.partition("/")
    try:
        meant = ipaddress.ip_network(word, strict=False)
    except ValueError:
        meant = None
    if meant is None or "%" in word or (width and not width.isdigit()):
        raise FlowlabError(
            f"{word[:60]!r} is neither an address nor a CIDR.",
            fix='write it like "10.0.9.0/24", "10.0.9.7" or "2001:db8::/32".',
        )
    if ipaddress.ip_address(host) != meant.network_address:
        raise FlowlabError(
            f"{word!r} is no network: bits of the address lie outside its mask.",
            fix=f'write "{meant}" for the network, or "{host}" for the one address.',
        )
    return meant


def ip_in(networks: Sequence[Network], address: exp.Expr, dialect: str) -> exp.Expr:
    """Write the test "this address is in one of these networks" for an engine.

    A null, and text that is no address, is in no network: the answer is never null. An IPv6
    address may be spelled in any way, but for IPv4-mapped ones written with dots.

    Raises
    ------
    FlowlabError
        There is no test for this engine.
    """
    if dialect not in _ENGINES:
        raise FlowlabError(
            f"addresses cannot be tested against networks in {dialect}.",
            fix=f"engines that can: {', '.join(sorted(_ENGINES))}.",
        )
    return exp.func("COALESCE", _ENGINES[dialect](networks, address), exp.false())


def _duckdb(networks: Sequence[Network], address: exp.Expr) -> exp.Expr:
    return _by_patterns(networks, address, "\\", (_word("g"),))


def _spark(networks: Sequence[Network], address: exp.Expr) -> exp.Expr:
    return _by_patterns(networks, address, "$", ())


def _athena(networks: Sequence[Network], address: exp.Expr) -> exp.Expr:
    parsed = exp.TryCast(this=address.copy(), to=exp.DataType.build("IPADDRESS", dialect="athena"))
    four = ipaddress.collapse_addresses(n for n in networks if isinstance(n, IPv4Network))
    tests = [_contains(block, parsed) for block in four]
    for block in ipaddress.collapse_addresses(n for n in networks if isinstance(n, IPv6Network)):
        test = _contains(block, parsed)
        if block.overlaps(_MAPPED):  # where Trino keeps IPv4 addresses
            test = exp.and_(test, exp.Like(this=address.copy(), expression=_word("%:%")))
        tests.append(test)
    return exp.or_(*tests, copy=False)


def _contains(block: Network, parsed: exp.Expr) -> exp.Expr:
    # Not sqlglot's own function, which is about arrays.
    return exp.Anonymous(this="CONTAINS", expressions=[_word(str(block)), parsed.copy()])


_ENGINES = {"duckdb": _duckdb, "athena": _athena, "spark": _spark}
_MAPPED = IPv6Network("::ffff:0:0/96")


def _by_patterns(
    networks: Sequence[Network], address: exp.Expr, group: str, everywhere: Sequence[exp.Expr]
) -> exp.Expr:
    """Test by regular expressions; `group` begins a group's number where text is replaced."""
    four = list(ipaddress.collapse_addresses(n for n in networks if isinstance(n, IPv4Network)))
    six = list(ipaddress.collapse_addresses(n for n in networks if isinstance(n, IPv6Network)))
    tests: list[exp.Expr] = []
    if hosts := [n for n in four if n.prefixlen == 32]:
        tests.append(address.copy().isin(*(str(n.network_address) for n in hosts)))
    # The first group tells enough of the wide networks, and rules most addresses out of others.
    told = [_first_group(n) for n in six if _is_told_by_first_group(n)]
    tests += _matches(address, [*(_ipv4_pattern(n) for n in four if n.prefixlen < 32), *told])
    if rest := [n for n in six if not _is_told_by_first_group(n)]:
        candidates = exp.or_(
            *_matches(address, sorted({_first_group(n) for n in rest})), copy=False
        )
        whole = _written_out(address, group, everywhere)
        written_out = _matches(whole, [_ipv6_pattern(n) for n in rest])
        tests.append(
            exp.Case().when(candidates, exp.or_(*written_out, copy=False)).else_(exp.false())
        )
    return exp.or_(*tests, copy=False)


def _matches(text: exp.Expr, patterns: Sequence[str]) -> list[exp.Expr]:
    parts = [patterns[at : at + _AT_ONCE] for at in range(0, len(patterns), _AT_ONCE)]
    return [
        exp.RegexpLike(this=text.copy(), expression=_word(f"^({'|'.join(part)})$"))
        for part in parts
    ]


def _ipv4_pattern(network: IPv4Network) -> str:
    whole, bits = divmod(network.prefixlen, 8)
    octets = network.network_address.packed
    parts = [str(octet) for octet in octets[:whole]]
    if bits:
        last = octets[whole] + 2 ** (8 - bits)
        parts.append("(" + "|".join(map(str, range(octets[whole], last))) + ")")
    return "[.]".join(parts + ["[0-9]+"] * (4 - len(parts)))


def _digits(network: IPv6Network, count: int) -> str:
    """Write the first hexadecimal digits of a network's addresses as a pattern."""
    text = network.network_address.exploded.replace(":", "")
    known, bits = divmod(network.prefixlen, 4)
    pattern = text[: min(known, count)]
    if bits and known < count:
        first = int(text[known], 16)
        pattern += f"[{_HEX[first : first + 2 ** (4 - bits)]}]"
        known += 1
    left = count - min(known, count)
    return pattern + (f"[0-9a-f]{{{left}}}" if left else "")


def _ipv6_pattern(network: IPv6Network) -> str:
    return _digits(network, 32)


def _is_told_by_first_group(network: IPv6Network) -> bool:
    # A first group with a digit at its head has one spelling only, and is never left out.
    return 4 <= network.prefixlen <= 16 and int(network.network_address) >> 124 != 0


def _first_group(network: IPv6Network) -> str:
    """Write what every spelling of the network's addresses begins with, to the end."""
    if network.prefixlen < 4:
        return "[0-9a-fA-F]*:[0-9a-fA-F:]*"
    if int(network.network_address) >> 124 == 0:  # zeros at the head may be left out
        return "[0:][0-9a-fA-F:]*|[0-9a-fA-F]{1,3}:[0-9a-fA-F:]*"
    return f"(?i:{_digits(network, 4)}):[0-9a-fA-F:]*"


def _written_out(address: exp.Expr, group: str, everywhere: Sequence[exp.Expr]) -> exp.Expr:
    """Write an IPv6 address as its 32 digits, in SQL: pad each group, then fill the gap."""

    def replaced(text: exp.Expr, pattern: str, by: exp.Expr) -> exp.Expr:
        # Not sqlglot's own function: it takes a replacement that is no literal for a position.
        arguments = [text, _word(pattern), by, *(one.copy() for one in everywhere)]
        return exp.Anonymous(this="REGEXP_REPLACE", expressions=arguments)

    text = exp.func("CONCAT", _word(":"), exp.func("LOWER", address.copy()))
    padded = replaced(text, ":([0-9a-f]+)", _word(f":000{group}1"))
    padded = replaced(padded, ":[0-9a-f]*([0-9a-f]{4})", _word(f":{group}1"))
    known = exp.func("LENGTH", exp.func("REPLACE", padded.copy(), _word(":"), _word("")))
    zeros = exp.func("REPEAT", _word("0"), exp.Literal.number(32) - known)
    filled = replaced(padded, "::+", zeros)
    return exp.func("REPLACE", filled, _word(":"), _word(""))


def _word(text: str) -> exp.Expr:
    return exp.Literal.string(text)
