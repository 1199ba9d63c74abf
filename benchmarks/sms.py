"""Bulk SMS to the real Kannel: ours, killed in the middle, beside core's queue with one plain request a message.

Ours writes N messages to its log and hands them over; at half of them the dispatcher is killed (SIGKILL) and another one goes on.
Odoo takes the delivery reports meanwhile. Counted is what the fake operator behind Kannel got: each number once.
The peer sends to the same Kannel without asking for reports, and is not killed.

    script/bench sms --messages 10000 --peer 1000 [--json]
"""

import argparse
import collections
import json
import os
import signal
import subprocess
import sys
import time

DATABASE = "isp_bench"
#: Seconds that a message of a killed dispatcher waits for its report; in use it is minutes.
WAIT = 10


def main(argv):
    from stack import addons
    from stack.instance import Instance

    parser = argparse.ArgumentParser(prog="script/bench sms", description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=10000, help="messages of the bulk (default %(default)s)")
    parser.add_argument("--peer", type=int, default=1000, help="messages for core's own queue, 0 for none (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(argv)
    instance = Instance("bench", database=DATABASE, workers=2)
    instance.postgres.start()
    try:
        addons.bring_up_to_date(instance, DATABASE)
        (instance.kannel.messages).unlink(missing_ok=True)
        instance.kannel.start()
        instance.odoo.start("--max-cron-threads=0", "--log-level=warn")
        figures = measure(instance, options)
    finally:
        instance.stop()
    report(figures, options)


def measure(instance, options):
    from stack.shell import step

    setting = json.dumps({"url": instance.kannel.url, "password": instance.kannel.password, "back": f"http://127.0.0.1:{instance.odoo.ports['odoo']}"})
    step(f"Writing {options.messages} messages")
    written = finish(work(instance, "write", str(options.messages), setting))
    step("Handing over; the first dispatcher is killed at half")
    first = work(instance, "dispatch", str(options.messages // 2))
    killed = read_until(first, "half")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    second = finish(work(instance, "dispatch", "0"))
    got = wait_for_operator(instance, options.messages)
    figures = {
        "write": written["seconds"],
        "first": killed,
        "second": second,
        "loss": options.messages - len(got),
        "doubled": sum(count - 1 for count in got.values()),
        "rate": (killed["accepted"] + second["accepted"]) / (killed["seconds"] + second["seconds"]),
    }
    if options.peer:
        step(f"Core's queue: {options.peer} messages")
        figures["peer"] = finish(work(instance, "peer", str(options.peer), setting))
    return figures


def wait_for_operator(instance, count):
    """:return: {number: how often the operator got it}, when nothing more comes"""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 5:
        got = collections.Counter(to for _sender, to, _text in instance.kannel.received() if to.lstrip("+").startswith("21192"))
        if len(got) != last:
            last, since = len(got), time.monotonic()
        time.sleep(0.5)
    return got


def work(instance, *arguments):
    """This file in a process of its own, with Odoo."""
    from stack import packages, paths

    command = [str(paths.PYTHON), __file__, str(instance.odoo.conf()), *arguments]
    return subprocess.Popen(command, env=packages.environment(), stdout=subprocess.PIPE, text=True)


def read_until(process, word):
    for line in process.stdout:
        if line.startswith(word):
            return json.loads(line[len(word) :])
    raise SystemExit(f"the {word} never came: its process ended with {process.wait()}")


def finish(process):
    answer = read_until(process, "done")
    process.wait()
    return answer


# --- in a process of its own ---


def say(word, **facts):
    sys.stdout.write(f"{word} {json.dumps(facts)}\n")
    sys.stdout.flush()


def write(env, count, setting):
    setting = json.loads(setting)
    env.cr.execute("DELETE FROM isp_sms_receipt; DELETE FROM isp_sms_message; DELETE FROM sms_sms")
    env["isp.sms.gateway"].with_context(active_test=False).search([("id", "!=", 0)]).active = False
    env["isp.sms.gateway"].create(
        {"name": "Kannel", "driver": "kannel", "url": setting["url"], "username": "isp", "password": setting["password"], "sender": "JubaNet",
         "callback_base": setting["back"], "resolve_wait": WAIT, "connections": 8}
    )  # fmt: skip
    env.cr.commit()
    started = time.monotonic()
    run = f"{int(time.time()):08x}"
    env["isp.sms.message"]._enqueue(
        {"uuid": f"{run}{n:024x}", "number": f"+21192{n:07d}", "body": f"Juba Net: work on the line tonight, {n}", "company_id": env.company.id, "kind": "bulk"}
        for n in range(int(count))
    )
    env.cr.commit()
    say("done", seconds=time.monotonic() - started)


def dispatch(env, half):
    """Hand over until nothing is left; says when ``half`` is reached and the next batch is on its way, to be killed in it."""
    from odoo.addons.isp_sms.tools.sender import Sender

    messages, half = env["isp.sms.message"], int(half)
    started, accepted, doubt = time.monotonic(), 0, None
    record, start = type(messages)._record, Sender.start

    def counted(self, gateway, outcomes, problem):
        nonlocal accepted
        record(self, gateway, outcomes, problem)
        accepted += sum(o.state == "accepted" for o in outcomes.values())

    def begun(self, batch, done=None):
        wait = start(self, batch, done)
        if half and accepted >= half:
            time.sleep(0.1)
            say("half", accepted=accepted, seconds=time.monotonic() - started)
        return wait

    type(messages)._record, Sender.start = counted, begun

    def commit(processed=0):
        env.cr.commit()
        return 1000

    messages._dispatch(commit)
    seconds = time.monotonic() - started
    first = accepted
    doubt = messages.search_count([("state", "=", "handing")])
    while messages.search_count([("state", "in", ("queued", "handing"))]) or env["isp.sms.receipt"].search_count([("state", "=", "new")]):
        env["isp.sms.receipt"]._cron_read()
        messages._dispatch(commit)
        env.cr.commit()
        time.sleep(0.5)
    proved = doubt - (accepted - first)
    deadline = time.monotonic() + 120
    while messages.search_count([("state", "=", "accepted")]) and time.monotonic() < deadline:
        env["isp.sms.receipt"]._cron_read()
        env.cr.commit()
        time.sleep(0.5)
    states = {state: count for state, count in messages._read_group([], ["state"], ["__count"])}
    say("done", accepted=first, seconds=seconds, doubt=doubt, proved=proved, states=states, reported=time.monotonic() - started,
        reports=env["isp.sms.receipt"].search_count([("id", "!=", 0)]))  # fmt: skip


def peer(env, count, setting):
    import requests

    from odoo.addons.sms.tools.sms_api import SmsApiBase

    setting = json.loads(setting)

    class Plain(SmsApiBase):
        def _send_sms_batch(self, messages, delivery_reports_url=False):
            results = []
            for message in messages:
                for number in message["numbers"]:
                    query = {"username": "isp", "password": setting["password"], "from": "JubaNet", "to": number["number"], "text": message["content"]}
                    answer = requests.get(f"{setting['url']}/cgi-bin/sendsms", params=query, timeout=20)
                    results.append({"uuid": number["uuid"], "state": "success" if answer.status_code == 202 else "server_error"})
            return results

    type(env.company)._get_sms_api_class = lambda self: Plain
    env["sms.sms"].create([{"number": f"+21198{n:07d}", "body": f"Juba Net: work on the line tonight, {n}"} for n in range(int(count))])
    env.cr.commit()
    started = time.monotonic()
    queue = env["sms.sms"].with_context(lang="en_US")
    while queue.search_count([("state", "=", "outgoing")]):
        queue._process_queue()
    say("done", seconds=time.monotonic() - started, sent=queue.search_count([("state", "=", "pending")]))


def worker(conf, what, *arguments):
    import odoo.tools
    from odoo.api import Environment
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", conf, "--log-level=error"])
    with Registry(DATABASE).cursor() as cr:
        env = Environment(cr, 1, {})
        {"write": write, "dispatch": dispatch, "peer": peer}[what](env, *arguments)


def report(figures, options):
    first, second = figures["first"], figures["second"]
    print(f"\n{options.messages} messages to Kannel, the dispatcher killed at {first['accepted']}")
    print(f"written to the log     {figures['write']:>8.1f} s")
    print(f"handed over            {first['seconds'] + second['seconds']:>8.1f} s   {figures['rate']:.0f} a second")
    print(f"in doubt by the kill   {second['doubt']:>8}     {second['proved']} proved by their reports, the others handed over again")
    print(f"the operator           {figures['loss']:>8} lost, {figures['doubled']} doubled")
    print(f"reports                {second['reports']:>8}     all read {second['reported']:.0f} s after the second dispatcher began; {second['states']}")
    measures = {
        "rate": {"ours": round(figures["rate"], 1), "peer": None, "ratio": None, "unit": "1/s"},
        "loss": {"ours": figures["loss"], "peer": None, "ratio": None, "unit": "messages"},
        "doubled": {"ours": figures["doubled"], "peer": None, "ratio": None, "unit": "messages"},
    }
    if "peer" in figures:
        theirs = figures["peer"]["sent"] / figures["peer"]["seconds"]
        print(f"core's queue           {theirs:>8.0f} a second, {figures['rate'] / theirs:.2f} times")
        measures["rate"].update(peer=round(theirs, 1), ratio=round(figures["rate"] / theirs, 2))
    if options.json:
        print(json.dumps({"name": "sms", "measures": measures}))


if __name__ == "__main__":
    worker(*sys.argv[1:])
