# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Usage: fair use over all subscribers, summing up, one customer's month.

Fair use is judged as the scheduled job does (``isp.usage.meter``): each line has 30 summed-up days and today's hours still to be summed
up; ladders by day, week and month, a third of them with free hours. Beside it the way of systems that walk their customers: one query a
line, on a sample, scaled. What the judgement changes is applied with its events. The sums are checked before any time counts.

Summing up is measured on raw rows of one month (a packet every 5 minutes): by day, compared with the days that stand there, as the audit does
(``isp.usage._audit``); and the hours that accounting has booked from them, to days and months, by the job that runs every hour.

Then everybody is on line, and who goes on after the end of his time or data is found (``isp.session._end_overdue``, every minute).

    script/bench usage --subscribers 50000 --raw 10000000 [--json]      a smoke run: --subscribers 500 --raw 50000
"""

import argparse
import json
import os

from stack import addons, packages
from stack.instance import Instance, RunLock
from stack.shell import StackError, run, step

DATABASE = "isp_bench_usage"
LABELS = {
    "judge": "fair use and alerts, judged (s)",
    "walk": "the same, one query a line (s, scaled)",
    "apply": "what changed, applied (lines)",
    "apply_s": "what changed, applied (s)",
    "raw": "raw rows to days, compared (s)",
    "hours": "booked hours to days and months (rows)",
    "hours_s": "booked hours to days and months (s)",
    "month_ms": "one customer's month by day (ms)",
    "now_ms": "one customer's use of his window (ms)",
    "over_ms": "sessions after their end, found (ms)",
    "told_s": "the same, queued for their routers (s)",
    "idle_ms": "looked again, with nothing to do (ms)",
}
GOALS = {"judge": 10, "raw": 10, "hours_s": 10, "month_ms": 10}

WORK = """
import json, os, time
from datetime import timedelta
from odoo import fields
count, raw = int(os.environ["BENCH_SUBSCRIBERS"]), int(os.environ["BENCH_RAW"])
cr, now, out = env.cr, fields.Datetime.now(), {}

def timed(work):
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result

plans = []
for window in ("day", "week", "month"):
    ladder = env["isp.fup"].search([("code", "=", f"B-{window}")]) or env["isp.fup"].create({
        "code": f"B-{window}", "name": window, "window": window,
        "step_ids": [(0, 0, {"sequence": 1, "after_mb": 20000, "down_kbps": 1024, "up_kbps": 512}),
                     (0, 0, {"sequence": 2, "after_mb": 60000, "down_kbps": 512, "up_kbps": 256})],
        "hour_ids": [(0, 0, {"hour_from": 0, "hour_to": 6})] if window == "month" else []})
    plans.append((env["isp.plan"].search([("code", "=", f"B-{window}")]) or env["isp.plan"].create({
        "code": f"B-{window}", "name": window, "list_price": 1000, "down_kbps": 4096, "up_kbps": 2048, "fup_id": ladder.id})).id)
cr.execute("TRUNCATE isp_usage, isp_usage_due, isp_usage_day, isp_usage_month, isp_fup_event, isp_usage_alert, isp_session CASCADE")
DUE = "INSERT INTO isp_usage_due SELECT DISTINCT access_id, (hour + interval '2 hours')::date FROM isp_usage"
cr.execute("DELETE FROM isp_access")
cr.execute('''INSERT INTO isp_access (name, password, plan_id, company_id, state, quota_from, device_limit)
    SELECT 'bench' || n, 'x', (%s::integer[])[1 + n %% 3], 1, 'allowed', '2020-01-01', 1 FROM generate_series(1, %s) n''', [plans, count])
cr.execute('''INSERT INTO isp_usage_day (access_id, day, bytes_up, bytes_down, seconds)
    SELECT a.id, (%s + interval '2 hours')::date - d, 100000000, (a.id * 37 %% 1200) * 1000000::bigint, 3600
      FROM isp_access a CROSS JOIN generate_series(1, 30) d''', [now])
cr.execute('''INSERT INTO isp_usage (access_id, hour, bytes_up, bytes_down, seconds, dirty)
    SELECT a.id, h.hour, 1000000, (a.id * 53 %% 2000) * 1000000::bigint, 3600, true
      FROM isp_access a CROSS JOIN LATERAL (SELECT date_trunc('hour', %s) - make_interval(hours => n) AS hour FROM generate_series(0, 9) n) h''', [now])
cr.execute(DUE)
env.invalidate_all()
env.cr.commit()
for table in ("isp_access", "isp_usage", "isp_usage_due", "isp_usage_day", "isp_fup_step", "isp_plan"):
    cr.execute(f"ANALYZE {table}")
env.cr.commit()
meter = env["isp.usage.meter"]
out["judge"], rows = timed(meter._decide)
wanted = {row["access_id"]: row["step_id"] for row in rows if row["changed"]}

def walk(ids):
    found = {}
    for one in ids:
        for row in meter._decide(only=[one]):
            if row["changed"]:
                found[one] = row["step_id"]
    return found

cr.execute("SELECT id FROM isp_access ORDER BY id LIMIT 200")
sample = [row[0] for row in cr.fetchall()]
seconds, found = timed(lambda: walk(sample))
assert found == {one: wanted[one] for one in sample if one in wanted}, "one at a time and all at once disagree"
out["walk"] = seconds * count / len(sample)
# By hand, from the tables as they stand: lines with a ladder by the day.
cr.execute('''SELECT count(*) FROM isp_access a JOIN isp_plan p ON p.id = a.plan_id WHERE p.code = 'B-day' AND
    (SELECT sum(bytes_up + bytes_down) FROM isp_usage u WHERE u.access_id = a.id
        AND u.hour >= date_trunc('day', %s + interval '2 hours') - interval '2 hours') >= 20000000000''', [now])
byhand = cr.fetchone()[0]
cr.execute("SELECT id FROM isp_access WHERE plan_id = %s", [plans[0]])
assert byhand == sum(row[0] in wanted for row in cr.fetchall()), "the sums are wrong"
out["apply"] = len(rows)
out["apply_s"], _ = timed(lambda: [(meter._apply(rows[n:n + 500]), env.flush_all(), env.cr.commit()) for n in range(0, len(rows), 500)])
assert not meter._decide(), "judged again something is to be done"

customers = max(raw // (31 * 288), 1)
month = (now.replace(day=1) - timedelta(days=1)).date().replace(day=1)
part = f"isp_usage_raw_{month:%Y_%m}"
# The partition of last month, filled before it is attached.
cr.execute(f"DROP TABLE IF EXISTS {part}")
cr.execute(f"CREATE TABLE {part} (LIKE isp_usage_raw)")
cr.execute(f'''INSERT INTO {part} SELECT (SELECT min(id) FROM isp_access) + c, %s::timestamp + make_interval(mins => 5 * n), 1000, 9000, 300
      FROM generate_series(0, 31 * 288 - 1) n CROSS JOIN generate_series(0, %s - 1) c WHERE %s::timestamp + make_interval(mins => 5 * n) < %s::timestamp + interval '1 month' ''', [month, customers, month, month])
rows_raw = cr.rowcount
cr.execute("SELECT (%s::date + interval '1 month')::date", [month])
after = cr.fetchone()[0]
cr.execute(f"ALTER TABLE isp_usage_raw ATTACH PARTITION {part} FOR VALUES FROM ('{month}') TO ('{after}')")
env.cr.commit()
cr.execute(f"ANALYZE {part}")
out["raw_rows"], total = rows_raw, rows_raw * 10000
cr.execute("TRUNCATE isp_usage, isp_usage_due, isp_usage_day, isp_usage_month")
cr.execute(f'''INSERT INTO isp_usage (access_id, hour, bytes_up, bytes_down, seconds, dirty)
    SELECT access_id, date_trunc('hour', at), sum(bytes_up), sum(bytes_down), sum(seconds), true FROM {part} GROUP BY 1, 2''')
out["hours"] = cr.rowcount
cr.execute(DUE)
env.cr.commit()
cr.execute("ANALYZE isp_usage, isp_usage_due")

def roll_up():
    after = env["isp.usage"]._roll_up(1000)[1]
    while after:
        env.cr.commit()
        after = env["isp.usage"]._roll_up(1000, after)[1]
    env.cr.commit()

out["hours_s"], _ = timed(roll_up)
cr.execute("SELECT sum(bytes_up + bytes_down) FROM isp_usage_month")
assert cr.fetchone()[0] == total, "hours and raw rows disagree"
out["raw"], differing = timed(lambda: env["isp.usage"]._audit(month))
# Nothing is differing that has packets.
assert not [row for row in differing if row[2]], "hours and packets disagree"
one = env["isp.access"].search([], limit=1, order="id")
cr.execute("ANALYZE isp_usage_day")
for key, work in (("month_ms", lambda: env["isp.usage.day"].search([("access_id", "=", one.id), ("day", ">=", fields.Date.today() - timedelta(days=62))]).mapped("bytes_down")),
                  ("now_ms", lambda: meter._decide(only=one.ids))):
    work()
    times = []
    for _n in range(20):
        env.invalidate_all()
        times.append(timed(work)[0])
    out[key] = sorted(times)[10] * 1000

# Everybody is on line, a hundredth goes on after its time, a hundredth after its data; a tenth is in the walled garden since an hour.
router = env["isp.router"].search([("nas_ip", "=", "127.9.9.9")]) or env["isp.router"].create({"name": "Bench", "nas_ip": "127.9.9.9", "radius_secret": "testing123"})
cr.execute('''INSERT INTO isp_session (session_key, generation, access_id, router_id, user_name, session_id, nas_ip, started, updated, last_event, presumed, superseded)
    SELECT 'b' || id, 0, id, %(router)s, name, id, '127.9.9.9', %(now)s - interval '1 hour', %(now)s, %(now)s, false, false FROM isp_access''', {"router": router.id, "now": now})
cr.execute("UPDATE isp_access SET valid_until = %s - interval '10 minutes' WHERE id %% 100 = 0", [now])
cr.execute("UPDATE isp_access SET quota_bytes = 1000, quota_day = 0 WHERE id % 100 = 1 OR id % 10 = 5")
cr.execute('''INSERT INTO isp_quota_counter (access_id, since, until, quota_from, quota_day, bytes, seconds, spent_at)
    SELECT id, quota_from, '9999-12-31', quota_from, 0, 2000, 0, %s - CASE WHEN id %% 10 = 5 THEN interval '2 hours' ELSE interval '1 minute' END
      FROM isp_access WHERE quota_bytes > 0 ON CONFLICT (access_id) DO UPDATE SET spent_at = excluded.spent_at, bytes = 2000''', [now])
env.cr.commit()
cr.execute("ANALYZE isp_session, isp_access, isp_quota_counter")
env.invalidate_all()
cr.execute("SELECT count(*) FROM isp_access WHERE id % 100 IN (0, 1)")
due, overdue = cr.fetchone()[0], lambda: env["isp.session"]._overdue(timedelta(days=3))
runs = [timed(overdue) for _n in range(9)]
assert all(len(rows) == due for _seconds, rows in runs), "others go on after their end"
out["over_ms"] = sorted(seconds for seconds, _rows in runs)[4] * 1000
out["told_s"], _ = timed(lambda: (env["isp.session"]._end_overdue(), env.cr.commit()))
runs = [timed(overdue) for _n in range(9)]
assert not any(rows for _seconds, rows in runs), "what was told is told again"
out["idle_ms"] = sorted(seconds for seconds, _rows in runs)[4] * 1000
print("FIGURES " + json.dumps(out))
"""


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="script/bench usage", description=__doc__.split("\n")[0])
    parser.add_argument("--subscribers", type=int, default=50_000)
    parser.add_argument("--raw", type=int, default=10_000_000, help="raw rows of one month")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    lock = RunLock("bench", "script/bench usage")
    instance = Instance("bench", database=DATABASE, workers=0)
    instance.postgres.start()
    try:
        figures = _figures(instance, options)
    finally:
        instance.stop()
        lock.file.close()
    print(f"\n{options.subscribers} subscribers, {figures['raw_rows']} raw rows")
    for key, label in LABELS.items():
        value = figures[key]
        goal = f"   goal: under {GOALS[key]}" if key in GOALS else ""
        print(f"{label:42} {value:>12.2f}{goal}" if isinstance(value, float) else f"{label:42} {value:>12}{goal}")
    if options.json:
        print(json.dumps({"name": "usage", "measures": figures}))


def _figures(instance: Instance, options) -> dict:
    before = os.environ.get("ISP_TEST_ADDONS")
    os.environ["ISP_TEST_ADDONS"] = "isp_base,isp_network"
    addons.bring_up_to_date(instance, DATABASE)
    if before is None:
        del os.environ["ISP_TEST_ADDONS"]
    step(f"{options.subscribers} subscribers, {options.raw} raw rows")
    env = {**packages.environment(), "BENCH_SUBSCRIBERS": str(options.subscribers), "BENCH_RAW": str(options.raw)}
    # In one piece: a shell reads line by line.
    work = f"exec(compile({WORK!r}, 'bench', 'exec'), {{'env': env}})\n"
    done = run(instance.odoo.command("shell", "-d", DATABASE, "--no-http", "--log-level=error"), input=work, env=env)
    for line in done.stdout.splitlines():
        if "FIGURES " in line:
            return json.loads(line.partition("FIGURES ")[2])
    raise StackError(f"The benchmark gave no figures:\n{done.stdout[-1500:]}")
