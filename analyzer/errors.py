# SPDX-License-Identifier: GPL-2.0-only
"""What the auditor raises: every error a user can cause has a class here."""


class AuditorError(Exception):
    """Something the user gave can't be worked on; the message says what and where."""


class CaptureError(AuditorError):
    """A capture can't be opened or read at all."""


class UsageError(AuditorError):
    """A command was asked for something that can't be done as asked."""


class PolicyError(AuditorError):
    """A policy can't be read or makes no sense; the message names the file and, where possible, the line."""


class KeyMaterialError(AuditorError):
    """A key ring, key or certificate can't be used; the message never shows the key."""
