# SPDX-License-Identifier: GPL-2.0-only
"""Known secrets, planted wherever a report could carry them, appear in no output in any spelling."""

import base64
import io
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

import pytest

from reports.html_report import render_html
from reports.json_report import render_json
from reports.pen import Pen
from reports.terminal import render_terminal
from tests.reports.builders import ICE_PASSWORD, INLINE, SECRET_KEY, SECRET_SALT, full_report

DIGEST_RESPONSE = b"6629fae49393a05397450978507c4ef1"
PIN = b"my pin is 271828"
SECRETS = (
    SECRET_KEY,
    SECRET_SALT,
    SECRET_KEY + SECRET_SALT,
    INLINE.encode(),
    ICE_PASSWORD.encode(),
    DIGEST_RESPONSE,
    PIN,
)


def spellings(secret: bytes) -> Iterator[str]:
    coded = base64.b64encode(secret).decode()
    for text in (
        secret.decode("latin-1"),
        secret.hex(),
        secret.hex(" "),
        secret.hex(":"),
        coded.rstrip("="),
        coded.replace("+", "-").replace("/", "_").rstrip("="),
        quote_from_bytes(secret, safe=""),
        "".join(f"%{octet:02X}" for octet in secret),
        repr(secret)[2:-1],
    ):
        yield text
        yield text[::-1]
        yield text.upper()


def terminal(verbose: bool) -> str:
    stream = io.StringIO()
    render_terminal(full_report(), Pen(stream, 400), verbose=verbose)
    return stream.getvalue()


@pytest.mark.parametrize(
    "output",
    [render_json(full_report()), render_html(full_report()), terminal(False), terminal(True)],
    ids=["json", "html", "terminal", "verbose"],
)
def test_no_output_shows_a_secret(output: str) -> None:
    for secret in SECRETS:
        for spelling in spellings(secret):
            assert spelling not in output


def test_the_session_description_is_shown_all_the_same() -> None:
    for output in (render_json(full_report()), render_html(full_report())):
        assert "inline:" + "·" * len(INLINE) in output
        assert "a=rtpmap:0 PCMU/8000" in output


def test_the_inline_key_is_really_that_of_the_master_key() -> None:
    assert base64.b64decode(INLINE) == SECRET_KEY + SECRET_SALT
