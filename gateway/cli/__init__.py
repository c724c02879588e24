"""`bwx`: one command for operators, traders and measurements."""

import sys

import typer

from exchange.cli.backup import backup, restore
from exchange.cli.bench import bench_app
from exchange.cli.replay import replay_app
from exchange.cli.upgrade import upgrade
from exchange.cli.verify import verify
from gateway.cli.bench import feed, gateway, neighbours
from gateway.cli.delivery import delivery_app
from gateway.cli.doctor import doctor
from gateway.cli.keys import keys_app
from gateway.cli.provider import provider_app
from gateway.cli.reservation import verify_reservation
from gateway.cli.risk import risk_app
from gateway.cli.serve import serve
from gateway.cli.statement import statement
from gateway.cli.trade import trade_app
from gateway.cli.trade_many import many_app

app = typer.Typer(
    name="bwx",
    help="A continuous double-auction exchange for network bandwidth.",
    epilog="Begin with: bwx serve --demo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command()(serve)
trade_app.add_typer(many_app)
app.add_typer(trade_app, name="trade", help="Look at a market and trade on it, as people do.")
app.add_typer(provider_app, name="provider", help="Sell capacity of your own.")
app.add_typer(delivery_app, name="delivery", help="Follow what is delivered of allocations.")
app.add_typer(risk_app, name="risk", help="See how accounts stand against what they must have.")
app.add_typer(keys_app, name="keys", help="Accounts and keys of a stopped exchange.")
app.command()(statement)
app.command()(verify_reservation)
app.command()(verify)
app.command()(backup)
app.command()(restore)
app.command()(upgrade)
bench_app.command()(gateway)
bench_app.command()(feed)
bench_app.command()(neighbours)
app.add_typer(bench_app, name="bench", help="Measure the parts that serve.")
app.add_typer(replay_app, name="replay", help="Drive matching with recorded markets.")
app.command()(doctor)


@app.command()
def version() -> None:
    """Print the version.

    Example: bwx version
    """
    from importlib.metadata import version as installed_version

    typer.echo(installed_version("bandwidth-exchange"))


def main() -> None:
    """The entry point of the `bwx` command."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
