# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""``python -m simulators.momo --port 8790 --state FILE [--sms-log FILE]``: until it is told to end."""

import argparse
import signal

from . import control, mtn, orange, phone
from .operator import Operator
from .store import Store
from .web import Server, answer

_ROUTES = (control.routes, mtn.routes, orange.routes, phone.routes)


def application(op):
    """:return: the function that answers requests"""

    def serve(request):
        ours = request.path.startswith(("/_control/", "/phone/")) or request.path == "/"
        if not ours and (failed := op.fail(request.path)):
            return failed
        allowed = []
        for routes in _ROUTES:
            function, found = routes.find(request.method, request.path)
            if function:
                try:
                    return function(op, request, **found)
                except (mtn.Refusal, orange.Refusal) as refusal:
                    return refusal.answer()
                except (ValueError, KeyError, TypeError) as error:
                    if not ours:
                        raise
                    return answer(400, {"error": str(error)})
            allowed += found
        if allowed:
            return answer(405, None, Allow=", ".join(sorted(set(allowed))))
        return answer(404, {"statusCode": 404, "message": "Resource not found"})

    return serve


def main():
    parser = argparse.ArgumentParser(prog="python -m simulators.momo", description=__doc__)
    parser.add_argument("--port", type=int, default=8790)
    parser.add_argument("--state", default=":memory:", help="file that outlives a restart")
    parser.add_argument("--sms-log", help="log of Kannel's fakesmsc, shown on the telephones")
    options = parser.parse_args()
    store = Store(options.state)
    accounts = [{**mtn.ACCOUNT, "environments": list(mtn.CURRENCY)}]
    server = Server(options.port, application(Operator(store, options.sms_log, accounts)))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    print(f"http://localhost:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def _end(*_args):
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
