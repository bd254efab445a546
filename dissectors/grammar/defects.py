# SPDX-License-Identifier: GPL-2.0-only
"""Oddities as data: what was seen, where, and which clause it strays from."""

from typing import NamedTuple


class Defect(NamedTuple):
    """One oddity that did not stop the parse: `code` is permanent, kebab-case; `offset` counts octets of the input."""

    code: str
    offset: int = 0
    clause: str = ""
    detail: str = ""
