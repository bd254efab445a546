# SPDX-License-Identifier: GPL-2.0-only
"""`python -m analyzer` is `srtp-audit`."""

from analyzer.cli import program

program()
