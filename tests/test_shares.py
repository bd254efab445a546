# SPDX-License-Identifier: GPL-2.0-only
"""Work shared out among processes is all done, once in the result, whatever becomes of the processes."""

import os
import signal
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import shares
from analyzer.shares import MAX_SHARES, work_in_shares

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
PARENT = os.getpid()


@pytest.fixture(autouse=True)
def _forking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The children made here only count; that pytest's workers have threads does them no harm."""
    monkeypatch.setattr(shares, "can_fork", lambda: True)


def numbers(share: range) -> list[int]:
    return list(share)


def encode(values: list[int]) -> bytes:
    return " ".join(map(str, values)).encode()


def decode(octets: bytes) -> list[int]:
    return list(map(int, octets.split()))


def worked(count: int, *workers: Callable[[range], list[int]]) -> list[int]:
    return [number for share in work_in_shares(count, workers, encode, decode) for number in share]


@pytest.mark.parametrize("count", [0, 1, 2, 63, 500, 3 * MAX_SHARES * 64 + 1])
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_every_item_is_worked_on_in_its_place(count: int, processes: int) -> None:
    assert worked(count, *[numbers] * processes) == list(range(count))


@settings(max_examples=15)
@given(st.lists(st.integers(0, 9), max_size=90), st.integers(1, 3))
def test_the_order_in_which_work_is_begun_changes_nothing(weights: list[int], processes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shares, "can_fork", lambda: True)
        found = work_in_shares(len(weights), [numbers] * processes, encode, decode, weights.__getitem__)
    assert [number for share in found for number in share] == list(range(len(weights)))


def test_the_heaviest_work_is_begun_first() -> None:
    begun: list[int] = []

    def note(share: range) -> list[int]:
        begun.extend(share)
        return list(share)

    def idle(share: range) -> list[int]:
        raise MemoryError

    weights = [3, 1, 4, 1, 5, 9, 2, 6]
    found = work_in_shares(len(weights), [note, idle], encode, decode, weights.__getitem__)
    assert [number for share in found for number in share] == list(range(8))
    assert set(begun) == set(range(8))
    first = [weights[number] for number in begun[:5]]
    assert first == sorted(first, reverse=True)


def test_several_processes_do_the_work() -> None:
    def who(share: range) -> list[int]:
        os.sched_yield()
        return [os.getpid()] * len(share)

    assert len(set(worked(100_000, who, who))) == 2


def test_what_a_killed_process_had_taken_is_done_again() -> None:
    def fatal(share: range) -> list[int]:
        if share.start > 100:
            os.kill(os.getpid(), signal.SIGKILL)
        return numbers(share)

    assert worked(50_000, numbers, fatal, fatal) == list(range(50_000))


def test_what_fails_in_a_child_alone_is_done_again() -> None:
    def failing(share: range) -> list[int]:
        raise MemoryError

    assert worked(50_000, numbers, failing) == list(range(50_000))


def test_what_fails_everywhere_fails() -> None:
    def failing(share: range) -> list[int]:
        if share.start > 20_000:
            raise ValueError("this one")
        return numbers(share)

    with pytest.raises(ValueError, match="this one"):
        worked(50_000, failing, failing)


def test_nobody_is_forked_where_that_is_not_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "can_fork", lambda: False)
    monkeypatch.setattr(os, "fork", None)
    assert worked(500, numbers, numbers) == list(range(500))
