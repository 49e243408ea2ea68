"""The server process: what `python -m local_cloud serve` runs in the foreground."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from pathlib import Path
from typing import Any

from local_cloud import (
    base_services,
    deliveries,
    durability,
    engines,
    lambda_errors,
    processes,
    recovery,
    service_events,
)
from local_cloud.cloud import Cloud
from local_cloud.gateway import Gateway
from local_cloud.objects import DiskObjectStore, ObjectStore
from local_cloud.postgres import Postgres
from local_cloud.proxy import Proxy
from local_cloud.remote_objects import RemoteObjectStore
from local_cloud.settings import Settings

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 5.0
"""How long running requests may take to finish once asked to stop."""


def run(settings: Settings, sock: socket.socket) -> None:
    """Serves on a bound socket until SIGTERM or SIGINT. The caller holds the state folder's instance lock."""
    os.environ.update(settings.environment())
    # Whoever calls AWS in this process or its children calls this cloud, with keys that are no one's.
    os.environ.update(
        AWS_ENDPOINT_URL=settings.endpoint_url,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - the local cloud checks no keys
        AWS_EC2_METADATA_DISABLED="true",
    )
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("local_cloud").setLevel(os.environ.get("LOCAL_CLOUD_LOG_LEVEL", "INFO"))
    for pid in processes.end_leftovers(settings.dir):
        log.warning("Ended process %d, left behind by an instance that was killed.", pid)
    asyncio.run(_serve(settings, sock))


async def _serve(settings: Settings, sock: socket.socket) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    postgres = Postgres(settings)
    starting_postgres = asyncio.create_task(asyncio.to_thread(postgres.start))
    base, checkpointer, objects = _base_services(settings)
    cloud = Cloud(
        state_dir=settings.dir,
        endpoint_url=settings.endpoint_url,
        region=settings.region,
        account_id=settings.account_id,
        objects=objects,
    )
    running = engines.start(cloud)
    gateway = Gateway(settings, running, base, checkpointer, lambda: {"postgres": postgres.status()})
    config = Config()
    config.bind = [f"fd://{sock.detach()}"]  # hypercorn closes it
    config.graceful_timeout = SHUTDOWN_SECONDS
    config.include_server_header = False
    config.keep_alive_timeout = 75.0
    config.backlog = 1024
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    sweep = asyncio.create_task(checkpointer.sweep_forever()) if checkpointer else None
    log.info("Serving %s from %s.", settings.endpoint_url, settings.dir)
    try:
        await serve(gateway, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    finally:
        if sweep is not None:
            sweep.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweep
        engines.stop(running)
        gateway.close()
        if checkpointer is not None:
            await checkpointer.close()
        with contextlib.suppress(Exception):
            await starting_postgres
        await asyncio.to_thread(postgres.stop)
        log.info("Stopped.")


def _base_services(settings: Settings) -> tuple[Any, durability.Checkpointer | None, ObjectStore]:
    if settings.upstream is not None:
        return Proxy(settings.upstream), None, RemoteObjectStore(settings)
    for sidecar in recovery.repair_torn_writes(base_services.objects_dir(settings)):
        log.warning("An overwrite of %s was cut short; its new content stands.", sidecar)
    app = base_services.load(settings)
    deliveries.install()
    lambda_errors.install()
    service_events.install()
    checkpointer = durability.Checkpointer(durability.StateStore(settings.dir / "ministack" / "state.db"))
    checkpointer.restore()
    return app, checkpointer, DiskObjectStore(_account_dir(settings))


def _account_dir(settings: Settings) -> Path:
    return base_services.objects_dir(settings) / settings.account_id
