# SPDX-License-Identifier: GPL-2.0-only
"""SIP and other URIs (RFC 3261 §19.1, §25.1; IPv6 as RFC 5118 and RFC 5954 correct it)."""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import unquote

from dissectors.grammar.defects import Defect

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_HOST_NAME = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?\.?"
)
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
SIP_SCHEMES = frozenset(("sip", "sips"))


class SipUri(NamedTuple):
    """A URI in its parts, escapes undone; of a URI that is no `sip` or `sips` only scheme and `opaque` are read.

    `host` is without brackets, `params` and `headers` stand in order, a parameter without `=` has the value None.
    """

    scheme: str
    opaque: str
    user: str | None
    password: str | None
    host: str
    port: int | None
    params: tuple[tuple[str, str | None], ...]
    headers: tuple[tuple[str, str], ...]
    defects: tuple[Defect, ...] = ()

    def param(self, name: str) -> str | None:
        """The first parameter of this name in any case; "" for a flag, None when absent."""
        wanted = name.lower()
        return next((value or "" for key, value in self.params if key.lower() == wanted), None)

    def header(self, name: str) -> str | None:
        """The first header of this name in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


def parse_sip_uri(text: str) -> SipUri:
    """A URI; never raises: what strays from the grammar stands in `defects`, with offsets into `text`."""
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        return _opaque("", text, (Defect("uri-without-scheme", 0, "RFC 3261 §19.1.1", text[:64]),))
    scheme = scheme.lower()
    if scheme not in SIP_SCHEMES:
        return _opaque(scheme, rest, ())
    defects: list[Defect] = []
    if (bad := _BAD_ESCAPE.search(text)) is not None:
        defects.append(Defect("uri-escape-form", bad.start(), "RFC 3261 §25.1", text[bad.start() : bad.start() + 3]))
    user_info, at, target = rest.rpartition("@")
    user, password_mark, password = user_info.partition(":")
    target, question, header_text = target.partition("?")
    place, *param_texts = target.split(";")
    host, port = _host_port(place, len(text) - len(rest) + len(user_info) + len(at), defects)
    return SipUri(
        scheme,
        rest,
        unquote(user) if at else None,
        unquote(password) if at and password_mark else None,
        host,
        port,
        tuple(_pair(one) for one in param_texts if one),
        tuple((name, value or "") for name, value in map(_pair, header_text.split("&"))) if question else (),
        tuple(defects),
    )


def _opaque(scheme: str, rest: str, defects: tuple[Defect, ...]) -> SipUri:
    return SipUri(scheme, rest, None, None, "", None, (), (), defects)


def _pair(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return unquote(name), unquote(value) if equals else None


def _host_port(text: str, offset: int, defects: list[Defect]) -> tuple[str, int | None]:
    found = _HOST_PORT.fullmatch(text)
    if found is None:
        bare = text.count(":") > 1
        code, clause = ("ipv6-without-brackets", "RFC 5118 §4.2") if bare else ("host-form", "RFC 3261 §25.1")
        defects.append(Defect(code, offset, clause, text[:64]))
        return text, None
    port = int(found[2]) if found[2] else None
    if port is not None and port > 0xFFFF:
        defects.append(Defect("port-form", offset, "RFC 3261 §25.1", found[2]))
    host, defect = parse_host(found[1], offset)
    if defect is not None:
        defects.append(defect)
    return host, port


def parse_host(text: str, offset: int = 0) -> tuple[str, Defect | None]:
    """A host without its brackets, and what is wrong with it: a name, an IPv4 address, or `[IPv6]`."""
    if not text.startswith("["):
        wrong = not _HOST_NAME.fullmatch(text)
        return text, Defect("host-form", offset, "RFC 3261 §25.1", text[:64]) if wrong else None
    inside = text[1:-1]
    try:
        ipaddress.IPv6Address(inside)
    except ValueError:
        return inside, Defect("ipv6-address-form", offset, "RFC 5118 §4.10", inside[:64])
    return inside, None
