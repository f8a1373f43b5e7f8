"""`world up`: run a venue."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from worldmarkets.cli.errors import fail


def up(
    data: Annotated[Path | None, typer.Option(help="The folder of the venue; ./data if nothing else is said.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_534, help="HTTP; the stream has the next one. 0: any.")
    ] = None,
    agents: Annotated[bool, typer.Option("--agents/--no-agents", help="Trading agents (development only).")] = True,
    config: Annotated[Path | None, typer.Option(help="Settings in TOML; without, a venue of development.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live screen.")] = False,
) -> None:
    """Run a venue until Ctrl-C: of development, with a played market, unless there is a file of settings."""
    import uvloop

    from worldmarkets.cli.screen import LiveScreen, PlainScreen
    from worldmarkets.cli.venue import Venue, make_development
    from worldmarkets.exchange import GenesisError
    from worldmarkets.node.config import load_config
    from worldmarkets.node.errors import NodeError

    try:
        if config is None:
            settings = make_development(data or Path("data"))
        else:
            settings = load_config(config)
            settings = msgspec.structs.replace(settings, data=str(data)) if data is not None else settings
        if port is not None:
            settings = msgspec.structs.replace(settings, http_port=port, stream_port=port + 1 if port else 0)
        screen = PlainScreen() if plain or not sys.stdout.isatty() else LiveScreen()
        _log_to(Path(settings.data) / "world.log" if isinstance(screen, LiveScreen) else None)

        async def run() -> None:
            venue = Venue(settings, agents=agents, watch=screen.watch)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, venue.stop)
            showing = asyncio.create_task(screen.show(venue))
            try:
                await venue.run(on_ready=screen.note_ready)
            finally:
                showing.cancel()
                await asyncio.gather(showing, return_exceptions=True)

        with screen, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())
    except (NodeError, GenesisError, OSError) as error:
        fail(str(error))


def _log_to(path: Path | None) -> None:
    """Write the log to a file, or to standard error."""
    import structlog

    if path is None:
        file = sys.stderr
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - until the process ends
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=file.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file),
        cache_logger_on_first_use=True,
    )
