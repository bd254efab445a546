# SPDX-License-Identifier: GPL-2.0-only
"""The commands: the only code that prints, exits, or sees the reports."""

from analyzer.cli.main import main, program

__all__ = ["main", "program"]
