"""The application: its commands and the options that all of them share."""

from __future__ import annotations

from typing import Annotated

import typer

from a2ibench import __version__
from a2ibench.cli.board import make_board
from a2ibench.cli.bundle import make_bundle
from a2ibench.cli.cite import cite
from a2ibench.cli.compare import compare_runs, make_baseline
from a2ibench.cli.doctor import doctor
from a2ibench.cli.examples import examples
from a2ibench.cli.fetch import fetch_datasets
from a2ibench.cli.figure import make_figure
from a2ibench.cli.listing import listing
from a2ibench.cli.paper_table import make_table
from a2ibench.cli.plugin import plugin
from a2ibench.cli.recommend import recommend_method
from a2ibench.cli.reconstruct import reconstruct_file
from a2ibench.cli.report import make_report
from a2ibench.cli.run import run
from a2ibench.cli.runs import show_runs
from a2ibench.cli.verify import verify_bundle
from a2ibench.cli.volumes import score_finished, simulate_dataset

_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=_HELP)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"a2ibench {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks (also after the command, or A2IBENCH_DEBUG=1).")
    ] = False,
) -> None:
    """Compare self-supervised isotropic reconstruction of 3D electron microscopy volumes."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("run", epilog=examples("run"))(run)
app.command("runs", epilog=examples("runs"))(show_runs)
app.command("list", epilog=examples("list"))(listing)
app.command("fetch", epilog=examples("fetch"))(fetch_datasets)
app.command("doctor")(doctor)
app.command("reconstruct", epilog=examples("reconstruct"))(reconstruct_file)
app.command("recommend", epilog=examples("recommend"))(recommend_method)
app.command("simulate", epilog=examples("simulate"))(simulate_dataset)
app.command("score", epilog=examples("score"))(score_finished)
app.command("report", epilog=examples("report"))(make_report)
app.command("figure", epilog=examples("figure"))(make_figure)
app.command("table", epilog=examples("table"))(make_table)
app.command("cite", epilog=examples("cite"))(cite)
app.command("bundle", epilog=examples("bundle"))(make_bundle)
app.command("verify", epilog=examples("verify"))(verify_bundle)
app.command("board", epilog=examples("board"))(make_board)
app.command("compare", epilog=examples("compare"))(compare_runs)
app.command("baseline", epilog=examples("baseline"))(make_baseline)
app.add_typer(plugin, name="plugin")
