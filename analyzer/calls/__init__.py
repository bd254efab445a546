# SPDX-License-Identifier: GPL-2.0-only
"""Transactions, dialogs, offers and answers, media lines, and the streams bound to them."""

from analyzer.calls.tracker import CallTracker

__all__ = ["CallTracker"]
