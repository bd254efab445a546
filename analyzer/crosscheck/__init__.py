# SPDX-License-Identifier: GPL-2.0-only
"""A second opinion: Wireshark's dissectors read the same captures, and the two readings are compared."""
