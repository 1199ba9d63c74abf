# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""``python -m simulators.routeros --port 8795 [--router NAME=ADDRESS[=VERSION]…]``: until it is told to end."""

import argparse
import json
import signal

from .control import router_facts, server
from .world import World


def main():
    parser = argparse.ArgumentParser(prog="python -m simulators.routeros", description=__doc__)
    parser.add_argument("--port", type=int, default=8795, help="of the control, on the loopback")
    parser.add_argument("--router", action="append", default=[], metavar="NAME=ADDRESS[=VERSION]", help="a router that is there from the start; more by the control")
    parser.add_argument("--password", default="", help="of admin on those")
    parser.add_argument("--stepped", action="store_true", help="time stands still until the control steps it")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    with World(running=not options.stepped) as world:
        for text in options.router:
            name, address, *version = text.split("=")
            router = world.add(name, address=address, password=options.password, **({"version": version[0]} if version else {}))
            print(json.dumps(router_facts(router)), flush=True)
        control = server(world, options.port)
        print(f"http://localhost:{control.server_port}", flush=True)
        try:
            control.serve_forever()
        except KeyboardInterrupt:
            control.server_close()


def _end(*_args):
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
