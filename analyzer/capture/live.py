# SPDX-License-Identifier: GPL-2.0-only
"""Live capture: somebody writes packets into a growing pcapng file, and the capture stage follows that file.

So live traffic takes the same way as a file, and what was seen can be audited again. `dumpcap` writes where it is
installed: it needs no Python per packet and counts what it loses. Without it, Scapy's sniffer does.
"""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from analyzer.capture.source import Capture, open_capture
from analyzer.errors import CaptureError

DUMPCAP = "dumpcap"
START_SECONDS = 10.0
STOP_SECONDS = 10.0
PAUSE_SECONDS = 0.05
BUFFER_MEBIOCTETS = 32  # in the kernel; with the usual 2 MiB a burst is lost while the disk is busy
SECTION_HEADER_OCTETS = 28


class LiveWriter(Protocol):
    """Whoever writes the growing file."""

    def check(self) -> None:
        """Raise CaptureError when writing has ended by itself."""
        ...

    def stop(self) -> None:
        """End the writing; after this the file is whole and says at its end how many packets were dropped."""
        ...


class DumpcapWriter:
    """`dumpcap` as a child process."""

    def __init__(self, interface: str, capture_filter: str, path: Path) -> None:
        command = [DUMPCAP, "-q", "-B", str(BUFFER_MEBIOCTETS), "-i", interface, "-w", str(path)]
        if capture_filter:
            command += ["-f", capture_filter]
        self._interface = interface
        self._log = path.with_suffix(".log").open("w+b")
        # Its own process group: Ctrl-C on our terminal must not end it before we say so.
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def check(self) -> None:
        """Raise CaptureError with what dumpcap said when it is no longer there."""
        if self._process.poll() is not None:
            raise CaptureError(f"{self._interface}: can't capture: {self._complaint()}")

    def _complaint(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "backslashreplace").splitlines()
        told = [line.strip() for line in lines if line.strip() and not line.startswith(("Capturing on", "File:"))]
        return told[0] if told else f"dumpcap ended with code {self._process.returncode}"

    def stop(self) -> None:
        """Ask dumpcap to end, so that it writes its statistics."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


@contextmanager
def open_live(interface: str, capture_filter: str, path: Path) -> Iterator[tuple[Capture, LiveWriter]]:
    """Capture on `interface` into `path` (pcapng) and follow it; raises CaptureError where that can't be done."""
    writer: LiveWriter
    if shutil.which(DUMPCAP) is not None:
        writer = DumpcapWriter(interface, capture_filter, path)
    else:
        from analyzer.capture.live_scapy import ScapyWriter  # noqa: PLC0415 - Scapy is for live traffic only

        writer = ScapyWriter(interface, capture_filter, path)
    try:
        _await_header(path, writer, interface)
        with open_capture(path, follow=True) as capture:
            yield capture, writer
    finally:
        writer.stop()


def _await_header(path: Path, writer: LiveWriter, interface: str) -> None:
    """Wait until the file can be opened."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if path.exists() and path.stat().st_size >= SECTION_HEADER_OCTETS:
            return
        writer.check()
        time.sleep(PAUSE_SECONDS)
    raise CaptureError(f"{interface}: the capture did not start within {START_SECONDS:.0f} seconds")
