# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import logging
from datetime import timedelta

from babel.units import format_unit
from psycopg2 import errors

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, UserError
from odoo.tools.misc import babel_locale_parse

from odoo.addons.isp_momo import const as wallet_const
from odoo.addons.isp_momo.tools.link import link
from odoo.addons.isp_network.engine.rate import rate_limit

from ..engine import life

_logger = logging.getLogger(__name__)

METHODS = [("free", "Free"), ("cash", "Cash"), ("momo", "Mobile money"), ("trial", "Free trial")]
#: The SMS of a token is not worth sending later.
SMS_GOOD_FOR = timedelta(days=1)


class IspTokenOrder(models.Model):
    """A token that somebody asked for: given away, sold for cash, sold for mobile money. What is asked twice is one order.

    Idempotency keys, all UNIQUE: ``uuid`` (made by the caller's device), ``transaction_id`` (a payment makes one token, for ever),
    ``token_id`` (a token is of one order), ``trial_key`` (once a device and day). With mobile money the token is made in the very
    transaction in which the payment becomes final, so no power cut comes between money and token; a late success makes it too.
    """

    _name = "isp.token.order"
    _description = "Token given or sold"
    _order = "id desc"
    _rec_name = "uuid"

    uuid = fields.Char("UUID", required=True, readonly=True)
    site_id = fields.Many2one("isp.site", string="Hotspot", required=True, readonly=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    method = fields.Selection(METHODS, required=True, readonly=True)
    state = fields.Selection(
        [
            ("waiting", "Waiting for the money"),
            ("done", "Done"),
            ("failed", "Not paid"),
            ("owed", "Paid, no token yet"),
            ("refunding", "Money goes back"),
            ("refunded", "Refunded"),
        ],
        required=True,
        readonly=True,
        default="done",
    )
    reason = fields.Char(readonly=True, help="Why it was not paid, as the operator says.")
    user_id = fields.Many2one("res.users", string="By", readonly=True, help="Blank: the guest.")
    phone = fields.Char(readonly=True, help="Who gets the SMS.")
    payer = fields.Char(string="Paid by", readonly=True, help="The wallet that pays.")
    lang = fields.Char(string="Language", readonly=True)
    offer_id = fields.Many2one("isp.token.offer", readonly=True, ondelete="set null")
    terms = fields.Json(readonly=True, help="What the token takes over, as it was when it was ordered.")
    seconds = fields.Integer(string="Time (s)", readonly=True)
    amount = fields.Monetary(readonly=True)
    ordered_at = fields.Datetime(string="Asked for", required=True, readonly=True, help="By the clock of the device, where that was without a network.")
    done_at = fields.Datetime(string="Given", readonly=True)
    device = fields.Char(readonly=True, help="The telephone or browser that asked.")
    mac = fields.Char(string="MAC address", readonly=True)
    trial_key = fields.Char(readonly=True)
    transaction_id = fields.Many2one("payment.transaction", string="Payment", readonly=True, ondelete="restrict")
    token_id = fields.Many2one("isp.token", string="Token", readonly=True, ondelete="restrict")
    code = fields.Char(related="token_id.code")

    _uuid_unique = models.UniqueIndex("(uuid)", "This was ordered already.")
    _transaction_unique = models.UniqueIndex("(transaction_id) WHERE transaction_id IS NOT NULL", "This payment has its token already.")
    _token_unique = models.UniqueIndex("(token_id) WHERE token_id IS NOT NULL", "This token is of another order.")
    _trial_unique = models.UniqueIndex("(trial_key) WHERE trial_key IS NOT NULL", "This device had its free trial today.")
    _site_index = models.Index("(site_id, done_at)")
    _list_index = models.Index("(site_id, id)")

    # === Ordering ===

    @api.model
    def _place(self, site, uuid, method, *, offer=None, terms=None, phone="", payer="", lang=None, amount=None, user=None, token=None, mac=None, device="", address="", ordered_at=None):
        """Give or sell a token, once for each ``uuid``.

        :param site: ``isp.site``; the caller has checked that it is theirs
        :param uuid: made by the device that asks: asked again (double tap, lost answer, a queue that is synced), the first order is answered
        :param method: key of METHODS
        :param offer: ``isp.token.offer`` of the site; or ``terms``, as ``_own_terms`` gives them
        :param phone: who gets the SMS, as typed; "" for nobody
        :param payer: the wallet that pays, as typed; blank: ``phone``
        :param amount: what is paid; blank: the offer's price
        :param token: one that is made already (a reserve), instead of a new one
        :param mac: the device that asks, of a trial :param address: from where on the internet a guest asks
        :return: the ``isp.token.order`` (sudo)
        :raise UserError: closed, no number, no price, another site's uuid, a second trial
        :raise ConcurrencyError: the same at the same moment: Odoo runs the request again, and it finds the first

        Transaction: the caller's. Nothing is sent to an operator before its commit.
        """
        orders = self.sudo()
        found = orders.search([("uuid", "=", uuid)])
        if found:
            if found.site_id != site:
                raise UserError(self.env._("This order belongs to another hotspot."))
            return found
        # What a telephone gave from its reserve is given, open or not: who paid for it stands in the books. Money is not asked for any more.
        if not token or method == "momo":
            site._need_open()
        if offer:
            terms = offer._prepare_terms()
        terms = dict(terms)
        now = fields.Datetime.now()
        price = 0 if method in ("free", "trial") else terms["price"] if amount is None else amount
        vals = {
            "uuid": uuid,
            "site_id": site.id,
            "company_id": site.company_id.id,
            "method": method,
            "state": "waiting" if method == "momo" else "done",
            "user_id": user.id if user else False,
            "phone": site._parse_phone(phone) or False,
            "payer": site._parse_phone(payer or phone) if method == "momo" else False,
            "lang": lang or site.lang,
            "offer_id": terms.get("offer_id"),
            "terms": {**terms, "price": price},
            "seconds": terms["seconds"],
            "amount": price,
            "ordered_at": min(ordered_at or now, now),
            "device": (device or "")[:64] or False,
            "mac": mac or False,
            "address": address or False,
            "trial_key": self._trial_key(site, mac) if method == "trial" else False,
        }
        if method in ("cash", "momo") and price <= 0:
            raise UserError(self.env._("What does it cost?"))
        if method == "momo" and not vals["payer"]:
            raise UserError(self.env._("Whose telephone pays?"))
        if method == "momo":
            self._need_own_country(site, vals["payer"])
        order = orders._create_once(vals)
        if method == "momo":
            order._ask_for_money()
        else:
            order._issue(token)
        return order

    def _create_once(self, vals):
        try:
            with self.env.cr.savepoint():
                order = self.create(vals)
                order.flush_recordset()
        except errors.UniqueViolation as error:
            if error.diag.constraint_name == "isp_token_order_trial_unique":
                raise UserError(self.env._("This device had its free trial today. Come back tomorrow, or buy time.")) from error
            raise ConcurrencyError(str(error)) from error
        return order

    @api.model
    def _own_terms(self, seconds, price=0, devices=1, down_kbps=0, up_kbps=0, volume_mb=0, valid_days=90):
        """:return: terms of a token that is not one of the offers :raise UserError: what cannot be"""
        limits = ((seconds, 60, life.LONGEST), (devices, 1, 50), (price, 0, 10**9), (volume_mb, 0, 10**6), (down_kbps, 0, 10**7), (up_kbps, 0, 10**7))
        if any(not low <= value <= high for value, low, high in limits):
            raise UserError(self.env._("Time, price, devices, speed or data are out of range."))
        return {
            "offer_id": False,
            "seconds": seconds,
            "counting": "first",
            "valid_days": valid_days,
            "devices": devices,
            "rate": rate_limit(down_kbps, up_kbps) or False,
            "volume_bytes": volume_mb * 1_000_000,
            "price": price,
        }

    # === Money ===

    def _ask_for_money(self):
        """Ask the payer's wallet; the poller does it after the commit. Idempotency key: the order's uuid."""
        self.ensure_one()
        provider = self.site_id._wallet()
        if not provider:
            raise UserError(self.env._("Mobile money is not available now. Pay in cash."))
        tx = self.env["payment.transaction"]._wallet_request(
            provider,
            self._payer_partner(),
            self.amount,
            self.payer,
            key=f"isp_token_order:{self.uuid}",
            reference_prefix="WIFI",
            values={"isp_token_order_id": self.id},
        )
        self.transaction_id = tx

    def _payer_partner(self):
        """:return: whom the money counts for. Hook of the books"""
        return self.site_id.partner_id

    def _on_paid(self):
        """The money is there, by the operator's word: the token is made in the same transaction. Late or twice: once.

        What cannot be made (the hotspot was closed meanwhile) is owed: it stands in a list, to be given or paid back.
        """
        orders = self.sudo()
        orders.lock_for_update()
        orders.invalidate_recordset(["state", "token_id"])
        paid = orders.filtered(lambda order: order.state in ("waiting", "failed", "owed") and not order.token_id)
        for of_site in paid.grouped("site_id").values():
            try:
                with self.env.cr.savepoint():
                    of_site._issue()
            except UserError as error:
                _logger.warning("Orders %s are paid and have no token: %s", of_site.ids, error)
                of_site.write({"state": "owed", "reason": str(error)})

    def action_issue(self):
        """Staff: make the token of what is owed now."""
        self.check_access("write")
        self.filtered(lambda order: order.state == "owed")._on_paid()

    def _on_not_paid(self, reason):
        """The operator's final no; a late yes is taken all the same."""
        for order in self.sudo():
            if order.state == "waiting":
                order.write({"state": "failed", "reason": reason})

    # === The token ===

    def _issue(self, token=None):
        """Make their tokens (or take the reserve's) and write the SMS. All of one site.

        :param token: of the reserve, for one order
        """
        if token:
            token._sell()
            self.token_id = token
        else:
            for _terms, orders in self.grouped(lambda order: (json.dumps(order.terms, sort_keys=True), order._bound_mac())).items():
                first = orders[:1]
                tokens = self.env["isp.token"]._make(first.site_id, first.terms, len(orders), state="sold", mac=first._bound_mac())
                link(orders, "token_id", tokens)
        self.write({"state": "done", "done_at": fields.Datetime.now(), "reason": False})
        self._send_sms()
        self._on_issued()

    def _bound_mac(self):
        """:return: the only device that gets in, where there is one"""
        return self.mac if self.method == "trial" else None

    def _on_issued(self):
        """Hook: the tokens are there; in the transaction that made them, once."""

    def _send_sms(self):
        """The log-in by SMS, once. Idempotency key: the uuid of the SMS. Without a number: nothing, the code stands on the screen."""
        rows = [
            {
                "uuid": f"isp_token_order-{order.uuid}",
                "number": order.phone,
                "body": order._sms_text(),
                "company_id": order.company_id.id,
                "res_model": self._name,
                "res_id": order.id,
                "reason": self.env._("WiFi token"),
                "valid_until": fields.Datetime.now() + SMS_GOOD_FOR,
            }
            for order in self.filtered("phone")
        ]
        if rows:
            self.env["isp.sms.message"].sudo()._enqueue(rows)

    def _sms_text(self):
        """:return: the log-in in the recipient's language, one SMS: WiFi's name, code, time, what to do"""
        order = self.with_context(lang=self.lang or self.site_id.lang)
        token, site = order.token_id, order.site_id
        values = {"ssid": site.ssid or site.name, "code": token.code, "password": token.sudo().password, "time": order._time_text()}
        if site.login_mode == "pair":
            return order.env._("WiFi %(ssid)s: user %(code)s, password %(password)s, %(time)s. Join the WiFi, open any page and log in.", **values)
        return order.env._("WiFi %(ssid)s: code %(code)s, %(time)s. Join the WiFi, open any page and type it.", **values)

    def _time_text(self):
        """:return: "3 hours", "1 day" … in the language of the context, as its grammar has it"""
        count, unit = life.split(self.seconds)
        return format_unit(count, f"duration-{unit}", locale=babel_locale_parse(self.env.lang or "en_US"))

    # === What is shown ===

    def _how_it_stands(self):
        """:return: {"state": waiting, done or failed, "title", "text"} in the reader's language, for who waits for a payment"""
        self.ensure_one()
        number = f"\u2066{self.payer or ''}\u2069"
        if self.state == "waiting":
            text = self.env._("A request was sent to %(number)s. Enter the wallet's PIN there. You may close this page: nothing is lost.", number=number)
            return {"state": "waiting", "title": self.env._("Approve on the telephone"), "text": text}
        if self.state == "failed":
            return {"state": "failed", "title": self.env._("Not paid"), "text": self.env._(wallet_const.TEXTS.get(self.reason, wallet_const.TEXT))}
        if self.state == "owed":
            return {"state": "waiting", "title": self.env._("Paid. Thank you!"), "text": self.env._("The code could not be made now. %(company)s looks at it: your money is not lost.", company=self.company_id.name)}
        if self.state in ("refunding", "refunded"):
            return {"state": "failed", "title": self.env._("Refunded"), "text": self.env._("The money goes back to %(number)s.", number=number)}
        return {"state": "done", "title": self.env._("Ready"), "text": self._sms_text()}
