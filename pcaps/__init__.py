# SPDX-License-Identifier: GPL-2.0-only
"""Sample calls: each program here makes the captures beside it, the same octets on every run."""
