"""`python -m local_cloud`: the local cloud from the command line."""

import sys
import time
from pathlib import Path

import click

from local_cloud import __version__, lifecycle, settings, state_folder
from local_cloud.settings import Settings, SettingsError
from local_cloud.state_folder import LifecycleError

EPILOG = (
    "Settings are environment variables: LOCAL_CLOUD_DIR (state folder, default ./.local_cloud), "
    "LOCAL_CLOUD_PORT (4566), LOCAL_CLOUD_POSTGRES_PORT (5433; 0 for none), LOCAL_CLOUD_POSTGRES_DSN (use "
    "this server instead), LOCAL_CLOUD_UPSTREAM (URL of an external emulator for the base services). "
    "Everything listens on 127.0.0.1."
)


@click.group(
    epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__)
def cli() -> None:
    """AWS on a laptop: S3, SQS, EventBridge, Lambda, Glue, Athena and more on one loopback port."""


@cli.command()
def up() -> None:
    """Start the local cloud if it does not run, wait until it is healthy, print its endpoint."""
    health = lifecycle.up(_settings(), lambda line: click.echo(line, err=True))
    click.echo(_settings().endpoint_url)
    click.echo(f"pid {health['pid']}, state in {health['dir']}, PostgreSQL {health['postgres']}", err=True)


@cli.command()
def down() -> None:
    """Stop the local cloud; everything it holds is kept."""
    stopped = lifecycle.down(_settings())
    click.echo("Stopped." if stopped else f"No local cloud runs on {_settings().dir}.")


@cli.command()
def serve() -> None:
    """Run the local cloud in the foreground until Ctrl-C."""
    lifecycle.serve(_settings())


@cli.command()
def status() -> None:
    """Show where it runs, since when, what it serves and how much it holds. Exit 1 if it does not run."""
    chosen = _settings()
    daemon = lifecycle.recorded(chosen)
    health = lifecycle.health_of(daemon.port) if daemon is not None and daemon.alive() else None
    if daemon is None or not daemon.alive():
        click.echo(f"The local cloud of {chosen.dir} does not run. Start it with `python -m local_cloud up`.")
        sys.exit(1)
    if health is None:
        click.echo(
            f"The server (pid {daemon.pid}) runs but does not answer; `python -m local_cloud up` replaces it."
        )
        sys.exit(1)
    for name, value in _rows(chosen, daemon, health):
        click.echo(f"{name:<12} {value}")


def _rows(chosen: Settings, daemon: lifecycle.Daemon, health: dict[str, object]) -> list[tuple[str, str]]:
    services = health["services"]
    assert isinstance(services, dict)  # noqa: S101 - narrows the type for the checker
    how: dict[str, list[str]] = {}
    for name, state in services.items():
        how.setdefault(state, []).append(name)
    sizes = {
        entry.name: state_folder.size_of(entry) for entry in sorted(chosen.dir.iterdir()) if entry.is_dir()
    }
    up_for = int(time.time() - float(str(health["started"])))
    return [
        ("endpoint", f"http://{settings.HOST}:{daemon.port}"),
        ("pid", str(daemon.pid)),
        ("uptime", f"{up_for // 3600}:{up_for // 60 % 60:02d}:{up_for % 60:02d}"),
        ("state", str(chosen.dir)),
        *((state, ", ".join(names)) for state, names in how.items()),
        ("postgres", f"{health['postgres']} (port {chosen.postgres_port})"),
        ("sizes", ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items())),
    ]


@cli.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Stop the local cloud and delete everything it holds."""
    chosen = _settings()
    state_folder.check_marked(chosen.dir)
    if not yes:
        megabytes = state_folder.size_of(chosen.dir) / 1e6
        click.confirm(f"Delete {chosen.dir} ({megabytes:.1f} MB)?", abort=True)
    lifecycle.reset(chosen)
    click.echo(f"Deleted {chosen.dir}.")


@cli.command()
@click.option("--follow", "-f", is_flag=True, help="Keep printing as the log grows.")
@click.option("--lines", "-n", default=100, show_default=True, help="How many of the last lines to print.")
def logs(follow: bool, lines: int) -> None:
    """Print the server's log."""
    path = _settings().dir / "local_cloud.log"
    if not path.exists():
        raise LifecycleError(
            f"There is no log yet: {path}. Start the local cloud with `python -m local_cloud up`."
        )
    _print_log(path, lines, follow)


@cli.command()
@click.argument("job")
def interrupt(job: str) -> None:
    """Take the host away from a running Batch job, as EC2 takes a Spot instance back."""
    ended = lifecycle.control(_settings(), "batch", "interrupt", job)["interrupted"]
    if not ended:
        raise LifecycleError(f"Job {job} has no running attempt to interrupt.")
    click.echo(f"Interrupted {ended} running attempt{'s' if ended > 1 else ''} of {job}.")


def _print_log(path: Path, lines: int, follow: bool) -> None:
    with path.open(errors="replace") as file:
        for line in file.readlines()[-lines:]:
            click.echo(line, nl=False)
        while follow:
            line = file.readline()
            if line:
                click.echo(line, nl=False)
            else:
                time.sleep(0.2)


FORWARDED = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@cli.command(context_settings=FORWARDED, add_help_option=False)
@click.pass_context
def provision(context: click.Context) -> None:
    """Create the buckets, queues, databases and the infrastructure contract the platform expects."""
    from local_cloud import provision as module

    sys.exit(module.main(context.args))


@cli.command(context_settings=FORWARDED, add_help_option=False)
@click.pass_context
def seed(context: click.Context) -> None:
    """Fill the local cloud with example data."""
    from local_cloud import seed as module

    sys.exit(module.main(context.args))


def _settings() -> Settings:
    return settings.from_environment()


def main() -> None:
    """Runs the command line; errors a user can act on are one line, not a traceback."""
    try:
        cli(prog_name="python -m local_cloud")
    except (LifecycleError, SettingsError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
