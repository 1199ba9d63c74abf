# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.isp_momo.drivers.base import NotAllowed, WalletError
from odoo.addons.isp_momo.tools.trigger import trigger_once

_logger = logging.getLogger(__name__)

#: Seconds until the next try after the 1st, 2nd … silence of the operator; then it is given up.
BACK_OFF = (5, 30, 300, 1800)
#: Other people's names are not for who types numbers: so many a hotspot and day.
NAMES_A_DAY = 6
DAY = 86400
#: A call of the driver takes less: whoever has claimed a row is gone after it.
CLAIM = timedelta(minutes=3)


class IspSiteHolder(models.Model):
    """Whose wallet a number is: an owner types it, the operator is asked by a job, the owner confirms the name.

    Idempotency key: (site, number), UNIQUE. Asking is read-only at the operator, so twice does no harm.
    """

    _name = "isp.site.holder"
    _description = "Holder of a wallet, as the operator tells it"
    _order = "id desc"
    _rec_name = "msisdn"

    site_id = fields.Many2one("isp.site", required=True, readonly=True, ondelete="cascade")
    msisdn = fields.Char(string="Number", required=True, readonly=True)
    state = fields.Selection(
        [("asking", "Being asked"), ("known", "Known"), ("none", "Has no wallet"), ("silent", "The operator does not tell")], required=True, readonly=True, default="asking"
    )
    name = fields.Char(string="Holder", readonly=True)
    tries = fields.Integer(readonly=True)
    next_try = fields.Datetime(readonly=True, default=fields.Datetime.now)

    _number_unique = models.UniqueIndex("(site_id, msisdn)")
    _next_index = models.Index("(next_try) WHERE state = 'asking'")

    @api.model
    def _ask(self, site, msisdn):
        """Write down that the operator is to be asked. Transaction: the caller's; asked after its commit.

        :param msisdn: digits with the country's code
        :return: the row (sudo); what is known since less than a day is not asked again
        :raise UserError: too many numbers today
        """
        holders = self.sudo()
        found = holders.search([("site_id", "=", site.id), ("msisdn", "=", msisdn)])
        fresh = found and found.write_date > fields.Datetime.now() - timedelta(days=1)
        if fresh and found.state in ("asking", "known"):
            return found
        if not self.env["isp.owner.meter"].sudo()._take(f"holder/{site.id}", NAMES_A_DAY, DAY):
            raise UserError(self.env._("Too many numbers were tried today. Try again tomorrow, or ask %(company)s.", company=site.company_id.name))
        values = {"state": "asking", "name": False, "tries": 0, "next_try": fields.Datetime.now()}
        if found:
            found.write(values)
        else:
            found = holders.create({"site_id": site.id, "msisdn": msisdn, **values})
        trigger_once(self.env, "isp_hotspot.ir_cron_holder")
        return found

    @api.model
    def _cron_ask(self):
        """Ask the operator for those that are due. No transaction is open while it is asked; killed anywhere, the next run asks again."""
        while True:
            holders = self._claim()
            if not holders:
                break
            for holder in holders:
                values = holder._look_up()
                holder.write(values)
                self.env["ir.cron"]._commit_progress(1)
        [(soonest,)] = self.env.execute_query(SQL("SELECT min(next_try) FROM isp_site_holder WHERE state = 'asking'"))
        if soonest:
            self.env.ref("isp_hotspot.ir_cron_holder")._trigger(soonest)

    def _claim(self):
        """:return: rows that are due, nobody else's for some minutes. Committed."""
        now = fields.Datetime.now()
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE isp_site_holder SET next_try = %(later)s, tries = tries + 1 WHERE id IN (
                    SELECT id FROM isp_site_holder WHERE state = 'asking' AND next_try <= %(now)s ORDER BY next_try LIMIT 10 FOR UPDATE SKIP LOCKED)
                RETURNING id
                """,
                now=now,
                later=now + CLAIM,
            )
        )
        self.invalidate_model()
        self.env["ir.cron"]._commit_progress()
        return self.sudo().browse(row[0] for row in rows)

    def _look_up(self):
        """Ask the operator. :return: values to write"""
        provider = self.site_id._momo_provider()
        # Past the last try: something that is no answer ended it each time.
        if not provider or self.tries > len(BACK_OFF):
            return {"state": "silent"}
        driver = provider._wallet_driver()
        msisdn = self.msisdn
        self.env["ir.cron"]._commit_progress()
        try:
            found = driver.holder(msisdn, name=True)
        except WalletError as error:
            _logger.info("Holder of a wallet is not told for hotspot %s: %s", self.site_id.id, error.code)
            if isinstance(error, NotAllowed) or self.tries >= len(BACK_OFF):
                return {"state": "silent"}
            return {"next_try": fields.Datetime.now() + timedelta(seconds=BACK_OFF[self.tries - 1])}
        provider._wallet_keep_tokens(driver)
        if found.active is False:
            return {"state": "none", "name": False}
        return {"state": "known" if found.name else "silent", "name": found.name or False}

    @api.autovacuum
    def _gc_old(self):
        """Names of wallets that were not taken are nobody's business."""
        old = [("write_date", "<", fields.Datetime.subtract(fields.Datetime.now(), days=30))]
        self.search(old, limit=1000).unlink()
