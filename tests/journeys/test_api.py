# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The API for equipment against the real server: asked whatever its document allows and does not, by schemathesis; and two at once."""

import json
import threading

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from instances import env_of
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from stack import logcheck

SCOPES = ("sessions", "authorise", "usage", "lines", "control", "orders")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    ignored_auth,
    unsupported_method,
]


@pytest.fixture(scope="module")
def server(make_instance):
    """The address of a server with a few customers, and a key that may do everything."""
    instance = make_instance("api", workers=2)
    with env_of(instance) as env:
        env["isp.router"].create({"name": "Tower", "nas_ip": "127.0.0.1", "radius_secret": "testing123"})
        plan = env["isp.plan"].create({"code": "J-API", "name": "Home", "list_price": 1000, "down_kbps": 2048, "up_kbps": 1024})
        partner = env["res.partner"].create({"name": "Achol"})
        for user in ("achol", "deng"):
            line = env["isp.subscription"].create({"partner_id": partner.id, "plan_id": plan.id, "username": user})
            line._set_state("active", "activation")
            line.access_ids._apply({"password": f"pw-{user}"})
        key = env["isp.api.key"].create({"name": "Fuzz", "user_id": env.ref("base.user_admin").id, "per_minute": 100000, **dict.fromkeys(SCOPES, True)})
        secret = key.action_make_key()["params"]["message"]
    instance.odoo.log.unlink(missing_ok=True)
    instance.odoo.start()
    yield instance, f"http://127.0.0.1:{instance.ports['odoo']}", {"Authorization": f"Bearer {secret}"}
    instance.odoo.stop()


@pytest.mark.parametrize(
    "operation",
    ["routers", "sessions", "authorise", "usage", "lines", "line", "start", "stop", "order", "order_state"],
)
def test_fuzzed(server, operation):
    """A hundred requests an operation: values that fit are taken, those that do not are refused in words, and nothing breaks."""
    _instance, url, headers = server
    config = SchemathesisConfig()
    schema = schemathesis.openapi.from_url(f"{url}/isp/api/v1/openapi.json", config=config, timeout=30)
    found = {one.ok().definition.raw["operationId"]: one.ok() for one in schema.get_all_operations()}
    assert len(found) >= 10
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate], derandomize=True, database=None)
    def run(case):
        case.call_and_validate(headers=headers, checks=CHECKS, timeout=60)

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        if mode is GenerationMode.NEGATIVE and not (list(found[operation].body) or list(found[operation].query)):
            continue
        given(case=found[operation].as_strategy(generation_mode=mode))(run)()


def test_one_item_sent_by_many_at_once_counts_once(server):
    """Twenty requests with the same hundred items, at the same time: each item is in the counters once."""
    instance, url, headers = server
    items = [{"sequence": number, "login": "deng", "kind": "delta", "up": 1, "down": 10} for number in range(1, 101)]
    answers = []

    def push():
        answer = requests.post(f"{url}/isp/api/v1/usage", json={"device": "race", "items": items}, headers=headers, timeout=120)
        answers.append((answer.status_code, answer.text))

    threads = [threading.Thread(target=push) for _number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = [row["status"] for status, text in answers if status == 200 for row in json.loads(text)["items"]]
    assert statuses.count("counted") == 100, answers
    assert {status for status, _text in answers} == {200}, answers
    push()
    assert [row["status"] for row in json.loads(answers[-1][1])["items"]] == ["repeated"] * 100
    with env_of(instance) as env:
        usage = env["isp.usage"].search([("access_id.name", "=", "deng"), ("bytes_down", ">", 0)])
        pushes = env["isp.api.push"].search([("device_id.name", "=", "race")])
        assert len(pushes) == 100
        fuzzed = sum(json.loads(push.payload)["up"] for push in env["isp.api.push"].search([("state", "=", "counted"), ("device_id.name", "!=", "race")]) if push.payload)
        assert sum(usage.mapped("bytes_up")) - fuzzed == 100


def test_the_server_had_nothing_to_complain_about(server):
    """Last in this file: the log of all that was asked above."""
    instance, _url, _headers = server
    faults = logcheck.faults(instance.odoo.log)
    assert not faults, "\n".join(faults)
