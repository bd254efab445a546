# SPDX-License-Identifier: GPL-2.0-only
"""The hand-made packets of tests/capture serve here as well."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "capture"))
