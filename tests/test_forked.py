# SPDX-License-Identifier: GPL-2.0-only
"""A forked child sends all that it makes, or its parent knows that it didn't."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from analyzer.forked import PIPE_OCTETS, ForkedWork, WorkLost, can_fork

# The children made here only count and write; that pytest's workers have threads does them no harm.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
LONG = 5 * PIPE_OCTETS


def _pieces() -> Iterator[bytes]:
    yield b""
    yield b"one"
    yield bytes(range(256)) * (LONG // 256)
    yield b"last"


def test_every_piece_arrives_in_order() -> None:
    with ForkedWork(_pieces) as work:
        assert list(work) == list(_pieces())


def test_a_child_goes_on_while_its_parent_is_busy() -> None:
    told, tell = os.pipe()

    def produce() -> Iterator[bytes]:
        yield bytes(LONG)  # more than a pipe holds
        os.write(tell, b"!")
        yield b"after"

    with ForkedWork(produce) as work:
        assert os.read(told, 1) == b"!"  # nothing was read of it until now
        assert [len(piece) for piece in work] == [LONG, 5]
    os.close(told), os.close(tell)


def test_a_child_that_raises_is_lost_work() -> None:
    def produce() -> Iterator[bytes]:
        yield b"one"
        raise ValueError("no more")

    with ForkedWork(produce) as work:
        found = iter(work)
        assert next(found) == b"one"
        with pytest.raises(WorkLost):
            next(found)


@pytest.mark.parametrize("sent", [b"", b"one", bytes(LONG)])
def test_a_child_that_is_killed_is_lost_work(sent: bytes) -> None:
    def produce() -> Iterator[bytes]:
        if sent:
            yield sent
        os.kill(os.getpid(), signal.SIGKILL)

    with ForkedWork(produce) as work, pytest.raises(WorkLost):
        list(work)


def test_what_is_not_wanted_any_more_ends() -> None:
    def produce() -> Iterator[bytes]:
        yield str(os.getpid()).encode()
        while True:
            signal.pause()

    with ForkedWork(produce) as work:
        child = int(next(iter(work)))
        os.kill(child, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    work.close()


def test_ctrl_c_is_for_the_parent() -> None:
    def produce() -> Iterator[bytes]:
        os.kill(os.getpid(), signal.SIGINT)
        yield b"still here"

    with ForkedWork(produce) as work:
        assert list(work) == [b"still here"]


def test_a_child_without_parent_ends() -> None:
    program = """
import os
from analyzer.forked import ForkedWork

def produce():
    while True:
        yield bytes(1000)

next(iter(ForkedWork(produce)))
os._exit(0)
"""
    # The child holds our end of standard output too: that comes to its end when both have ended.
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)


def test_a_process_with_threads_does_not_fork() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert not can_fork()
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many threads there are")
def test_a_process_without_threads_forks() -> None:
    program = "from analyzer.forked import can_fork; print(can_fork())"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"True\n"
