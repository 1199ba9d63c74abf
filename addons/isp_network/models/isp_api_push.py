# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import hashlib
import json
from datetime import datetime, timedelta

import pytz

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine import contract
from ..fields import LooseMany2one

#: How long a counted item is remembered by itself; then all numbers up to it are taken as used.
REMEMBERED = timedelta(days=100)
#: As for accounting packets: what is older is taken as a wrong clock.
OLDEST = timedelta(days=90)


class IspApiPush(models.Model):
    """An item that a device has reported.

    Idempotency key: (device, sequence) of what was counted, UNIQUE in the database. An item that could not be counted is kept as it
    came; the same item sent again, or *Count again*, counts it when the reason is gone. Written with the counters in one transaction.
    """

    _name = "isp.api.push"
    _description = "Usage reported"
    _order = "id desc"
    _rec_name = "sequence"
    _log_access = False

    device_id = fields.Many2one("isp.api.device", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one(related="device_id.company_id")
    sequence = fields.Char(readonly=True, required=True, help="The device's own number; 0: the item has none that can be used.")
    digest = fields.Char(readonly=True, required=True)
    state = fields.Selection([("counted", "Counted"), ("quarantined", "Not counted")], readonly=True, required=True)
    reason = fields.Char(readonly=True)
    payload = fields.Text(readonly=True, help="The item as it came; of what could not be counted.")
    received = fields.Datetime(readonly=True, required=True)
    router_id = LooseMany2one("isp.router", readonly=True)

    _counted_once = models.UniqueIndex("(device_id, sequence) WHERE state = 'counted'")
    _item_unique = models.UniqueIndex("(device_id, sequence, digest)")
    _received_index = models.Index("(received) WHERE state = 'counted'")
    _quarantine_index = models.Index("(id) WHERE state = 'quarantined'")

    # === Actions ===

    def action_count_again(self):
        """Count what could not be counted, as it came, where the reason is gone."""
        self.check_access("read")
        for (device, router), pushes in self.filtered(lambda p: p.state == "quarantined").grouped(lambda p: (p.device_id, p.router_id)).items():
            self.sudo()._take(device.company_id, device.name, router.sudo(), [json.loads(push.payload) for push in pushes])

    # === Business ===

    @api.model
    def _take(self, company, device_name, router, items):
        """Count the items of a device, each once.

        :param router: ``isp.router`` the device stands for, or empty
        :param items: anything that JSON holds
        :return: for each item {sequence, status, reason}, in their order
        Transaction: the caller's. A second request of the device waits for the first one.
        """
        device = self.env["isp.api.device"]._locked(company, device_name)
        forgotten = int(device.forgotten or 0)
        now = fields.Datetime.now()
        read = [self._read(item) for item in items]
        numbers = list({str(sequence) for sequence, _digest, _wrong in read})
        self.flush_model()
        known = {(row.sequence, row.digest): row for row in self.search([("device_id", "=", device.id), ("sequence", "in", numbers)])}
        counted = {sequence for (sequence, _digest), row in known.items() if row.state == "counted"}
        accesses = self._accesses(company, [item for item, (_s, _d, wrong) in zip(items, read, strict=True) if not wrong])
        answers, to_count = [], []
        for item, (sequence, digest, wrong) in zip(items, read, strict=True):
            number = str(sequence)
            old = known.get((number, digest))
            if old and old.state == "counted":
                answers.append({"sequence": sequence, "status": "repeated", "reason": None})
                continue
            reason = wrong
            if not reason and number in counted:
                reason = "This sequence was counted with other content; it is not counted again."
            elif not reason and sequence <= forgotten:
                reason = "This sequence is older than what is remembered. A device that begins its numbers anew needs another name."
            access = None if reason else accesses(item)
            if not reason and not access:
                reason = "Nobody here has this user name, MAC address or line."
            vals = {"state": "quarantined" if reason else "counted", "reason": reason or False, "payload": json.dumps(item) if reason else False}
            if old:
                old.write(vals)
            else:
                vals.update(device_id=device.id, sequence=number, digest=digest, received=now, router_id=router.id)
                old = self.create(vals)
            known[number, digest] = old
            if not reason:
                counted.add(number)
                to_count.append((access, item))
            answers.append({"sequence": sequence or None, "status": vals["state"], "reason": reason or None})
        self._count(device, router, to_count, now)
        return answers

    @api.model
    def _read(self, item):
        """:return: (sequence or 0, digest of the item, what is wrong or "")"""
        text = json.dumps(item, sort_keys=True)
        faults = contract.check(contract.USAGE_ITEM, item)
        if not faults and not {"login", "mac", "line"} & item.keys():
            faults = [("login", "mac or line has to be given")]
        if not faults and item["kind"] == "counter" and "session" not in item:
            faults = [("session", "has to be given with a counter")]
        if not faults and "at" in item and not _moment(item["at"]):
            faults = [("at", "is not a moment like 2026-11-24T10:00:00Z")]
        sequence = item.get("sequence") if isinstance(item, dict) else 0
        if not isinstance(sequence, int) or isinstance(sequence, bool) or not 0 < sequence < 2**53:
            sequence = 0
        return sequence, hashlib.sha256(text.encode()).hexdigest(), "; ".join(f"{where} {what}" for where, what in faults)[:500]

    @api.model
    def _accesses(self, company, items):
        """:return: function item → ``(access id, user name)`` within the company, or None. Two queries, whatever their number."""
        def wanted(name):
            return [item[name] for item in items if name in item]

        rows = self.env.execute_query(
            SQL(
                """
                SELECT a.id, a.name, a.mac, a.subscription_id FROM isp_access a
                 WHERE a.company_id = %(company)s AND (a.name = ANY(%(logins)s) OR a.subscription_id = ANY(%(lines)s)
                       OR a.mac = ANY(SELECT radius.mac(m) FROM unnest(%(macs)s::text[]) m))
                """,
                company=company.id,
                logins=wanted("login"),
                lines=wanted("line"),
                macs=wanted("mac"),
            )
        )
        by_login = {row[1]: row[:2] for row in rows}
        by_line = {row[3]: row[:2] for row in rows if row[3]}
        by_mac = {}
        for row in rows:
            by_mac.setdefault(row[2], set()).add(row[:2])
        spelled = dict(self.env.execute_query(SQL("SELECT m, radius.mac(m) FROM unnest(%s::text[]) m", wanted("mac"))))

        def of(item):
            """The first that is given says it. A MAC address that several lines have says nothing."""
            if "line" in item:
                return by_line.get(item["line"])
            if "login" in item:
                return by_login.get(item["login"])
            found = by_mac.get(spelled.get(item["mac"]), ()) if spelled.get(item["mac"]) else ()
            return next(iter(found)) if len(found) == 1 else None

        return of

    @api.model
    def _count(self, device, router, pairs, now):
        """Book the items by the functions that book accounting packets: counters as a session, differences as they are."""
        nas = router.nas_ip or f"api:{device.company_id.id}:{device.name}"
        deltas, counters = [], []
        for (access, login), item in pairs:
            at = _moment(item.get("at", "")) or now
            if not now - OLDEST < at <= now:
                at = now
            if item["kind"] == "delta":
                deltas.append((access, at, item["up"], item["down"], item.get("seconds", 0)))
                continue
            epoch = str(int(at.replace(tzinfo=pytz.UTC).timestamp()))
            up, down = item["up"], item["down"]
            counters.append(
                (
                    "stop" if item.get("ended") else "interim-update", item["session"], login, f"isp:{access}", nas, "", item.get("address", ""), item.get("mac", ""),
                    device.name, epoch, "", epoch, str(item.get("seconds", "")), str(up % 2**32), str(up >> 32), str(down % 2**32), str(down >> 32), "User-Request" if item.get("ended") else "",
                )
            )  # fmt: skip
        self.env.flush_all()
        # In one order everywhere, so that two devices do not wait for each other.
        for delta in sorted(deltas):
            self.env.cr.execute(SQL("SELECT radius.book(%s, %s, %s::bigint, %s::bigint, %s::bigint)", *delta))
        for counter in counters:
            self.env.cr.execute(SQL("SELECT radius.acct(%s)", SQL(", ").join(SQL("%s", value) for value in counter)))
        self.env.invalidate_all()

    @api.autovacuum
    def _gc_old(self, limit=50_000):
        """Forget single numbers after REMEMBERED; the device keeps the highest of them. What was not counted stays for a year."""
        old = fields.Datetime.now() - REMEMBERED
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                WITH gone AS (
                    DELETE FROM isp_api_push WHERE id IN (SELECT id FROM isp_api_push WHERE state = 'counted' AND received < %s LIMIT %s)
                    RETURNING device_id, sequence::bigint AS sequence
                ), highest AS (SELECT device_id, max(sequence) AS sequence FROM gone GROUP BY device_id)
                UPDATE isp_api_device d SET forgotten = greatest(d.forgotten::bigint, h.sequence)::text FROM highest h WHERE h.device_id = d.id
                """,
                old,
                limit,
            )
        )
        self.env.invalidate_all()
        self.search([("state", "=", "quarantined"), ("received", "<", fields.Datetime.now() - timedelta(days=365))], limit=10000).unlink()
        left = self.search_count([("state", "=", "counted"), ("received", "<", old)], limit=1)
        return 1, bool(left)


def _moment(text):
    """:return: naive UTC, None for what has no time zone or is no moment"""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(pytz.UTC).replace(tzinfo=None, microsecond=0) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
