# SPDX-License-Identifier: GPL-2.0-only
"""The composition root: finds the command, runs it, turns every error into a message and an exit code.

A command's module is imported when the command runs, so that `--version` and `--help` cost no more than Click.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from analyzer import __version__
from analyzer.cli.exit_codes import exit_code_of
from analyzer.cli.late_numpy import load_numpy_late
from analyzer.cli.leaving import run_program
from analyzer.cycles import no_search_for_cycles
from analyzer.errors import AuditorError
from analyzer.model.exit_code import ExitCode

COMMANDS = {
    "analyze": "Audit captures: who offered what, what was chosen, what the packets prove.",
    "sniff": "Audit live traffic on an interface, call by call.",
    "decrypt": "Open SRTP with the keys at hand: clear captures and audio.",
    "show": "Show one frame as a tree of its SIP, RTSP, SDP, MIKEY or RTP parts.",
    "negotiate": "Compare two priority lists under every selection rule.",
    "policy": "List, show and check policies.",
    "explain": "Explain a rule: what it asks, which clause says so, how to repair it.",
}


class LazyGroup(click.Group):
    """A group whose commands live in `analyzer.cli.<name>` under the name `<name>_command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All commands, in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        load_numpy_late()
        with no_search_for_cycles(freeze=True):
            module = importlib.import_module(f"analyzer.cli.{cmd_name}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="srtp-audit")
def cli() -> None:
    """Analyze and audit encrypted voice calls: SIP, SDP, MIKEY and SRTP."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command line and exit with the code that `ExitCode` documents."""
    # Our matrices are tiny: NumPy's threads would only wait for each other, on processors that others want.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        result = cli.main(args=arguments, prog_name="srtp-audit", standalone_mode=False)
        code = result if isinstance(result, int) else ExitCode.OK
    except click.exceptions.Exit as request:
        code = request.exit_code
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("srtp-audit: interrupted before a report could be written", err=True)
        code = ExitCode.INTERRUPTED
    except AuditorError as error:
        _say(str(error))
        code = exit_code_of(error)
    except (BrokenPipeError, SystemExit):
        # The reader of our output went away (Click exits then): nothing is left to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.INCOMPLETE
    except ImportError as error:
        if os.environ.get("SRTP_AUDIT_TRACEBACK"):
            raise
        _say(f"the installation is damaged: {error}")
        code = ExitCode.INTERNAL
    except Exception as error:
        if os.environ.get("SRTP_AUDIT_TRACEBACK"):
            raise
        click.echo(f"srtp-audit: internal error: {type(error).__name__} in {_place(error)}", err=True)
        code = ExitCode.INTERNAL
    sys.exit(int(code))


def _say(error: str) -> None:
    from reports.safe_text import visible_block  # noqa: PLC0415 - only where something is amiss

    click.echo(f"srtp-audit: {visible_block(error)}", err=True)


def program() -> None:
    """The command `srtp-audit`."""
    run_program(main)


def _place(error: BaseException) -> str:
    """Module and line where an exception was raised; its text might hold captured octets or keys and is not shown."""
    trace = error.__traceback__
    place = "an unknown place"
    while trace is not None:
        place = f"{trace.tb_frame.f_globals.get('__name__', '?')}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place
