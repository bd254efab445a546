# SPDX-License-Identifier: GPL-2.0-only
"""Writing outputs: readable by their owner only, whole or not at all, never through a symbolic link."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from analyzer.errors import UsageError


def write_output(target: str, pieces: Iterable[bytes]) -> None:
    """Write `pieces` to a path, or to standard output when `target` is `-`; raises UsageError.

    The file has mode 0600 and appears by an atomic rename, so a reader never sees half of it.
    """
    if target == "-":
        stream = sys.stdout.buffer
        stream.writelines(pieces)
        stream.flush()
        return
    path = Path(target)
    if path.is_symlink():
        raise UsageError(f"{path}: is a symbolic link; name the file itself")
    if path.is_dir():
        raise UsageError(f"{path}: is a directory")
    try:
        _replace(path, pieces)
    except OSError as error:
        raise UsageError(f"{path}: can't be written: {error.strerror}") from error


def _replace(path: Path, pieces: Iterable[bytes]) -> None:
    with open_output(path) as stream:
        stream.writelines(pieces)


@contextlib.contextmanager
def open_output(path: Path, unfinished: Path | None = None) -> Iterator[BinaryIO]:
    """A seekable stream whose octets appear at `path`, with mode 0600, once all went well; raises OSError.

    Until then they are in the folder `unfinished`, which has to be on the same volume, or else beside `path`.
    """
    import tempfile  # noqa: PLC0415 - only where files are written

    handle, name = tempfile.mkstemp(dir=unfinished or path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        os.replace(name, path)  # noqa: PTH105 - the temporary file is a name, not a Path
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise


def check_outputs(targets: list[str | None]) -> None:
    """Refuse before the work starts what can't be written after it; raises UsageError."""
    named = [target for target in targets if target is not None]
    if named.count("-") > 1:
        raise UsageError("only one output can go to standard output")
    for target in named:
        if target != "-" and not Path(target).absolute().parent.is_dir():
            raise UsageError(f"{target}: its folder does not exist")
