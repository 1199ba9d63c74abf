# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging

from psycopg2 import Error as DatabaseError
from psycopg2 import IntegrityError

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

#: Nothing of an invoice made by a run needs a message of its own in the chatter.
_QUIET = {"tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True, "mail_notrack": True}
_TRIES = 5


class IspBillingRun(models.Model):
    """Bill everything that is due on a day: rate into the ledger, then invoice, number and post.

    A run is a list of small steps, each a transaction of its own. Killed at any moment, it goes
    on where it stood: a step is in the database whole or not at all. Two workers on one run are
    kept apart by the row lock; two runs at once share the work by the locks and the unique key
    of the ledger. Invoice numbers are given at posting, inside the step, so none is lost.
    """

    _name = "isp.billing.run"
    _description = "Billing run"
    _inherit = ["mail.thread"]
    _order = "id desc"

    name = fields.Char(required=True, readonly=True, copy=False, default="/")
    date = fields.Date(
        string="Bill up to",
        required=True,
        default=lambda self: self.env.company._isp_today(),
        help="Every period that may be billed on this day is billed, those missed before too.",
    )
    invoice_date = fields.Date(help="Date on the invoices; empty: the day billed up to.")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    state = fields.Selection(
        [("draft", "Draft"), ("running", "Running"), ("done", "Done"), ("cancelled", "Stopped")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    phase = fields.Selection([("rate", "Rating"), ("invoice", "Invoicing")], readonly=True, copy=False)
    last_id = fields.Integer(readonly=True, copy=False, help="Where the phase stands (subscription or customer id).")
    total = fields.Integer(readonly=True, copy=False, string="Subscriptions to bill")
    rated = fields.Integer(readonly=True, copy=False, string="Subscriptions rated")
    customers = fields.Integer(readonly=True, copy=False, string="Customers to invoice")
    invoiced = fields.Integer(readonly=True, copy=False, string="Customers invoiced")
    started_at = fields.Datetime(readonly=True, copy=False)
    ended_at = fields.Datetime(readonly=True, copy=False)
    progress = fields.Float(compute="_compute_progress", help="Per cent")
    period_ids = fields.One2many("isp.period", "run_id", readonly=True)
    move_ids = fields.One2many("account.move", "isp_run_id", string="Invoices", readonly=True)
    error_ids = fields.One2many("isp.billing.error", "run_id", readonly=True)
    period_count = fields.Integer(compute="_compute_figures")
    move_count = fields.Integer(compute="_compute_figures", string="Invoices made")
    error_count = fields.Integer(compute="_compute_figures", string="Problems")
    amount_total = fields.Monetary(compute="_compute_figures", string="Billed", help="With taxes.")

    # === Computes ===

    @api.depends("state", "phase", "rated", "total", "invoiced", "customers")
    def _compute_progress(self):
        """Rating counts for a quarter of the work: that is about its share of the time."""
        for run in self:
            if run.state == "done":
                run.progress = 100
            elif run.phase == "invoice":
                run.progress = 25 + 75 * min(run.invoiced / (run.customers or 1), 1)
            else:
                run.progress = 25 * min(run.rated / (run.total or 1), 1)

    def _compute_figures(self):
        def count(model, field="run_id", aggregates=("__count",)):
            groups = self.env[model].sudo()._read_group([(field, "in", self.ids)], [field], list(aggregates))
            return {run.id: values for run, *values in groups}

        periods, errors = count("isp.period"), count("isp.billing.error")
        moves = count("account.move", "isp_run_id", ("__count", "amount_total_signed:sum"))
        for run in self:
            run.period_count = periods.get(run.id, [0])[0]
            run.error_count = errors.get(run.id, [0])[0]
            run.move_count, run.amount_total = moves.get(run.id, [0, 0])

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("name", "/") == "/":
                vals["name"] = self.env["ir.sequence"].next_by_code("isp.billing.run")
        return super().create(vals_list)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_draft(self):
        if any(run.state != "draft" for run in self):
            raise UserError(self.env._("A billing run that has started is kept."))

    # === Actions ===

    def action_start(self):
        """Hand the run to the server's background work and show its progress."""
        self._start()
        self.env.ref("isp_billing.ir_cron_billing_run").sudo()._trigger()

    def action_stop(self):
        """Stop after the present step. What is billed stays billed; start again to go on."""
        self.filtered(lambda run: run.state == "running").write({"state": "cancelled", "ended_at": fields.Datetime.now()})

    def action_refresh(self):
        """Read the figures anew."""

    def action_view_moves(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_out_invoice_type")
        return {**action, "domain": [("isp_run_id", "=", self.id)], "context": {"create": False}}

    def action_view_periods(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_billing.action_isp_period")
        return {**action, "domain": [("run_id", "=", self.id)], "context": {}}

    # === Running ===

    @api.model
    def _cron_daily(self):
        """Make today's run of each company and start it; a second call on the day makes none."""
        for company in self.env["res.company"].search([]):  # pylint: disable=no-search-all
            today = company._isp_today()
            if self.search_count([("company_id", "=", company.id), ("date", ">=", today), ("state", "!=", "draft")], limit=1):
                continue
            if self.env["isp.subscription"].search_count(self.env["isp.subscription"]._domain_to_rate(company, today), limit=1):
                self.create({"company_id": company.id, "date": today}).action_start()

    @api.model
    def _cron_run(self):
        """Work on the running billing runs, step by step, as long as the scheduler gives time."""
        cron = self.env["ir.cron"]
        runs = self.search([("state", "=", "running")], order="id")
        if not runs:
            return
        cron._commit_progress(remaining=len(runs))

        def go_on(done, left):
            return cron._commit_progress(done, remaining=left + 1) > 0

        for run in runs:
            if not run._work(go_on):
                # The scheduler gives its other jobs a turn; without this it would come back in a minute.
                self.env.ref("isp_billing.ir_cron_billing_run")._trigger()
                return
        cron._commit_progress(len(runs), remaining=0)

    def _start(self):
        for run in self.filtered(lambda r: r.state in ("draft", "cancelled")):
            due = run.env["isp.subscription"]._domain_to_rate(run.company_id, run.date)
            run.write(
                {
                    "state": "running",
                    "phase": "rate",
                    "last_id": 0,
                    "total": run.env["isp.subscription"].search_count(due),
                    "rated": 0,
                    "customers": 0,
                    "invoiced": 0,
                    "started_at": run.started_at or fields.Datetime.now(),
                    "ended_at": False,
                }
            )

    def _process(self, commit=False):
        """Do the whole run here and now: for commands, the demo and tests.

        :param commit: commit after each step
        """
        self._start()

        def go_on(_done, _left):
            if commit:
                self.env.cr.commit()  # pylint: disable=invalid-commit  # each step is a transaction
            return True

        for run in self:
            run._work(go_on)

    def _work(self, go_on):
        """Take steps until the run is over or ``go_on(items done, items left)``, called after each, says stop.

        A step that collides with another transaction is tried again, at most five times.

        :return: True when there is nothing more to do
        """
        tries = 0
        while True:
            try:
                step = self._step()
                self.env.flush_all()
                tries = 0
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                tries += 1
                self.env.cr.rollback()
                self.env.invalidate_all()
                _logger.info("%s: a step met another transaction, try %s of %s", self.name, tries, _TRIES)
                if tries == _TRIES:
                    raise
                continue
            if step is None:
                go_on(0, 0)
                return True
            if not go_on(*step):
                return False

    def _step(self):
        """One step: rate a batch, or invoice a batch. Everything in the present transaction.

        :return: (items done, about as many are left in this phase), None when there is nothing to do here
        """
        self.ensure_one()
        self.invalidate_recordset()
        if not self.try_lock_for_update() or self.state != "running":
            return None
        run = self.with_company(self.company_id).with_context(**_QUIET)
        return run._step_rate() if run.phase == "rate" else run._step_invoice()

    # --- rating ---

    def _step_rate(self, batch=200):
        subscriptions = self.env["isp.subscription"]
        due = subscriptions._domain_to_rate(self.company_id, self.date)
        lines = subscriptions.search(due & Domain("id", ">", self.last_id), order="id", limit=batch)
        if not lines:
            self.write({"phase": "invoice", "last_id": 0, "customers": self._count_customers()})
            return 0, self.customers
        self._each_or_all(lines, lambda some: some._rate(self.date, self), "rate")
        self.write({"last_id": lines[-1].id, "rated": self.rated + len(lines)})
        return len(lines), max(self.total - self.rated, 0)

    # --- invoicing ---

    def _count_customers(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT COUNT(DISTINCT partner_id) FROM isp_period WHERE company_id = %s AND move_line_id IS NULL",
                self.company_id.id,
            )
        )
        return rows[0][0]

    def _step_invoice(self, batch=50):
        partners = self._customers_to_invoice(batch)
        if not partners:
            self.write({"state": "done", "ended_at": fields.Datetime.now()})
            return None
        self._each_or_all(partners, self._invoice_customers, "invoice")
        self.write({"last_id": partners[-1].id, "invoiced": self.invoiced + len(partners)})
        return len(partners), max(self.customers - self.invoiced, 0)

    def _customers_to_invoice(self, limit):
        self.env["isp.period"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT partner_id FROM isp_period
                 WHERE company_id = %s AND move_line_id IS NULL AND partner_id > %s
                 ORDER BY partner_id LIMIT %s
                """,
                self.company_id.id,
                self.last_id,
                limit,
            )
        )
        return self.env["res.partner"].browse(row[0] for row in rows)

    def _invoice_customers(self, partners):
        """Post what these customers owe and have no invoice for: an invoice, a credit note, or both."""
        periods = self.env["isp.period"].sudo().search(
            [
                ("company_id", "=", self.company_id.id),
                ("move_line_id", "=", False),
                ("partner_id", "in", partners.ids),
            ],
            order="partner_id, date_start, id",
        )
        return self.env["isp.invoicing"]._invoice(periods, self.invoice_date or self.date, self)

    # --- errors ---

    def _each_or_all(self, records, work, phase):
        """Do ``work`` on all records; if that fails, on each alone and note those that fail."""
        try:
            with self.env.cr.savepoint():
                work(records)
                return
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except (UserError, ValueError, IntegrityError) as error:
            _logger.info("%s: a batch of %s failed (%s); one by one", self.name, len(records), error)
        self.env.invalidate_all()
        for record in records:
            try:
                with self.env.cr.savepoint():
                    work(record)
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                raise
            except (UserError, ValueError, DatabaseError) as error:
                self.env.invalidate_all()
                self._note_error(record, phase, error)

    def _note_error(self, record, phase, error):
        link = "subscription_id" if record._name == "isp.subscription" else "partner_id"
        partner = record.partner_id if link == "subscription_id" else record
        text = error.args[0] if isinstance(error, (UserError, AccessError)) else str(error)
        self.env["isp.billing.error"].sudo().create(
            {"run_id": self.id, "phase": phase, "partner_id": partner.id, link: record.id, "message": text.strip()}
        )
