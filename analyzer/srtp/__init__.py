# SPDX-License-Identifier: GPL-2.0-only
"""SRTP and SRTCP: suites, key derivation, packet index, one packet at a time and whole streams (RFC 3711)."""
