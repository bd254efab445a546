# SPDX-License-Identifier: GPL-2.0-only
"""Which exit code an error has."""

from analyzer.errors import AuditorError, CaptureError
from analyzer.model.exit_code import ExitCode


def exit_code_of(error: AuditorError) -> ExitCode:
    """An unreadable capture is 3; usage, policy and key file errors are 2."""
    return ExitCode.UNREADABLE if isinstance(error, CaptureError) else ExitCode.USAGE
