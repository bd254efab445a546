# SPDX-License-Identifier: GPL-2.0-only
"""The auditor: from packets to verdicts, one stage after another."""

__version__ = "0.1.0"
