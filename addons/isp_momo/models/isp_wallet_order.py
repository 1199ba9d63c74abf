# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import logging
import secrets
import uuid

from psycopg2 import errors

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError
from odoo.tools import SQL

from odoo.addons.isp_secret.fields import Secret, reveal

from .. import const
from ..drivers import WALLETS
from ..tools.masked import masked
from ..tools.trigger import trigger_once

_logger = logging.getLogger(__name__)


class IspWalletOrder(models.AbstractModel):
    """Something an operator is asked to do: take money from a number (``payment.transaction``), send it to one (``isp.wallet.payout``).

    Written down and committed, sent by the poller, read until it is final, booked once.

    Who inherits has ``provider_id``, ``company_id``, ``partner_id``, ``amount``, ``currency_id``, ``reference``, ``provider_reference``
    and ``state``, in which "done" says that the money has moved; a job that runs ``_cron_wallet``, named in ``_wallet_job``; and
    the methods here and in the poller that raise ``NotImplementedError``.
    """

    _name = "isp.wallet.order"
    _description = "Order to a wallet's operator"

    #: xmlid of the job
    _wallet_job = None
    #: whether a run of it stays for some seconds, because a payer looks at a page and what is due later may be woken
    _wallet_stays = True

    wallet_uuid = fields.Char(string="Request", readonly=True, copy=False, help="X-Reference-Id: the operator knows the request by it; sent again it is the same request.")
    wallet_key = fields.Char(string="Asked by", readonly=True, copy=False, help="Key of the caller: what is asked twice is one request.")
    wallet_token = fields.Char(string="Callback token", readonly=True, copy=False, groups="base.group_system")
    wallet_base_url = fields.Char(string="Made at", readonly=True, copy=False, help="A request is known only at the host that took it.")
    wallet_environment = fields.Char(string="Made in", readonly=True, copy=False)
    wallet_currency = fields.Char(string="Asked in", readonly=True, copy=False, help="Currency as sent: the sandbox has its own.")
    wallet_msisdn = fields.Char(string="Number", readonly=True, copy=False)
    wallet_holder = fields.Char(string="Holder", readonly=True, copy=False)
    wallet_phase = fields.Selection(
        [("to_send", "To be sent"), ("sent", "Asked"), ("final", "Answered"), ("given_up", "Given up")],
        string="Request is",
        readonly=True,
        copy=False,
        help="Given up: the operator never gave a final answer. A late success is taken all the same.",
    )
    wallet_since = fields.Datetime(string="Asked at", readonly=True, copy=False)
    wallet_next = fields.Datetime(string="Asks again at", readonly=True, copy=False)
    wallet_asked = fields.Datetime(string="Last asked at", readonly=True, copy=False)
    wallet_woken = fields.Datetime(string="Last woken at", readonly=True, copy=False)
    wallet_tries = fields.Integer(string="Tries", readonly=True, copy=False)
    wallet_unsure = fields.Boolean(string="May have arrived", readonly=True, copy=False)
    wallet_reason = fields.Char(string="Operator's reason", readonly=True, copy=False)
    wallet_problem = fields.Char(string="To look at", readonly=True, copy=False)
    wallet_help = fields.Char(string="What to do", compute="_compute_wallet_help")
    wallet_raw = fields.Text(string="Last answer", readonly=True, copy=False)
    wallet_callback = fields.Text(string="Last callback", readonly=True, copy=False, help="As it came; never believed.")
    wallet_data = Secret(readonly=True, groups="base.group_system", help="What the driver needs to ask again, as JSON.")

    _wallet_uuid_unique = models.UniqueIndex("(wallet_uuid) WHERE wallet_uuid IS NOT NULL", "This request exists already.")
    _wallet_key_unique = models.UniqueIndex("(wallet_key) WHERE wallet_key IS NOT NULL", "This was asked already.")
    _wallet_token_unique = models.UniqueIndex("(wallet_token) WHERE wallet_token IS NOT NULL", "This callback address exists already.")
    _wallet_reference_unique = models.UniqueIndex(
        "(provider_id, provider_reference) WHERE wallet_uuid IS NOT NULL AND provider_reference IS NOT NULL",
        "The operator's reference is that of another payment.",
    )
    _wallet_next_index = models.Index("(wallet_next) WHERE wallet_next IS NOT NULL")

    @api.depends("wallet_problem", "wallet_reason")
    @api.depends_context("lang")
    def _compute_wallet_help(self):
        for order in self:
            order.wallet_help = order._wallet_staff_text()

    # === Begin ===

    @api.model
    def _wallet_create_once(self, vals):
        """Two at once with one ``wallet_key``: the lock orders them, and the second is run again where it sees what the first made.

        :return: the new record
        :raise ConcurrencyError: this transaction cannot see what another made: the whole is run again, as the server does by itself
        """
        self.env.cr.execute(SQL("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", f"{self._table}:{vals['wallet_key']}"))
        try:
            with self.env.cr.savepoint():
                order = self.create(vals)
                order.flush_recordset()
        except errors.UniqueViolation as error:
            # Core counts references up by looking at those there are: two at once may choose the same.
            if error.diag.constraint_name not in (f"{self._table}_wallet_key_unique", f"{self._table}_reference_uniq"):
                raise
            raise ConcurrencyError(str(error)) from error
        return order

    def _prepare_wallet_start(self, number):
        """:return: values with which this is to be sent by the poller, as a request of its own"""
        self.ensure_one()
        url, environment, currency = self.provider_id._wallet_where()
        now = fields.Datetime.now()
        return {
            "wallet_uuid": str(uuid.uuid4()),
            "wallet_token": secrets.token_urlsafe(24),
            "wallet_base_url": url,
            "wallet_environment": environment,
            "wallet_currency": currency or self.currency_id.name,
            "wallet_msisdn": number,
            "wallet_phase": "to_send",
            "wallet_since": now,
            "wallet_next": now,
            "wallet_tries": 0,
        }

    def _wallet_lock(self):
        """Lock these rows in the order of their ids and read them anew."""
        self.flush_recordset()
        if self:
            self.env.cr.execute(
                SQL("SELECT id FROM %s WHERE id IN %s ORDER BY id FOR UPDATE", SQL.identifier(self._table), tuple(self.ids)),
                log_exceptions=False,  # whoever comes second is tried again
            )
        self.invalidate_recordset()

    def _wallet_trigger(self, at=None):
        """The poller runs after this transaction's commit, or at a time."""
        if at:
            self.env.ref(self._wallet_job).sudo()._trigger(at)
        else:
            trigger_once(self.env, self._wallet_job)

    # === What the driver is told ===

    def _prepare_wallet_order(self):
        """:return: the driver's ``Order``"""
        raise NotImplementedError

    def _wallet_amount(self):
        """:return: the amount as sent: positive, without an exponent, with the currency's decimals only where there are any

        SSP and other wallets' currencies are whole; MTN takes decimals where they are needed.
        """
        text = f"{abs(self.amount):.{self.currency_id.decimal_places}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def _wallet_callback_url(self):
        """:return: address that the operator calls; "" when none is told"""
        base = (self.provider_id.wallet_callback_base or "").rstrip("/")
        return f"{base}/payment/wallet/{self.wallet_token}" if base else ""

    # === Called back, woken ===

    @api.model
    def _wallet_called_back(self, token, body, told):
        """A callback: wake what has this token and keep the body for a person; nothing of it is believed.

        :param told: whether something was said (not a mere GET)
        :return: whether there is such an order
        """
        condition = SQL("wallet_token = %s", token)
        if not told:
            return bool(self.env.execute_query(SQL("SELECT FROM %s WHERE %s", SQL.identifier(self._table), condition)))
        found = self._wallet_wake_where(condition, masked(body), but_marked=True)
        for marked in self.browse(order_id for order_id, (_woken, mark) in found.items() if mark):
            if marked._wallet_genuine(body):
                self._wallet_wake_where(condition, masked(body))
            else:
                _logger.info("%s: a call to its address does not bear the operator's mark", marked.reference)
        return bool(found)

    def _wallet_genuine(self, body):
        """:return: whether a callback bears the mark that the operator gave for this request; a hint, nothing is believed"""
        return WALLETS[self.provider_id.code].genuine(json.loads(reveal(self, "wallet_data") or "{}"), body)

    def _wallet_wake(self):
        """Ask the operator now, at most once a second for each; also what failed or was given up. Money that has moved sleeps on.

        :return: whether any is woken
        """
        self.flush_recordset()
        return any(woken for woken, _mark in self._wallet_wake_where(SQL("id = ANY(%s)", self.ids)).values())

    @api.model
    def _wallet_wake_where(self, condition, callback=None, but_marked=False):
        """As ``_wallet_wake``, in one statement. What a storm of callbacks does is this, and one trigger for all of them.

        :param callback: what was said, kept for a person
        :param but_marked: leave those alone whose callbacks bear a mark that is to be compared first
        :return: {id: (whether it is woken, whether it has such a mark and is not final)} of those that fulfil ``condition``
        """
        now = fields.Datetime.now()
        self.env.cr.execute(
            SQL(
                """WITH asked AS (SELECT id, wallet_data IS NOT NULL AND state != 'done' AS mark FROM %(table)s WHERE %(condition)s), woken AS (
                   UPDATE %(table)s SET wallet_next = %(now)s, wallet_woken = %(now)s, wallet_callback = COALESCE(%(callback)s, wallet_callback),
                          wallet_phase = CASE wallet_phase WHEN 'given_up' THEN 'sent' ELSE wallet_phase END
                    WHERE id IN (SELECT id FROM asked WHERE NOT (mark AND %(but_marked)s)) AND wallet_phase IS NOT NULL AND state != 'done'
                      AND (wallet_woken IS NULL OR wallet_woken < %(now)s::timestamp - interval '1 second' OR wallet_woken > %(now)s)
                RETURNING id)
                SELECT asked.id, woken.id IS NOT NULL, asked.mark FROM asked LEFT JOIN woken ON woken.id = asked.id""",
                table=SQL.identifier(self._table),
                condition=condition,
                callback=callback,
                but_marked=but_marked,
                now=now,
            ),
            log_exceptions=False,  # the poller moves the same row: whoever comes second is tried again
        )
        rows = self.env.cr.fetchall()
        awake = self.browse(order_id for order_id, woken, _mark in rows if woken)
        awake.invalidate_recordset(["wallet_next", "wallet_woken", "wallet_phase", "wallet_callback"])
        if awake:
            self._wallet_trigger()
        return {order_id: (woken, mark) for order_id, woken, mark in rows}

    # === What staff read ===

    def _wallet_staff_texts(self):
        """:return: {operator's or our word for a reason: what staff read beside it}"""
        return const.STAFF_TEXTS

    def _wallet_staff_text(self):
        code, texts = self.wallet_problem or self.wallet_reason, self._wallet_staff_texts()
        return self.env._(texts[code]) if code in texts else ""
