# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""WiFi tokens: thousands made and ready for RADIUS, printed on sheets, and let in with a million of them in the table.

* made: one batch, committed; then RADIUS's own function is asked for some of them. Beside it, of the same length and on the same database:
  rows of FreeRADIUS's own schema (``radcheck``, two of ``radreply``) inserted one by one in one transaction, as voucher systems on
  FreeRADIUS do, and Odoo's ``create`` of the same accesses and tokens in one list (fewer, told as seconds for as many);
* printed: the A4 sheets of all of them, as the product prints them. Beside it the same card as HTML, set by WeasyPrint card by card with a QR picture
  each (fewer, told as seconds for as many);
* let in: code to Access-Accept, one in flight, FreeRADIUS on our functions and a million tokens, and on its own tables with 50,000 users,
  in turn. The first log-in of a token begins its time (one row more, committed before the answer), later ones do not.

    script/bench tokens [--tokens 10000] [--stored 1000000] [--users 50000] [--json]
"""

import argparse
import base64
import io
import json
import os
import random
import socket
import struct
import time
import uuid
from hashlib import md5
from statistics import median

import radius
from stack import addons
from stack.instance import Instance, RunLock
from stack.shell import StackError, choose_port, step

DATABASE, PEER = "isp_bench_tokens", "stock_bench_tokens"
#: How many the slower peers do.
FEW_MADE, FEW_PRINTED = 1000, 300


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="script/bench tokens", description=__doc__.split("\n")[0])
    parser.add_argument("--tokens", type=int, default=10_000, help="tokens made and printed")
    parser.add_argument("--stored", type=int, default=1_000_000, help="tokens in our table at log-in; 0: leave log-ins out")
    parser.add_argument("--users", type=int, default=50_000, help="users in FreeRADIUS's own tables")
    parser.add_argument("--requests", type=int, default=1000, help="log-ins of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each; the median counts")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(argv)
    lock = RunLock("bench", "script/bench tokens")
    instance = Instance("bench", database=DATABASE, workers=0)
    instance.postgres.start()
    instance.postgres.psql("ALTER ROLE isp_radius CONNECTION LIMIT 60")
    try:
        _bring_up_to_date(instance)
        measures = _in_odoo(instance, options)
        if options.stored:
            measures.update(_log_ins(instance, options))
    finally:
        instance.stop()
        lock.file.close()
    _table(options, measures)
    if options.json:
        print(json.dumps({"name": "tokens", "measures": measures}))


def _bring_up_to_date(instance: Instance) -> None:
    before = os.environ.get("ISP_TEST_ADDONS")
    os.environ["ISP_TEST_ADDONS"] = "isp_hotspot"
    addons.bring_up_to_date(instance, DATABASE)
    if before is None:
        del os.environ["ISP_TEST_ADDONS"]


# --- made and printed ---


def _in_odoo(instance: Instance, options) -> dict:
    import odoo.tools
    from odoo.api import Environment
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", str(instance.odoo.conf()), "--log-level=error", "--log-handler=weasyprint:ERROR"])
    with Registry(DATABASE).cursor() as cr:
        env = Environment(cr, 1, {"tracking_disable": True})
        env.company.partner_id.country_id = env.ref("base.ss")
        site = env["isp.site"].search([("name", "=", "Bench")], limit=1) or env["isp.site"].create({"name": "Bench", "ssid": "Bench WiFi", "terms": "No refund."})
        if not site.router_ids:
            env["isp.router"].create({"name": "Bench", "nas_ip": "127.0.0.1", "radius_secret": radius.SECRET.decode(), "site_id": site.id})
        cr.commit()
        made, stock, orm = [], [], []
        for number in range(options.rounds):
            step(f"Round {number + 1}: {options.tokens} tokens")
            seconds, batch = _make(env, site, options.tokens)
            made.append(seconds)
            stock.append(_insert_rows(env, options.tokens))
            orm.append(_create(env, site, min(FEW_MADE, options.tokens)) * options.tokens / min(FEW_MADE, options.tokens))
        step(f"A4 sheets of {options.tokens} tokens")
        printed, plain, size = [], [], 0
        few = min(FEW_PRINTED, options.tokens)
        for _number in range(options.rounds):
            seconds, size = _print(env, batch)
            printed.append(seconds)
            plain.append(_print_plainly(env, batch, few) * options.tokens / few)
    return {
        "made": _compare(made, stock),
        "made_orm": _compare(made, orm),
        "printed": _compare(printed, plain),
        "file": {"ours": round(size / 1e6, 2), "unit": "MB"},
    }


def _make(env, site, count: int):
    began = time.perf_counter()
    batch = env["isp.token.batch"]._place(site, str(uuid.uuid4()), site.offer_ids[0]._prepare_terms(), count)
    env.cr.commit()
    seconds = time.perf_counter() - began
    if batch.state != "made":
        raise StackError("The batch is larger than one transaction makes: the rest would be measured by jobs.")
    codes = batch.token_ids.mapped("code")
    if len(set(codes)) != count:
        raise StackError(f"{len(set(codes))} codes instead of {count}.")
    for code in random.sample(codes, 100):
        env.cr.execute("SELECT value FROM radius.authz(%s, NULL, NULL) WHERE attribute = 'Cleartext-Password'", [code])
        if env.cr.fetchone() != (code,):
            raise StackError(f"RADIUS does not know {code}.")
    return seconds, batch


def _insert_rows(env, count: int) -> float:
    """FreeRADIUS's own tables, row by row, one transaction."""
    from odoo.addons.isp_hotspot.engine import code

    cr = env.cr
    cr.execute("CREATE SCHEMA IF NOT EXISTS stock; SET search_path = stock, public")
    for table in ("radcheck", "radreply"):
        cr.execute(f"CREATE TABLE IF NOT EXISTS {table} (id serial PRIMARY KEY, username text NOT NULL DEFAULT '', attribute text NOT NULL DEFAULT '', op varchar(2) NOT NULL DEFAULT '==', value text NOT NULL DEFAULT '')")
        cr.execute(f"CREATE INDEX IF NOT EXISTS {table}_username ON {table} (username, attribute)")
    cr.commit()
    began = time.perf_counter()
    cr.execute("SET search_path = stock, public")
    for word in code.make(count, 10):
        cr.execute("INSERT INTO radcheck (username, attribute, op, value) VALUES (%s, 'Cleartext-Password', ':=', %s)", [word, word])
        for name, value in (("Session-Timeout", "3600"), ("Mikrotik-Rate-Limit", "1M/2M")):
            cr.execute("INSERT INTO radreply (username, attribute, op, value) VALUES (%s, %s, ':=', %s)", [word, name, value])
    cr.execute("RESET search_path")
    cr.commit()
    return time.perf_counter() - began


def _create(env, site, count: int) -> float:
    """The same by Odoo's ``create``, a list each."""
    from odoo.addons.isp_hotspot.engine import code

    began = time.perf_counter()
    tokens = env["isp.token"]
    terms = site.offer_ids[0]._prepare_terms()
    columns = tokens._prepare_access(site, terms, "made", None, None, None)
    codes = code.make(count, 10)
    accesses = env["isp.access"].create([{**columns, "name": word, "password": word} for word in codes])
    values = tokens._prepare_token(site, terms, "made", None, columns, None)
    tokens.create([{**values, "code": word, "access_id": access.id} for word, access in zip(codes, accesses, strict=True)])
    env.cr.commit()
    return time.perf_counter() - began


def _print(env, batch):
    record = env["isp.token.print"].create({"batch_id": batch.id, "paper": "a4_30", "lang": "en_US", "first": 1, "last": batch.made_count})
    env.invalidate_all()
    began = time.perf_counter()
    pdf = record._print()
    seconds = time.perf_counter() - began
    record.unlink()
    from odoo.tools.pdf import PdfFileReader

    pages = len(PdfFileReader(io.BytesIO(pdf)).pages)
    if pages != -(-batch.made_count // 30):
        raise StackError(f"{pages} pages.")
    return seconds, len(pdf)


def _print_plainly(env, batch, count: int) -> float:
    """The same card as one HTML document with a picture of each QR code."""
    import qrcode
    from PIL import Image

    from odoo.addons.report_weasyprint.tools import InsideFetcher, html_to_pdf

    record = env["isp.token.print"].create({"batch_id": batch.id, "paper": "a4_30", "lang": "en_US", "first": 1, "last": count})
    began = time.perf_counter()
    html = record._card_html()
    head, body = html.split("<body>")
    card = body.split("</body>")[0]
    cards = []
    for given in record._cards():
        code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, mask_pattern=3)
        code.add_data(given["qr"])
        matrix = code.get_matrix()
        picture = Image.new("1", (len(matrix), len(matrix)))
        picture.putdata([not dark for line in matrix for dark in line])
        png = io.BytesIO()
        picture.save(png, "PNG")
        data = base64.b64encode(png.getvalue()).decode()
        text = card.replace('<div id="qr"></div>', f'<img style="width: 22mm; height: 22mm; image-rendering: pixelated" src="data:image/png;base64,{data}">')
        for name in ("code", "number"):
            text = text.replace(f'<div id="{name}"></div>', f"<div>{given[name]}</div>")
        cards.append(text)
    style = "<style>@page { size: 210mm 297mm; margin: 8.5mm 10mm } .card { position: static; float: left }</style>"
    base_url = env["ir.actions.report"]._get_report_url()
    pdf = html_to_pdf(f"{head}{style}<body>{''.join(cards)}</body></html>", fetcher=InsideFetcher(env, base_url), base_url=base_url)
    seconds = time.perf_counter() - began
    record.unlink()
    if not pdf.startswith(b"%PDF"):
        raise StackError("No PDF.")
    return seconds


# --- let in ---


def _log_ins(instance: Instance, options) -> dict:
    step(f"{options.stored} tokens in our table, {options.users} users in the peer's")
    sql = f"""
        TRUNCATE isp_access_use, isp_session, isp_quota_counter, isp_login_guess CASCADE;
        WITH site AS (SELECT id, company_id FROM isp_site WHERE name = 'Bench' LIMIT 1),
        made AS (
            INSERT INTO isp_access (name, password, company_id, state, zone, use_seconds, device_limit, refuse_ended, own_rate, quota_bytes, time_limit, quota_day, mac_login, mac_bound)
            SELECT 'tok' || n, 'tok' || n, site.company_id, 'allowed', site.id, 3600, 1, true, '1M/2M', 0, 0, 0, false, false
              FROM generate_series((SELECT count(*) + 1 FROM isp_access WHERE name LIKE 'tok%'), {options.stored}) n CROSS JOIN site RETURNING id, name)
        INSERT INTO isp_token (access_id, code, site_id, company_id, state, seconds, counting, devices, price)
        SELECT made.id, made.name, site.id, site.company_id, 'made', 3600, 'first', 1, 500 FROM made CROSS JOIN site;
    """
    instance.postgres.psql(sql, database=DATABASE, role="odoo")
    instance.postgres.psql("VACUUM ANALYZE", database=DATABASE)
    peer = _peer(instance, options)
    ours = instance.radius
    try:
        ours.start()
        peer.start()
        return _ask(options, ours, peer)
    finally:
        peer.stop()
        ours.stop()


def _peer(instance: Instance, options):
    folder = instance.dir / "stock-tokens"
    folder.mkdir(exist_ok=True)
    taken = set(instance.ports.values())
    ports = {name: choose_port(15812 + n, taken, socket.SOCK_DGRAM) for n, name in enumerate(("radius_auth", "radius_acct"))}
    instance.postgres.drop_database(PEER)
    instance.postgres.psql(f'CREATE DATABASE "{PEER}" OWNER odoo')
    instance.postgres.psql(radius._read_as_root(radius.STOCK / "schema.sql"), database=PEER, role="odoo")
    sql = f"""
        INSERT INTO radcheck (username, attribute, op, value) SELECT 'tok' || n, 'Cleartext-Password', ':=', 'tok' || n FROM generate_series(1, {options.users}) n;
        INSERT INTO radreply (username, attribute, op, value)
        SELECT 'tok' || n, a.name, ':=', a.value FROM generate_series(1, {options.users}) n,
               (VALUES ('Mikrotik-Rate-Limit', '1M/2M'), ('Acct-Interim-Interval', '300'), ('Session-Timeout', '3600'), ('Class', 'isp:1')) a (name, value);
    """
    instance.postgres.psql(sql, database=PEER, role="odoo")
    instance.postgres.psql("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO isp_radius; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO isp_radius", database=PEER, role="odoo")
    instance.postgres.psql("VACUUM ANALYZE", database=PEER)
    return radius.Stock(folder, ports, instance.secrets, PEER, instance.postgres)


def _ask(options, ours, peer) -> dict:
    chance = random.Random(str(time.time()))
    asked = {"first": [], "again": [], "peer": []}
    fresh = [f"tok{n}".encode() for n in chance.sample(range(1, options.stored + 1), options.requests * options.rounds + 300)]
    _send(ours, fresh[-300:])
    _send(peer, [f"tok{n}".encode() for n in chance.sample(range(1, options.users + 1), 300)])
    step("Measuring log-ins, one in flight")
    for number in range(options.rounds):
        codes = fresh[number * options.requests : (number + 1) * options.requests]
        users = [f"tok{n}".encode() for n in chance.sample(range(1, options.users + 1), options.requests)]
        steps = [("first", ours, codes), ("peer", peer, users), ("again", ours, codes)]
        # The first log-in comes before the later ones; the peer is asked before, between and after in turn.
        steps.insert(number % 3, steps.pop(1))
        for name, server, names in steps:
            asked[name].append(_send(server, names))
    result = {}
    for name in ("first", "again"):
        for label, share in (("median", 0.5), ("p99", 0.99)):
            mine, theirs = ([_share(run, share) for run in asked[side]] for side in (name, "peer"))
            result[f"{name}_{label}"] = {**_compare(mine, theirs, "ms"), "more": round(median(mine) - median(theirs), 2)}
    return result


def _share(latencies: list[float], share: float) -> float:
    return sorted(latencies)[min(int(len(latencies) * share), len(latencies) - 1)] * 1000


def _send(server, names: list[bytes]) -> list[float]:
    """:return: seconds from the request to its Access-Accept, each"""
    return radius._send_all(server.auth_port, [lambda i, name=name: _packet(i, name) for name in names], 1, 2)[1]


def _packet(identifier: int, code: bytes) -> bytes:
    authenticator = os.urandom(16)
    padded = code + bytes(-len(code) % 16)
    secret = bytes(a ^ b for a, b in zip(padded, md5(radius.SECRET + authenticator).digest(), strict=True))
    body = b"".join(radius._attribute(kind, value) for kind, value in ((1, code), (2, secret), (4, b"\x7f\0\0\1"), (31, b"AA:BB:CC:00:00:01")))
    return struct.pack("!BBH", 1, identifier, 20 + len(body)) + authenticator + body


# --- telling ---


def _compare(ours: list[float], peer: list[float], unit="s") -> dict:
    a, b = median(ours), median(peer)
    return {"ours": round(a, 2), "peer": round(b, 2), "ratio": round(b / a, 2), "unit": unit}


LABELS = {
    "made": "made (peer: rows of radcheck, radreply)",
    "made_orm": "made (peer: Odoo's create)",
    "printed": "A4 sheets (peer: WeasyPrint, card by card)",
    "file": "the file",
    "first_median": "first log-in, median",
    "first_p99": "first log-in, 99 % within",
    "again_median": "later log-ins, median",
    "again_p99": "later log-ins, 99 % within",
}


def _table(options, measures: dict) -> None:
    print(f"\n{options.tokens} tokens; log-ins with {options.stored} tokens beside {options.users} plain users, one in flight; median of {options.rounds}")
    print(f"{'':46} {'ours':>9} {'peer':>9} {'ratio':>7}")
    for name, label in LABELS.items():
        if name in measures:
            row = measures[name]
            more = f"  {row['more']:+} ms" if "more" in row else ""
            print(f"{label:46} {row['ours']:>9} {row.get('peer', ''):>9} {row.get('ratio', ''):>7}  {row['unit']}{more}")
