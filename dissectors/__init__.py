# SPDX-License-Identifier: GPL-2.0-only
"""Wire formats: `grammar` understands them, `layers` shows and builds them in Scapy."""

from pathlib import Path
from typing import Any


def scapy_ext(extension: Any) -> None:
    """What Scapy calls for `conf.exts.load("srtp-audit")`: it announces the layers as `scapy.layers.srtp_audit`."""
    extension.config("srtp-audit", "1")
    path = Path(__file__).parent / "layers" / "extension.py"
    extension.register("srtp_audit", extension.MODE.LAYERS, path, default=False)
