# SPDX-License-Identifier: GPL-2.0-only
"""Captures: from octets to packets in columns."""
