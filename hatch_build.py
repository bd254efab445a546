# SPDX-License-Identifier: GPL-2.0-only
"""Adds `top_level.txt` to the wheel's metadata: by it Scapy finds the package that extends it."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts the file that names the extending package where Scapy's `conf.exts.load` looks for it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include the file, in an editable install too."""
        source = str(Path(self.root, "dissectors", "layers", "top_level.txt"))
        target = f"{self.build_config.builder.artifact_project_id}.dist-info/top_level.txt"
        kind = "force_include_editable" if version == "editable" else "force_include"
        build_data[kind][source] = target
