# SPDX-License-Identifier: GPL-2.0-only
"""What the auditor raises: every error a user can cause has a class here."""


class AuditorError(Exception):
    """Something the user gave can't be worked on; the message says what and where."""


class CaptureError(AuditorError):
    """A capture can't be opened or read at all."""
