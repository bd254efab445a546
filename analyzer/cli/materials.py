# SPDX-License-Identifier: GPL-2.0-only
"""What the auditor brings along: keys, policy and inventory, as the options of a command name them."""

from pathlib import Path

import click

from analyzer.keying.key_ring import KeyRing
from analyzer.model.policy import Policy
from analyzer.negotiation.inventory import Inventory, read_inventory
from analyzer.policies import read_policy


def load_ring(path: str | None) -> KeyRing:
    """The key ring, empty without a file; raises KeyMaterialError."""
    if path is None:
        return KeyRing()
    from analyzer.keying.key_ring_file import read_key_ring  # noqa: PLC0415 - only for whoever has keys

    return read_key_ring(Path(path))


def load_policy(name: str) -> Policy:
    """A built-in policy or a file; raises PolicyError."""
    return read_policy(name)


def load_inventory(path: str | None) -> Inventory:
    """The inventory, empty without a file; says which suites in it nobody registered. Raises PolicyError."""
    inventory = Inventory() if path is None else read_inventory(Path(path))
    for name in inventory.unregistered:
        click.echo(f"note: {name[:64]!r} in the inventory is no registered suite", err=True)
    return inventory
