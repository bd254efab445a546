# SPDX-License-Identifier: GPL-2.0-only
"""The digest of a large file, made beside the pass over its packets."""

import hashlib
import threading
from pathlib import Path

_CHUNK = 1 << 20


class FileDigest:
    """SHA-256 of a file, begun at once by a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sha256 = hashlib.sha256()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._read, name="sha256", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        chunk = bytearray(_CHUNK)
        try:
            with self._path.open("rb", buffering=0) as file:
                while octets := file.readinto(chunk):
                    self._sha256.update(memoryview(chunk)[:octets])
        except OSError as error:
            self._error = error

    def hexdigest(self) -> str:
        """The digest, once it is there; raises OSError where the file can't be read to its end."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._sha256.hexdigest()
