"""``script/server``: the demo with all its services in the foreground, until Ctrl-C."""

import argparse
import errno
import shutil
import signal
import time

from . import demo, packages, paths
from .instance import Busy, Instance, RunLock
from .network import Network
from .shell import StackError, fail, step

NAME = "demo"
#: A service may end this often within so many seconds before we give up.
_RESTARTS, _PATIENCE = 5, 300
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str], usage: str) -> None:
    parser = argparse.ArgumentParser(
        prog="script/server", description=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=_port, metavar="N", help="serve on this port")
    parser.add_argument("--fresh", action="store_true", help="start over with new data")
    options = parser.parse_args(arguments)
    for sig in _ENDING:
        signal.signal(sig, _interrupt)
    try:
        code = _serve(options)
    except KeyboardInterrupt:
        code = 130
    except Busy as busy:
        code = _already_running(busy, options)
    except StackError as error:
        fail(error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        fail(
            StackError(
                f"The disk is full ({error.filename or paths.REPO}). Nothing is lost: free some space, start again."
            )
        )
    raise SystemExit(code)


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return port


def _interrupt(*_args) -> None:
    raise KeyboardInterrupt


def _serve(options) -> int:
    lock = RunLock(NAME, "script/server")
    packages.setup()
    if options.fresh:
        _forget(lock)
    instance = Instance(NAME, http_port=options.port)
    if not options.port and instance.ports["http"] != 8069:
        step(f"Port 8069 is in use by another program: taking {instance.ports['http']}")
    try:
        step("Starting PostgreSQL")
        instance.postgres.start()
        demo.prepare(instance)
        _start(instance)
        network = Network(instance)
        network.tick()
        lock.note(url=instance.url)
        print(f"\n{demo.welcome(instance)}\n\nCtrl-C stops everything.", flush=True)
        return _watch(instance, network)
    finally:
        # A second Ctrl-C must not cut the orderly end short.
        for sig in _ENDING:
            signal.signal(sig, signal.SIG_IGN)
        step("Stopping")
        instance.stop()
        step("Stopped")


def _services(instance: Instance) -> list[tuple[str, object]]:
    return [*instance.world(), *instance.services()]


def _start(instance: Instance) -> None:
    for name, service in _services(instance):
        if service.process is None:
            step(f"Starting {name}")
            service.start()


def _watch(instance: Instance, network: Network) -> int:
    """Wait for Ctrl-C. A service that ends by itself is started again; one that keeps ending ends the rest."""
    endings: dict[str, list[float]] = {}
    while True:
        for name, service in _services(instance):
            if service.process is not None and service.process.poll() is None:
                continue
            recent = [at for at in endings.get(name, []) if at > time.monotonic() - _PATIENCE]
            endings[name] = [*recent, time.monotonic()]
            if len(endings[name]) > _RESTARTS:
                print(f"\n{name} keeps ending; its log: {service.log}", flush=True)
                return 1
            _start_again(name, service)
        network.tick()
        _refresh(instance)
        time.sleep(0.5)


def _refresh(instance: Instance) -> None:
    """New routers and log-ins reach FreeRADIUS's files; what is not right leaves the old ones in place."""
    try:
        done = instance.radius.tick()
    except StackError as error:
        step(f"FreeRADIUS keeps its files: {error}")
    else:
        if done == "routers":
            step("FreeRADIUS has new routers")


def _start_again(name: str, service) -> None:
    step(f"{name} ended by itself; starting it again (log: {service.log})")
    try:
        service.start()
    except StackError as error:
        step(f"{name} did not start: {error}")
    else:
        step(f"{name} is back")


def _forget(lock: RunLock) -> None:
    """Drop all that the run folder holds, passwords included; keep the lock we stand on."""
    step("Dropping the demo's data")
    for path in lock.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()


def _already_running(busy: Busy, options) -> int:
    url = busy.facts.get("url")
    if url:
        print(f"The demo is running already: {url}  (process {busy.facts['pid']})")
        print(demo.logins())
    else:
        print(f"{busy} It is not ready yet.")
    wish = "--fresh" if options.fresh else "--port" if options.port else None
    if wish:
        print(f"For {wish}, stop that one first (Ctrl-C there).")
    return 1 if wish else 0
