# SPDX-License-Identifier: GPL-2.0-only
"""The frozen values that the stages pass on; nothing here reads, decides or prints."""
