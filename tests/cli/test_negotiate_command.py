# SPDX-License-Identifier: GPL-2.0-only
"""`negotiate`: lists as options, as names of an inventory, and with nothing at all."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from analyzer.cli.negotiate import negotiate_command
from analyzer.errors import UsageError

INVENTORY = """
[[endpoint]]
id = "sip:alice@example.com"
key_agreements = {"MIKEY-PSK" = 0, "MIKEY-PKE" = 1}
suites = {"AES_CM_128_HMAC_SHA1_80" = 0}
[[endpoint]]
id = "sip:bob@example.com"
key_agreements = {"pke" = 0, "MIKEY-PSK" = 1}
suites = {"AES_F8_128_HMAC_SHA1_80" = 0}
"""


def run(*arguments: str) -> str:
    result = CliRunner().invoke(negotiate_command, [*arguments, "--no-color"], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def inventory(tmp_path: Path) -> str:
    path = tmp_path / "inventory.toml"
    path.write_text(INVENTORY)
    return str(path)


def test_without_arguments_table_4_is_explained() -> None:
    text = run()
    assert "that rules out initiator-first" in " ".join(text.split())
    assert "min-sum          MIKEY-PKE" in text
    assert "initiator-first  MIKEY-PSK" in text
    assert "undominated      MIKEY-PSK, MIKEY-PKE" in text
    assert "MIKEY-DH is common too, and stronger than min-sum's MIKEY-PKE" in text


def test_a_narrow_terminal_gets_whole_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = run()
    assert max(map(len, text.splitlines())) <= 60
    assert "…" not in text
    assert "MIKEY-DH       2      1    3    2        70  MIKEY-PKE" in text
    assert text.count("dominated by") == 1  # of the suites none is


def test_ties_dominance_and_the_other_methods_are_shown() -> None:
    text = run("PSK=0,DH=1,PKE=2", "DH=0,PSK=1,PKE=2")
    assert "min-sum          MIKEY-DH   tied with MIKEY-PSK" in text
    assert "MIKEY-PKE          2          2    4    2        48  MIKEY-PSK, MIKEY-DH" in text
    assert "static           no agreement" in text
    assert "automatic        MIKEY-PSK or MIKEY-DH or MIKEY-PKE" in text


def test_nothing_common_must_fail() -> None:
    assert "never fall back to clear media" in run("AES_CM_128_HMAC_SHA1_80", "AES_F8_128_HMAC_SHA1_80")
    assert "one side lists none of these" in run("PSK", "AES_F8_128_HMAC_SHA1_80")


def test_an_inventory_alone_compares_all_its_endpoints(inventory) -> None:
    text = run("--inventory", inventory)
    assert text.count("nothing common") == 2
    assert text.count("(tied with") == 2
    assert "min-sum          MIKEY-PKE" in run("alice@example.com", "bob@example.com", "--inventory", inventory)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("PSK",), "two lists, or none"),
        (("PSK=-1", "PSK"), "0 is best"),
        (("PSK=0,PSK=1", "PSK"), "one priority"),
        (("P S K", "PSK"), "is not NAME=NUMBER"),
        ((",", "PSK"), "at least one"),
    ],
)
def test_bad_lists_are_refused(arguments, what) -> None:
    with pytest.raises(UsageError, match=what):
        run(*arguments)


def test_an_unknown_endpoint_is_refused_with_those_there_are(inventory) -> None:
    with pytest.raises(UsageError, match=r"it has sip:alice@example\.com, sip:bob@example\.com"):
        run("carol", "bob@example.com", "--inventory", inventory)


def test_a_name_that_no_registry_has_is_noted() -> None:
    assert "X_Y is no registered suite" in run("X_Y", "X_Y")
