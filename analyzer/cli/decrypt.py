# SPDX-License-Identifier: GPL-2.0-only
"""`srtp-audit decrypt`: clear captures and audio, and for every stream what opened and why the rest did not."""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from analyzer.api import audit
from analyzer.capture.windows import available_cores
from analyzer.cli.call_writer import CallWriter, safe_name
from analyzer.cli.capture_paths import expand_paths
from analyzer.cli.clear_copy import WARNING
from analyzer.cli.files import write_output
from analyzer.cli.materials import load_ring
from analyzer.cli.progress import progress_line
from analyzer.errors import UsageError
from analyzer.model.exit_code import ExitCode
from analyzer.model.report import Report
from reports.safe_text import visible

SCHEMA = "srtp-audit/decrypt/1"


@click.command("decrypt", short_help="Open SRTP with the keys at hand.")
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.option("-o", "--output", "folder", required=True, metavar="DIR|-", help="Where the clear copies go.")
@click.option(
    "--keys", metavar="FILE", help="Keys: TOML, crypto lines, a key log, a PEM key. SDES keys are read from the SDP."
)
@click.option("--redact", is_flag=True, help="Leave out which digits were pressed, and the packets that say it.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes at work [default: all cores].")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def decrypt_command(
    captures: tuple[str, ...], folder: str, keys: str | None, redact: bool, jobs: int | None, quiet: bool
) -> ExitCode:
    """Write for each call a clear pcapng, a WAV of each direction and one of both (stereo), and decrypt.json.

    G.711 and linear PCM are decoded as they are; G.722, G.726, GSM, Opus, G.729 and AMR need PyAV (the extra `audio`).
    With `-o -` the speech alone goes to standard output, for a pipe: 16 bits, little-endian, both directions as two
    channels; its rate is printed.

    Exit codes: 0 everything opened, 4 something stayed shut or could not be read, 3 nothing readable.
    """
    ring = load_ring(keys)
    target = None if folder == "-" else _make_folder(Path(folder))
    processes = jobs or available_cores()
    with _unfinished(target) as unfinished, progress_line(quiet) as progress:
        writer = CallWriter(ring, target or unfinished, unfinished, redact)
        report = audit(
            expand_paths(captures),
            ring=ring,
            progress=progress,
            jobs=processes,
            render=None if target is None else writer.write_call,
            keep_calls=target is None,
            digests=False,
        )
        if target is None:
            _tell_damage(report)
            return _play(writer, report, quiet)
        calls = [json.loads(account) for account in report.renditions]
        streams = writer.write_streams(report.streams, len(calls), processes)
    _tell_damage(report)
    document = {
        "schema": SCHEMA,
        "tool": {"name": report.tool_name, "version": report.tool_version},
        "warning": WARNING,
        "captures": [
            {
                "path": one.path,
                "readable": one.readable,
                "defects": [defect.detail or defect.code for defect in one.defects],
            }
            for one in report.captures
        ],
        "calls": calls,
        "streams": streams,
    }
    write_output(str(target / "decrypt.json"), [(json.dumps(document, indent=2) + "\n").encode()])
    if not quiet:
        _print(document, target)
    return _exit_code(report, [stream for _, stream in _streams(document)])


def _play(writer: CallWriter, report: Report, quiet: bool) -> ExitCode:
    try:
        return _exit_code(report, writer.play(report, sys.stdout.buffer, quiet))
    except BrokenPipeError:
        # Who listened went away; what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INCOMPLETE


@contextlib.contextmanager
def _unfinished(target: Path | None) -> Iterator[Path]:
    """A folder for what is not written in full yet; whatever stays there goes with it."""
    try:
        with tempfile.TemporaryDirectory(prefix=".srtp-audit-", dir=target) as folder:
            yield Path(folder)
    except OSError as error:
        raise UsageError(f"{target or tempfile.gettempdir()}: can't be written: {error.strerror}") from error


def _tell_damage(report: Report) -> None:
    """Which files were not read, or not all of them, and why: an error, and told with `--quiet` too."""
    for capture in report.captures:
        for defect in capture.defects:
            what = visible(defect.detail or defect.code)
            place = visible(capture.path)
            click.echo(f"srtp-audit: {what if what.startswith(place) else f'{place}: {what}'}", err=True)


def _make_folder(target: Path) -> Path:
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{target}: can't be made: {error.strerror}") from error
    return target


def _streams(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for call in document["calls"]:
        for stream in call["streams"]:
            yield safe_name(call["call_id"]), stream
    for stream in document["streams"]:
        yield "no call", stream


def _heard(stream: dict[str, Any]) -> Iterator[str]:
    audio, dtmf = stream["audio"], stream["dtmf"]
    if audio is not None:
        if stream["wav"]:
            yield f"heard: {audio['seconds']:.1f} s, of which {audio['silence_seconds']:.1f} s silence: {stream['wav']}"
        for reason, packets in audio["not_heard"].items():
            yield f"not heard: {packets} packets: {visible(reason)}"
    if dtmf is not None and dtmf["count"]:
        yield f"digits: {dtmf['digits']}" if "digits" in dtmf else f"digits: {dtmf['count']}, left out"


def _print(document: dict[str, Any], target: Path) -> None:
    for call_id, stream in _streams(document):
        ends = f"{stream['source']} → {stream['destination']}"
        opened = f"{stream['decrypted']} of {stream['packets']} opened, {stream['authenticated']} authenticated"
        rest = f", {stream['failed']} failed, {stream['not_tried']} not tried, {stream['clear']} clear"
        why = f": {visible(stream['reason'])}" if stream["reason"] else ""
        click.echo(f"{call_id}  {stream['ssrc']}  {ends}  {stream['suite'] or '-'}  {opened}{rest}{why}")
        for defect in stream["defects"]:
            click.echo(f"    noted: {visible(defect['detail'])}")
        for line in _heard(stream):
            click.echo(f"    {line}")
    told = "now holds private conversations in the clear"
    if not any(each["file"] for each in (*document["calls"], *document["streams"])):
        told = "holds the account alone: nothing was opened"
    click.echo(f"srtp-audit: {visible(str(target))} {told}", err=True)


def _exit_code(report: Report, streams: Sequence[dict[str, Any]]) -> ExitCode:
    if not any(capture.readable for capture in report.captures) or not (report.briefs or report.streams):
        return ExitCode.UNREADABLE
    shut = any(stream["decrypted"] + stream["clear"] < stream["packets"] for stream in streams)
    gaps = any(capture.defects or not capture.readable for capture in report.captures)
    return ExitCode.INCOMPLETE if shut or gaps else ExitCode.OK
