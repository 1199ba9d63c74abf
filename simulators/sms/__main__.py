# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""``python -m simulators.sms --port 8791 --smpp-port 2775 --state FILE``: until it is told to end."""

import argparse
import signal
import threading

from simulators.momo.store import Store
from simulators.momo.web import Server, answer

from . import africastalking, control, generic, smsc
from .network import Network

_ROUTES = (control.routes, africastalking.routes, generic.routes)
FIRST_DAY = (
    ("smpp", smsc.ACCOUNT["system_id"], smsc.ACCOUNT),
    *(("africastalking", account["username"], account) for account in africastalking.ACCOUNTS),
    ("http", generic.ACCOUNT["user"], generic.ACCOUNT),
)


def application(network):
    """:return: the function that answers requests"""

    def serve(request):
        ours = request.path.startswith("/_control/")
        if not ours and (failed := network.fail(request.path)):
            return failed
        allowed = []
        for routes in _ROUTES:
            function, found = routes.find(request.method, request.path)
            if function:
                try:
                    return function(network, request, **found)
                except africastalking.Refused as refused:
                    return refused.answer()
                except (ValueError, KeyError, TypeError) as error:
                    return answer(400, {"error": str(error)})
            allowed += found
        if allowed:
            return answer(405, None, Allow=", ".join(sorted(set(allowed))))
        return answer(404, {"message": "The requested resource could not be found."})

    return serve


def main():
    parser = argparse.ArgumentParser(prog="python -m simulators.sms", description=__doc__)
    parser.add_argument("--port", type=int, default=8791)
    parser.add_argument("--smpp-port", type=int, default=2775)
    parser.add_argument("--state", default=":memory:", help="file that outlives a restart")
    options = parser.parse_args()
    network = Network(Store(options.state), FIRST_DAY)
    centre = smsc.Smsc(options.smpp_port, network)
    threading.Thread(target=centre.serve_forever, daemon=True).start()
    server = Server(options.port, application(network))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    print(f"http://localhost:{server.server_port} smpp://localhost:{options.smpp_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def _end(*_args):
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
