# SPDX-License-Identifier: GPL-2.0-only
"""Scapy's sniffer as the writer of a growing pcapng file, for machines without dumpcap."""

import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import scapy.all  # noqa: F401 - what it imports chooses the sockets of this platform
from scapy.config import conf
from scapy.error import Scapy_Exception

from analyzer.capture.writer import PcapngWriter
from analyzer.errors import CaptureError

SOL_PACKET = 263  # linux/if_packet.h
PACKET_STATISTICS = 6
WAIT_SECONDS = 0.2
REST_SECONDS = 4.0
JOIN_SECONDS = 5.0
BUFFER_OCTETS = 32 << 20  # in the kernel; Scapy asks for 64 KiB, which a burst overruns
SO_RCVBUFFORCE = 33  # socket(7): beyond what the system allows, for whoever may


class ScapyWriter:
    """A thread that takes frames from Scapy's listening socket and writes them."""

    def __init__(self, interface: str, capture_filter: str, path: Path) -> None:
        self._interface = interface
        try:
            self._socket: Any = conf.L2listen(iface=interface, filter=capture_filter or None)
        except (OSError, ValueError, Scapy_Exception) as error:
            raise CaptureError(f"{interface}: can't capture: {error}") from error
        self._enlarge_buffer()
        self._file = path.open("wb")
        self._writer = PcapngWriter(self._file)
        self._file.flush()
        self._stopping = threading.Event()
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="sniffer", daemon=True)
        self._thread.start()

    def _enlarge_buffer(self) -> None:
        for option in (socket.SO_RCVBUF, SO_RCVBUFFORCE):
            with suppress(AttributeError, OSError):
                self._socket.ins.setsockopt(socket.SOL_SOCKET, option, BUFFER_OCTETS)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if self._socket.select([self._socket], WAIT_SECONDS):
                    self._take()
            self._take_rest()
        except OSError as error:
            self._failure = error.strerror or "the interface is gone"

    def _take_rest(self) -> None:
        """What the kernel had in its buffer when the end was asked for."""
        asked_ns, deadline = time.time_ns(), time.monotonic() + REST_SECONDS
        while time.monotonic() < deadline and self._socket.select([self._socket], 0) and self._take() <= asked_ns:
            pass

    def _take(self) -> int:
        """Write one frame; returns when it was seen."""
        _, octets, timestamp = self._socket.recv_raw()
        timestamp_ns = time.time_ns() if timestamp is None else round(timestamp * 1_000_000_000)
        if octets is not None:
            self._writer.write(timestamp_ns, bytes(octets))
            self._file.flush()
        return timestamp_ns

    def check(self) -> None:
        """Raise CaptureError when the interface went away."""
        if self._failure is not None:
            raise CaptureError(f"{self._interface}: capture ended: {self._failure}")

    def stop(self) -> None:
        """End the thread and close the file."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._thread.join(JOIN_SECONDS)
        dropped = self._count_drops()
        if dropped is not None:
            self._writer.write_statistics(time.time_ns(), dropped)
        self._socket.close()
        self._file.close()

    def _count_drops(self) -> int | None:
        """What the kernel says it dropped on this socket (packet(7))."""
        try:
            statistics = self._socket.ins.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        except (AttributeError, OSError):
            return None
        return int(struct.unpack("II", statistics)[1])
