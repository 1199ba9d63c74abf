# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, float_round

from odoo.addons.isp_base.engine.tabular import write_csv

MEANS = [("cash", "Cash"), ("bank", "Bank"), ("wallet", "Mobile money")]
CASH_KINDS = [("topup", "Float topped up"), ("settle", "Debt paid"), ("payback", "Float paid back"), ("correction", "Correction")]


class IspReseller(models.Model):
    """Somebody who sells tokens of others for a commission: from a float paid in beforehand, or printed ones on consignment.

    ``balance`` (the float) and ``debt`` (what was sold on consignment and is not paid) are sums of the ledger ``isp.reseller.entry``, kept by
    ``_book`` alone, under the lock of the reseller's row: two sales at once see one another, and the float is never below zero.

    Who sells for the ISP itself (``own``) is in its books: money at once, as payments (``_take``); sales with the day of the hotspot
    (``isp.site.day``). What others owe one another is no business of the ISP's.
    """

    _name = "isp.reseller"
    _description = "Reseller of tokens"
    _inherit = ["mail.thread"]
    _order = "name, id"

    name = fields.Char(related="partner_id.name", store=True)
    partner_id = fields.Many2one("res.partner", string="Reseller", required=True, index=True, ondelete="restrict", tracking=True)
    owner_id = fields.Many2one(
        "res.partner",
        string="Sells for",
        required=True,
        index=True,
        ondelete="restrict",
        default=lambda self: self.env.company.partner_id,
        help="Owner of the hotspots: the float is paid to them.",
    )
    user_id = fields.Many2one(
        "res.users", string="Log-in", ondelete="restrict", tracking=True, help="Who sells single tokens from the float, on a telephone. Blank: printed tokens only."
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    own = fields.Boolean(string="Sells for the ISP", compute="_compute_own")
    currency_id = fields.Many2one(related="company_id.currency_id")
    active = fields.Boolean(default=True, tracking=True)
    site_ids = fields.Many2many("isp.site", string="Hotspots", required=True, domain="[('partner_id', '=', owner_id)]")
    commission = fields.Float(string="Commission (%)", digits=(5, 2), tracking=True)
    balance = fields.Monetary(string="Float", readonly=True, copy=False)
    debt = fields.Monetary(readonly=True, copy=False, help="Printed tokens that were used and are not paid yet.")
    entry_ids = fields.One2many("isp.reseller.entry", "reseller_id", readonly=True)
    batch_ids = fields.One2many("isp.token.batch", "reseller_id", string="Batches", readonly=True)

    _user_unique = models.UniqueIndex("(user_id, owner_id) WHERE user_id IS NOT NULL", "This user is a reseller of this owner already.")
    _float_not_negative = models.Constraint("CHECK(balance >= 0)", "A float is not below zero.")
    _commission_valid = models.Constraint("CHECK(commission >= 0 AND commission <= 100)", "A commission is from 0 to 100 %.")

    # === Computes ===

    @api.depends("owner_id", "company_id")
    def _compute_own(self):
        for reseller in self.sudo():
            reseller.own = reseller.owner_id == reseller.company_id.partner_id

    # === Constraints ===

    @api.constrains("site_ids", "owner_id", "company_id")
    def _check_sites(self):
        for reseller in self.sudo():
            if reseller.site_ids.filtered(lambda site, reseller=reseller: site.partner_id != reseller.owner_id or site.company_id != reseller.company_id):
                raise ValidationError(self.env._("All hotspots of a reseller belong to whom he sells for."))

    @api.constrains("user_id")
    def _check_user(self):
        """The right comes with the group; who has it is decided where users are made."""
        for reseller in self.sudo().filtered("user_id"):
            if reseller.user_id._is_public() or reseller.user_id.commercial_partner_id == reseller.owner_id:
                raise ValidationError(self.env._("The log-in is the reseller's own, not the owner's."))

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        resellers = super().create([{**vals, "balance": 0, "debt": 0} for vals in vals_list])
        resellers._sync_group()
        return resellers

    def write(self, vals):
        if {"balance", "debt"} & vals.keys() and not self.env.su:
            raise UserError(self.env._("Float and debt follow from the ledger: book an entry."))
        if {"owner_id", "company_id"} & vals.keys() and self.sudo().entry_ids:
            raise UserError(self.env._("This reseller has a ledger already: make a new one for another owner."))
        result = super().write(vals)
        if "user_id" in vals:
            self._sync_group()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unused(self):
        if self.sudo().entry_ids or self.sudo().batch_ids:
            raise UserError(self.env._("A reseller with a ledger stays; archive him."))

    def _sync_group(self):
        """Who may log in for a reseller has the right to see what is his own."""
        group = self.env.ref("isp_hotspot.group_hotspot_reseller")
        for user in self.sudo().user_id.filtered("share"):
            user.group_ids = [fields.Command.link(group.id)]

    # === Actions ===

    def action_cash(self):
        self.ensure_one()
        self._need_staff()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Money of %(reseller)s", reseller=self.name),
            "res_model": "isp.reseller.cash",
            "view_mode": "form",
            "target": "new",
            "context": {"default_reseller_id": self.id, "default_kind": self.env.context.get("kind", "topup")},
        }

    def action_view_entries(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_hotspot.action_isp_reseller_entry")
        return {**action, "domain": [("reseller_id", "=", self.id)], "context": {}}

    def action_statement_csv(self):
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/my/reseller/{self.id}/statement.csv", "target": "download"}

    # === Prices ===

    def _net(self, price):
        """:return: what of a price is the owner's: price − commission, rounded once, as money is"""
        if not self:
            return price
        self.ensure_one()
        share = float_round(price * self.commission / 100, precision_rounding=self.currency_id.rounding)
        return price - share

    # === Money ===

    def _take(self, key, kind, amount, *, method="cash", journal=None, reference="", note=""):
        """Money between reseller and owner was handed over: staff of the ISP, or the owner of the hotspots, say so.

        Where the ISP is the owner it is a payment in its books, in the same transaction.

        :param key: made by the form: sent again, the first entry is answered
        :param kind: key of CASH_KINDS :param amount: above zero; of a correction (of the float) below it too
        :param journal: where the ISP's money is now; blank: by ``method`` (``res.company._isp_reseller_journal``)
        :return: ``isp.reseller.entry`` (sudo)
        :raise AccessError: neither staff nor the owner :raise UserError: the amount cannot be, or the books have no place for it
        """
        self.ensure_one()
        self._need_staff()
        if not amount or (amount < 0 and kind != "correction"):
            raise UserError(self.env._("How much? An amount is above zero."))
        if kind == "correction" and not note:
            raise UserError(self.env._("Say why: it is kept."))
        change = {"topup": (amount, 0), "settle": (0, -amount), "payback": (-amount, 0), "correction": (amount, 0)}
        balance, debt = change[kind]
        entry = self._book(kind, f"cash/{key}", balance, debt, method=method, reference=reference or False, note=note or False)
        if self.own:
            entry._book_payment(journal)
        return entry

    def _need_staff(self):
        """:raise AccessError: the user is neither a billing manager nor the owner of the hotspots"""
        self.check_access("read")
        theirs = self.sudo().owner_id == self.env.user.commercial_partner_id
        if not self.env.user.has_group("isp_base.group_isp_billing_manager") and not theirs:
            raise AccessError(self.env._("Money of a reseller is booked by billing managers or by the owner of the hotspots."))

    def _book(self, kind, key, amount=0, debt=0, **values):
        """One row of the ledger, and float and debt as they are with it; once for each ``key`` (UNIQUE).

        :param amount: change of the float :param debt: change of the debt :param values: more columns of the entry
        :return: ``isp.reseller.entry`` (sudo); the first one, asked again
        :raise UserError: the float is not enough, or more debt would be paid than there is

        Transaction: the caller's. The reseller's row is held until its end; who waited for it is run again by Odoo and sees it anew.
        """
        reseller = self._lock()
        entries = self.env["isp.reseller.entry"].sudo()
        found = entries.search([("key", "=", key)])
        if found:
            return found
        if reseller.currency_id.compare_amounts(reseller.balance + amount, 0) < 0:
            raise UserError(self.env._("The float of %(reseller)s is not enough: %(balance)s, needed: %(amount)s.", reseller=reseller.name, **reseller._money(balance=reseller.balance, amount=-amount)))
        if reseller.currency_id.compare_amounts(reseller.debt + debt, 0) < 0:
            raise UserError(self.env._("%(reseller)s owes %(debt)s only.", reseller=reseller.name, **reseller._money(debt=reseller.debt)))
        entry = entries.create({"reseller_id": reseller.id, "kind": kind, "key": key, "amount": amount, "debt": debt, "user_id": self.env.uid, **values})
        reseller._add(amount, debt)
        return entry

    def _add(self, amount, debt):
        self.write({"balance": self.balance + amount, "debt": self.debt + debt})

    def _lock(self):
        """Wait for whoever books for them. :return: themselves, as superuser"""
        self.env.flush_all()
        self.env.cr.execute(SQL("SELECT id FROM isp_reseller WHERE id = ANY(%s) ORDER BY id FOR UPDATE", self.ids))
        self.invalidate_recordset()
        return self.sudo()

    def _money(self, **amounts):
        return {name: self.currency_id.format(amount) for name, amount in amounts.items()}

    # === Sales ===

    @api.model
    def _of(self, user, site):
        """:return: the reseller (sudo) that this user is at this hotspot, or none"""
        return self.sudo().search([("user_id", "=", user.id), ("site_ids", "in", site.ids)], limit=1) if user else self.sudo()

    def _sell(self, key, offer, *, phone="", lang=None, device="", ordered_at=None):
        """Sell one token for cash from the float; the same ``key`` again answers the first sale.

        :param key: uuid of the order :param offer: ``isp.token.offer``, with a price, of one of the reseller's hotspots
        :return: ``isp.token.order`` (sudo)
        :raise UserError: the float is not enough; this cannot be sold here; what ``isp.token.order._place`` raises
        """
        self.ensure_one()
        if offer.site_id not in self.site_ids or not offer.active or offer.price <= 0:
            raise UserError(self.env._("This is not for sale here."))
        order = self.env["isp.token.order"]._place(
            offer.site_id, key, "cash", offer=offer, phone=phone, lang=lang, user=self.user_id, device=device, ordered_at=ordered_at
        )
        if order.reseller_id != self:
            raise UserError(self.env._("This order is somebody else's."))
        return order

    def _offers(self):
        """:return: what this reseller may sell"""
        return self.site_ids.filtered(lambda site: site.active and site.state != "blocked").offer_ids.filtered(lambda offer: offer.active and offer.price > 0)

    # === Statement ===

    def _statement_csv(self):
        """:return: bytes: all of the statement, for spreadsheets"""
        head = ["day", "what", "about", "tokens", "price", "commission", "float", "debt", "float_then", "debt_then"]
        names = ("at", "what", "text", "count", "price", "commission", "amount", "debt", "balance", "owed")
        rows = [["" if row[name] is None else str(row[name]) for name in names] for row in self._statement()["rows"]]
        return write_csv([head, *rows])

    def _statement(self, since=None, until=None):
        """:param since, until: dates of Africa/Juba, both included
        :return: {"opening": float before, "rows": [{"at", "kind", "text", "count", "price", "commission", "amount", "debt", "balance"}], "balance", "debt",
            "sold", "commission": sums of the rows}; single sales of a day and kind are one row
        """
        self.ensure_one()
        self.env.flush_all()
        low = fields.Datetime.to_datetime(since) if since else None
        high = fields.Date.add(until, days=1) if until else None
        rows = self.env.execute_query(
            SQL(
                """
                WITH entry AS (
                    SELECT *, (at + interval '2 hours')::date AS day, COALESCE(batch_id, -id) AS piece FROM isp_reseller_entry WHERE reseller_id = %(reseller)s)
                SELECT day, kind, max(id) AS last, COALESCE(sum(count), 0)::integer, sum(price), sum(commission), sum(amount), sum(debt),
                       max(batch_id), CASE WHEN count(*) = 1 THEN max(reference) END, CASE WHEN count(*) = 1 THEN max(note) END,
                       (%(low)s::date IS NULL OR day >= %(low)s::date) AS shown
                  FROM entry WHERE %(high)s::date IS NULL OR day < %(high)s::date
                 GROUP BY day, kind, CASE WHEN kind IN ('sale', 'consignment', 'return') THEN COALESCE(batch_id, 0) ELSE -id END
                 ORDER BY day, last
                """,
                reseller=self.id,
                low=low,
                high=high,
            )
        )
        kinds = dict(self.env["isp.reseller.entry"]._fields["kind"]._description_selection(self.env))
        batches = {batch.id: batch.name for batch in self.env["isp.token.batch"].sudo().browse({row[8] for row in rows if row[8]})}
        result = {"opening": 0, "rows": [], "balance": 0, "debt": 0, "sold": 0, "commission": 0}
        for day, kind, _last, count, price, commission, amount, debt, batch, reference, note, shown in rows:
            result["balance"] += amount
            result["debt"] += debt
            if not shown:
                result["opening"] = result["balance"]
                continue
            if kind in ("sale", "prepaid", "consignment", "return"):
                result["sold"] += price
                result["commission"] += commission
            result["rows"].append(
                {
                    "at": day,
                    "kind": kind,
                    "what": kinds[kind],
                    "text": " · ".join(filter(None, (batches.get(batch), reference, note))),
                    **{"count": count, "price": price, "commission": commission, "amount": amount, "debt": debt, "balance": result["balance"], "owed": result["debt"]},
                }
            )
        return result

    def _audit(self):
        """:return: those whose float or debt is not the sum of their ledger: always none"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT r.id FROM isp_reseller r LEFT JOIN (SELECT reseller_id, sum(amount) AS amount, sum(debt) AS debt FROM isp_reseller_entry GROUP BY 1) e
                    ON e.reseller_id = r.id
                 WHERE round(r.balance - COALESCE(e.amount, 0), 2) != 0 OR round(r.debt - COALESCE(e.debt, 0), 2) != 0
                """
            )
        )
        return self.browse(row[0] for row in rows)
