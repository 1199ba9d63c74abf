# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import ipaddress
import logging
import secrets
import uuid
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, consteq, hmac

from odoo.addons.isp_sms.engine.mobile import check

_logger = logging.getLogger(__name__)

#: A code is good for so long, for so many tries; another is sent after so many seconds.
GOOD_FOR, TRIES, AGAIN = timedelta(minutes=10), 5, 60
HOUR = 3600
#: Codes in an hour: to one number, for one address, in all (system parameters ``isp_hotspot.codes_…``).
LIMITS = {"codes_per_number": 5, "codes_per_address": 20, "codes_per_hour": 200}


class IspOwnerCode(models.Model):
    """The code that was sent to a number last: who types it holds the telephone.

    Only its digest is kept, keyed with the database's secret. A number has one row; a code that is used, or tried too often, is no code any
    more. The text of the SMS is forgotten when the code is too old (``_cron_forget``).
    """

    _name = "isp.owner.code"
    _description = "Code by SMS for an owner"
    _log_access = False
    _rec_name = "number"

    number = fields.Char(required=True, readonly=True, help="E.164")
    digest = fields.Char(readonly=True, groups="base.group_no_one")
    tries = fields.Integer(readonly=True)
    sent_at = fields.Datetime(required=True, readonly=True)

    _number_unique = models.UniqueIndex("(number)")

    # === Asking ===

    @api.model
    def _number(self, text):
        """:param text: as typed :return: E.164 of a mobile number of this country :raise UserError: it is none"""
        country = self.env.company.country_id
        number, reason = check(str(text or "")[:40], country.code or "SS")
        if reason in ("missing", "format", "invalid"):
            raise UserError(self.env._("This is no telephone number. Write it as 092 123 4567."))
        prefix = f"+{country.phone_code or 211}"
        if reason or not number.startswith(prefix):
            raise UserError(self.env._("Codes are sent to mobile numbers of %(country)s only.", country=country.name or "South Sudan"))
        return number

    @api.model
    def _ask(self, text, address):
        """Send a code, or answer as if: whether a number is known, and whose it is, is told to nobody.

        :param text: the number as typed :param address: who asks
        :return: seconds until another one may be asked for
        :raise UserError: no number of ours, or asked for too often

        Transaction: the caller's, together with the SMS, which goes out after the commit. Asked again within a minute: nothing is sent.
        """
        number, now = self._number(text), fields.Datetime.now()
        row = self.search([("number", "=", number)])
        if row and (now - row.sent_at).total_seconds() < AGAIN:
            return AGAIN - int((now - row.sent_at).total_seconds())
        meter = self.env["isp.owner.meter"]
        keys = {"codes_per_number": number, "codes_per_address": _network(address), "codes_per_hour": "all"}
        for name, most in LIMITS.items():
            if not meter._take(f"{name}/{keys[name]}", meter._limit(name, most), HOUR):
                _logger.info("No code for %s…%s: %s", number[:6], number[-2:], name)
                raise UserError(self.env._("Too many codes were asked for. Wait an hour, or log in with your password."))
        code = f"{secrets.randbelow(10**6):06d}" if self._may(number) else ""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO isp_owner_code AS c (number, digest, tries, sent_at) VALUES (%(number)s, %(digest)s, 0, %(now)s)
                    ON CONFLICT (number) DO UPDATE SET digest = EXCLUDED.digest, tries = 0, sent_at = EXCLUDED.sent_at
                """,
                number=number,
                digest=self._digest(number, code) if code else None,
                now=now,
            ),
            log_exceptions=False,
        )
        self.invalidate_model()
        if code:
            self._send(number, code, now)
        return AGAIN

    @api.model
    def _may(self, number):
        """:return: whether codes are for this number: never for staff's"""
        user = self.env["res.users"].with_context(active_test=False).search([("login", "=", number)], limit=1)
        return not user or user._is_portal()

    @api.model
    def _send(self, number, code, now):
        """Idempotency key: a UUID of its own, written with the code."""
        text = self.env._("%(code)s is your code for WiFi tokens of %(company)s. Good for 10 minutes. Tell it to nobody.", code=code, company=self.env.company.name)
        row = {
            "uuid": f"isp_owner_code-{uuid.uuid4()}",
            "number": number,
            "body": text,
            "company_id": self.env.company.id,
            "res_model": self._name,
            "reason": self.env._("Code to log in"),
            "valid_until": now + GOOD_FOR,
        }
        self.env["isp.sms.message"]._enqueue([row])
        self.env.ref("isp_hotspot.ir_cron_forget").sudo()._trigger(now + GOOD_FOR + timedelta(minutes=1))

    @api.model
    def _digest(self, number, code):
        return hmac(self.env(su=True), "isp_hotspot.owner_code", f"{number}/{code}")

    # === Proof ===

    @api.model
    def _match(self, number, code):
        """Is this the code that was sent? A wrong one counts, so the caller's transaction must be committed then too.

        :param number: E.164 :return: the row, locked; empty: wrong, used, too old or tried too often
        """
        # Guesses at the same moment wait here; all but the first are done again by Odoo, and counted.
        self.env.cr.execute(SQL("SELECT id FROM isp_owner_code WHERE number = %s FOR UPDATE", number), log_exceptions=False)
        row = self.browse([found[0] for found in self.env.cr.fetchall()])
        row.invalidate_recordset()
        if not row.digest or row.tries >= TRIES or fields.Datetime.now() >= row.sent_at + GOOD_FOR:
            return self.browse()
        if not consteq(row.digest, self._digest(number, str(code or "").strip()[:20])):
            row.tries += 1
            return self.browse()
        return row

    def _use_up(self):
        """The code was used: it is none any more."""
        self.write({"digest": False})

    # === Forgetting ===

    @api.model
    def _cron_forget(self):
        """Codes that are too old, and the texts of their SMS: the log keeps when and to whom, not what. Idempotent."""
        old = fields.Datetime.now() - GOOD_FOR
        self.env.flush_all()
        self.env.cr.execute(SQL("DELETE FROM isp_owner_code WHERE sent_at < %s", old - timedelta(hours=1)))
        self.env.cr.execute(
            SQL(
                """
                UPDATE isp_sms_message SET body = NULL
                 WHERE res_model = %s AND body IS NOT NULL AND state NOT IN ('queued', 'handing') AND create_date < %s
                   AND COALESCE(final_at, handed_at) > %s
                """,
                self._name,
                old,
                old - timedelta(days=30),
            )
        )
        self.env.invalidate_all(flush=False)


def _network(address):
    """:return: what counts as one caller: an IPv4 address, the /64 of an IPv6 one

    >>> _network("192.0.2.7"), _network("2001:db8:1:2:3::9"), _network("")
    ('192.0.2.7', '2001:db8:1:2::/64', 'none')
    """
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "none"
    return str(found) if found.version == 4 else str(ipaddress.ip_network(f"{found}/64", strict=False))
