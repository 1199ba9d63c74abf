# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
import time

from dateutil.relativedelta import relativedelta
from psycopg2 import Error as DatabaseError
from psycopg2 import IntegrityError, errors

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

#: Nothing of an invoice made by a run needs a message of its own in the chatter.
_QUIET = {"tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True, "mail_notrack": True}
_TRIES = 5
#: Name space of the advisory locks on shares of the work.
_LOCK = 1230196768
#: So many workers can share a run without meeting; one alone does all shares.
SHARES = 2
#: Subscriptions or customers a step: what a power cut costs, and how long the numbers are held, against the speed.
BATCH = 250
#: A bill that differs by more than this part from the last one is worth a look before it is sent.
ATTENTION = 0.2


class _SimulationOver(Exception):
    """Rolls a simulation's savepoint back."""


class IspBillingRun(models.Model):
    """Bill everything that is due on a day: rate into the ledger, then invoice, number and post.

    A run is a list of small steps, each a transaction of its own. Killed at any moment, it goes
    on where it stood: a step is in the database whole or not at all. Several workers on one run take
    different shares of it (``isp.billing.step``); two runs at once share the work by row locks and the
    unique key of the ledger. Invoice numbers are given at posting, inside the step, so none is lost.
    """

    _name = "isp.billing.run"
    _description = "Billing run"
    _inherit = ["mail.thread", "mail.activity.mixin"]
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
        [
            ("draft", "Draft"),
            ("simulating", "Simulating"),
            ("preview", "To confirm"),
            ("running", "Running"),
            ("done", "Done"),
            ("cancelled", "Stopped"),
        ],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    attempt = fields.Integer(readonly=True, copy=False, help="How often the run was started.")
    phase = fields.Selection([("rate", "Rating"), ("invoice", "Invoicing")], compute="_compute_progress")
    total = fields.Integer(readonly=True, copy=False, string="Subscriptions to bill")
    rated = fields.Integer(compute="_compute_progress", string="Subscriptions rated")
    customers = fields.Integer(compute="_compute_progress", string="Customers to invoice")
    invoiced = fields.Integer(compute="_compute_progress", string="Customers invoiced")
    started_at = fields.Datetime(readonly=True, copy=False)
    ended_at = fields.Datetime(readonly=True, copy=False)
    progress = fields.Float(compute="_compute_progress", help="Per cent")
    step_ids = fields.One2many("isp.billing.step", "run_id", readonly=True)
    preview_ids = fields.One2many("isp.billing.preview", "run_id", readonly=True)
    attention_ids = fields.One2many("isp.billing.preview", "run_id", string="Bills to look at", domain=[("attention", "=", True)], readonly=True)
    preview_count = fields.Integer(compute="_compute_preview", string="Customers in the preview")
    preview_attention = fields.Integer(compute="_compute_preview", string="To look at")
    preview_total = fields.Monetary(compute="_compute_preview", string="Would be billed")
    preview_last_total = fields.Monetary(compute="_compute_preview", string="The same customers last time")
    period_ids = fields.One2many("isp.period", "run_id", readonly=True)
    move_ids = fields.One2many("account.move", "isp_run_id", string="Invoices", readonly=True)
    error_ids = fields.One2many("isp.billing.error", "run_id", readonly=True)
    period_count = fields.Integer(compute="_compute_figures")
    move_count = fields.Integer(compute="_compute_figures", string="Invoices made")
    error_count = fields.Integer(compute="_compute_figures", string="Problems")
    amount_total = fields.Monetary(compute="_compute_figures", string="Billed", help="With taxes.")

    # === Computes ===

    @api.depends("state", "total", "attempt", "step_ids")
    def _compute_progress(self):
        """Rating counts for a quarter of the work: that is about its share of the time."""
        groups = self.env["isp.billing.step"].sudo()._read_group(
            [("run_id", "in", self.ids)], ["run_id", "attempt", "phase"], ["items:sum"]
        )
        items = {(run.id, attempt, phase): done for run, attempt, phase, done in groups}
        for run in self:
            simulated, run.rated, run.invoiced = (
                items.get((run.id, run.attempt, phase), 0) for phase in ("simulate", "rate", "invoice")
            )
            started = run.state == "running"
            run.customers = run.invoiced + (run._count_customers() if started else 0)
            run.phase = started and ("invoice" if run.invoiced or run.rated >= run.total else "rate")
            if run.state in ("done", "preview"):
                run.progress = 100
            elif run.state == "simulating":
                run.progress = 100 * min(simulated / (run.total or 1), 1)
            elif run.phase == "invoice":
                run.progress = 25 + 75 * min(run.invoiced / (run.customers or 1), 1)
            else:
                run.progress = 25 * min(run.rated / (run.total or 1), 1)

    def _compute_preview(self):
        groups = self.env["isp.billing.preview"].sudo()._read_group(
            [("run_id", "in", self.ids)], ["run_id", "attention"], ["__count", "amount_total:sum", "last_total:sum"]
        )
        for run in self:
            own = [(attention, *figures) for its, attention, *figures in groups if its == run]
            run.preview_count = sum(count for _attention, count, _total, _last in own)
            run.preview_attention = sum(count for attention, count, _total, _last in own if attention)
            run.preview_total = sum(total for _attention, _count, total, _last in own)
            run.preview_last_total = sum(last for *_others, last in own)

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
        self._trigger_workers()

    def action_simulate(self):
        """Find out in the background what the run would bill; nothing is booked."""
        self._start_simulation()
        self._trigger_workers()

    def action_stop(self):
        """Stop after the present step. What is billed stays billed; start again to go on."""
        going = self.filtered(lambda run: run.state in ("simulating", "preview", "running"))
        going.write({"state": "cancelled", "ended_at": fields.Datetime.now()})

    def action_refresh(self):
        """Read the figures anew."""

    def action_view_moves(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_out_invoice_type")
        return {**action, "domain": [("isp_run_id", "=", self.id)], "context": {"create": False}}

    def action_view_preview(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_billing.action_isp_billing_preview")
        return {**action, "domain": [("run_id", "=", self.id)]}

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
            # A preview of a later day is no reason to leave today's bills out.
            if self.search_count([("company_id", "=", company.id), ("date", "=", today), ("state", "!=", "draft")], limit=1):
                continue
            if self._has_work(company, today):
                run = self.create({"company_id": company.id, "date": today})
                if company.isp_confirm_run:
                    run.action_simulate()
                else:
                    run.action_start()

    @api.model
    def _has_work(self, company, date):
        """:return: whether anything is to be rated or to be invoiced on ``date``"""
        due = self.env["isp.subscription"]._domain_to_rate(company, date)
        waiting = [("company_id", "=", company.id), ("move_line_id", "=", False)]
        return bool(
            self.env["isp.subscription"].search_count(due, limit=1)
            or self.env["isp.period"].sudo().search_count(waiting, limit=1)
        )

    def _trigger_workers(self):
        for number in range(1, SHARES + 1):
            self.env.ref(f"isp_billing.ir_cron_billing_run_{number}").sudo()._trigger()

    @api.model
    def _cron_run(self, worker=0):
        """Work on the started runs, step by step, as long as the scheduler gives time.

        :param worker: 0 to ``SHARES`` - 1: which share this scheduled action begins with
        """
        cron = self.env["ir.cron"]
        runs = self.search([("state", "in", ("simulating", "running"))], order="id")
        if not runs:
            return
        cron._commit_progress(remaining=len(runs))

        def go_on(done, left):
            return cron._commit_progress(done, remaining=left + 1) > 0

        for run in runs:
            if not run._work(go_on, worker):
                # The scheduler gives its other jobs a turn; without this it would come back in a minute.
                self.env.ref(f"isp_billing.ir_cron_billing_run_{worker + 1}")._trigger()
                return
        cron._commit_progress(len(runs), remaining=0)

    def _start(self):
        for run in self.filtered(lambda r: r.state in ("draft", "preview", "cancelled")):
            run._begin("running")

    def _start_simulation(self):
        for run in self.filtered(lambda r: r.state in ("draft", "preview", "cancelled")):
            run.preview_ids.sudo().unlink()
            run._begin("simulating")

    def _begin(self, state):
        due = self.env["isp.subscription"]._domain_to_rate(self.company_id, self.date)
        self.write(
            {
                "state": state,
                "attempt": self.attempt + 1,
                "total": self.env["isp.subscription"].search_count(due),
                "started_at": self.started_at or fields.Datetime.now(),
                "ended_at": False,
            }
        )

    def _process(self, commit=False, worker=0):
        """Do the whole run here and now: for commands, the demo and tests.

        :param commit: commit after each step
        """
        self._start()
        self._work_through(commit, worker)

    def _simulate(self, commit=False):
        """Make the whole preview here and now."""
        self._start_simulation()
        self._work_through(commit)

    def _work_through(self, commit=False, worker=0):
        def go_on(_done, _left):
            if commit:
                self.env.cr.commit()  # pylint: disable=invalid-commit  # each step is a transaction
            return True

        # A step that is tried again must not roll back the start of the run.
        go_on(0, 0)
        for run in self:
            run._work(go_on, worker)

    def _work(self, go_on, worker=0):
        """Take steps until the run is over or ``go_on(items done, items left)``, called after each, says stop.

        A step that collides with another transaction is tried again, at most five times.

        :return: True when there is nothing more to do
        """
        tries = 0
        while True:
            try:
                step = self._step(worker)
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

    def _step(self, worker=0):
        """One step: the next batch of a phase, in the present transaction.

        :return: (items done, 1 for "there may be more"), None when there is nothing more to do
        """
        self.ensure_one()
        self.invalidate_recordset()
        run = self.with_company(self.company_id).with_context(**_QUIET)
        if self.state == "running":
            return run._step_of("rate", worker) or run._step_of("invoice", worker) or run._end_once("done")
        if self.state == "simulating":
            return run._step_of("simulate", worker) or run._end_once("preview")
        return None

    def _step_of(self, phase, worker):
        """One step of the worker's own share, or of another's when that has nothing left.

        :return: as ``_step``; None when all shares of the phase are through
        """
        busy = False
        for share in ((worker + n) % SHARES for n in range(SHARES)):
            records = getattr(self, f"_{phase}_batch")(share, self._last_id(phase, share))
            if not records:
                # What another worker has in hand is not committed, so it would still be among them.
                continue
            # Only what is worked on is locked: a share of rating that is through must not hold up invoicing.
            if not self._try_lock_share(share):
                busy = True
                continue
            started = time.monotonic()
            getattr(self, f"_{phase}_step")(records)
            self.env["isp.billing.step"].sudo().create(
                {
                    "run_id": self.id,
                    "attempt": self.attempt,
                    "phase": phase,
                    "share": share,
                    "last_id": records[-1].id,
                    "items": len(records),
                    "seconds": time.monotonic() - started,
                }
            )
            # How many are left is counted for the screen only: it costs more with every customer.
            return len(records), 1
        if busy:
            # Its share of this phase must be over before the next phase begins.
            time.sleep(0.1)
            return 0, 1
        return None

    def _try_lock_share(self, share):
        """Until the end of the transaction nobody else works on this share: neither of this run nor of another of the company."""
        key = self.company_id.id * SHARES + share
        rows = self.env.execute_query(SQL("SELECT pg_try_advisory_xact_lock(%s, %s)", _LOCK, key))
        return rows[0][0]

    def _last_id(self, phase, share):
        domain = [("run_id", "=", self.id), ("attempt", "=", self.attempt), ("phase", "=", phase), ("share", "=", share)]
        return self.env["isp.billing.step"].sudo().search(domain, limit=1).last_id

    def _end_once(self, state):
        """Two workers find nothing left at the same moment: one of them ends the run."""
        return self._end(state) if self._lock_to_end() else None

    def _end(self, state):
        if state == "preview":
            self._add_missing_to_preview()
            self._ask_to_confirm()
        self.write({"state": state, "ended_at": fields.Datetime.now()})

    def _lock_to_end(self):
        """:return: False when another worker ends this run now, or has since this transaction began"""
        self.flush_recordset()
        query = SQL("SELECT id FROM isp_billing_run WHERE id = %s FOR UPDATE SKIP LOCKED", self.id)
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute(query, log_exceptions=False)
                return bool(self.env.cr.fetchone())
        except errors.SerializationFailure:
            return False

    # --- rating ---

    @api.model
    def _batch_size(self):
        """:return: subscriptions or customers a step; the system parameter isp_billing.batch_size may say otherwise"""
        text = self.env["ir.config_parameter"].sudo().get_param("isp_billing.batch_size") or ""
        return int(text) if text.isdecimal() and int(text) else BATCH

    def _rate_batch(self, share, last_id):
        due = self.env["isp.subscription"]._domain_to_rate(self.company_id, self.date)
        mine = Domain.custom(to_sql=lambda model, alias, _query: SQL("MOD(%s, %s) = %s", SQL.identifier(alias, "id"), SHARES, share))
        return self.env["isp.subscription"].search(due & Domain("id", ">", last_id) & mine, order="id", limit=self._batch_size())

    def _rate_step(self, subscriptions):
        self._each_or_all(subscriptions, lambda some: some._rate(self.date, self), "rate")

    # --- invoicing ---

    def _count_customers(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT COUNT(DISTINCT partner_id) FROM isp_period WHERE company_id = %s AND move_line_id IS NULL",
                self.company_id.id,
            )
        )
        return rows[0][0]

    def _invoice_batch(self, share, last_id):
        self.env["isp.period"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT partner_id FROM isp_period
                 WHERE company_id = %s AND move_line_id IS NULL AND partner_id > %s AND MOD(partner_id, %s) = %s
                 ORDER BY partner_id LIMIT %s
                """,
                self.company_id.id,
                last_id,
                SHARES,
                share,
                self._batch_size(),
            )
        )
        return self.env["res.partner"].browse(row[0] for row in rows)

    def _invoice_step(self, partners):
        self._each_or_all(partners, self._invoice_customers, "invoice")

    def _invoice_customers(self, partners):
        """Post what these customers owe and have no invoice for: an invoice or a credit note, seldom both."""
        periods = self.env["isp.period"].sudo().search(
            [
                ("company_id", "=", self.company_id.id),
                ("move_line_id", "=", False),
                ("partner_id", "in", partners.ids),
            ],
            order="partner_id, date_start, id",
        )
        return self.env["isp.invoicing"]._invoice(periods, self.invoice_date or self.date, self)

    # --- preview ---

    def _simulate_batch(self, share, last_id, limit=100):
        """:return: customers with something to rate or to invoice"""
        self.env.flush_all()
        subscriptions = self.env["isp.subscription"]
        due = subscriptions._search(subscriptions._domain_to_rate(self.company_id, self.date))
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM (
                    SELECT p.commercial_partner_id AS id FROM isp_subscription s JOIN res_partner p ON p.id = s.partner_id
                     WHERE s.id IN %s
                     UNION
                    SELECT partner_id FROM isp_period WHERE company_id = %s AND move_line_id IS NULL
                ) c WHERE id > %s AND MOD(id, %s) = %s ORDER BY id LIMIT %s
                """,
                due.subselect(),
                self.company_id.id,
                last_id,
                SHARES,
                share,
                limit,
            )
        )
        return self.env["res.partner"].browse(row[0] for row in rows)

    def _simulate_step(self, partners):
        last = self._last_bills(partners)
        vals_list = []
        for partner, figures in self._would_bill(partners).items():
            vals_list.append(self._prepare_preview_vals(partner, last.get(partner.id, (0, False)), **figures))
        self.env["isp.billing.preview"].sudo().create(vals_list)

    def _would_bill(self, partners):
        """Bill these customers in a savepoint that is rolled back: what comes out is what the run would do.

        :return: {partner: {"period_count", "amount_untaxed", "amount_total" or "message"}}
        """
        found = {}
        try:
            with self.env.cr.savepoint():
                found = self._billed_figures(self.with_context(isp_simulation=True)._bill_now(partners))
                raise _SimulationOver
        except _SimulationOver:
            self.env.invalidate_all(flush=False)
            return found
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except (UserError, ValueError, DatabaseError) as error:
            self.env.invalidate_all(flush=False)
            if len(partners) == 1:
                return {partners: {"message": self._error_text(error)}}
        return {partner: figures for one in partners for partner, figures in self._would_bill(one).items()}

    def _bill_now(self, partners):
        """:return: the invoices of all that is due for these customers"""
        due = self.env["isp.subscription"]._domain_to_rate(self.company_id, self.date)
        mine = Domain("partner_id.commercial_partner_id", "in", partners.ids)
        self.env["isp.subscription"].search(due & mine)._rate(self.date, self)
        return self._invoice_customers(partners)

    @api.model
    def _billed_figures(self, moves):
        return {
            partner: {
                "period_count": len(its.line_ids.isp_period_id),
                "amount_untaxed": sum(its.mapped("amount_untaxed_signed")),
                "amount_total": sum(its.mapped("amount_total_signed")),
            }
            for partner, its in moves.grouped("partner_id").items()
        }

    def _last_bills(self, partners):
        """:return: {partner id: (total of the last billing day, that day)}"""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (partner_id) partner_id, SUM(amount_total_signed), invoice_date
                  FROM account_move
                 WHERE partner_id = ANY(%s) AND company_id = %s AND isp_run_id IS NOT NULL AND isp_run_id <> %s AND state = 'posted'
                 GROUP BY partner_id, invoice_date
                 ORDER BY partner_id, invoice_date DESC
                """,
                partners.ids,
                self.company_id.id,
                self.id,
            )
        )
        return {partner: (float(total), day) for partner, total, day in rows}

    def _prepare_preview_vals(self, partner, last, message=None, amount_total=0, **figures):
        total, day = last
        difference = amount_total - total
        if message:
            change = "error"
        elif not day:
            change = "new"
        elif self.currency_id.is_zero(difference):
            change = "same"
        else:
            change = "more" if difference > 0 else "less"
        return {
            **figures,
            "run_id": self.id,
            "partner_id": partner.id,
            "amount_total": amount_total,
            "last_total": total,
            "last_date": day,
            "difference": difference,
            "difference_size": abs(difference),
            "change": change,
            "attention": bool(message) or bool(day) and abs(difference) > ATTENTION * abs(total),
            "message": message,
        }

    def _add_missing_to_preview(self):
        """Those who were billed at this time last month and would not be billed now: cut off by mistake?"""
        earlier = self.search(
            [("company_id", "=", self.company_id.id), ("state", "=", "done"), ("date", "<", self.date)],
            order="date desc",
            limit=1,
        )
        month_ago = self.date - relativedelta(months=1)
        since = max((earlier.date or month_ago) - relativedelta(months=1), month_ago - relativedelta(months=1))
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.partner_id, SUM(m.amount_total_signed), MAX(m.invoice_date)
                  FROM account_move m JOIN isp_billing_run r ON r.id = m.isp_run_id
                 WHERE m.company_id = %(company)s AND m.state = 'posted' AND r.date > %(since)s AND r.date <= %(until)s
                   AND NOT EXISTS (SELECT 1 FROM isp_billing_preview v WHERE v.run_id = %(run)s AND v.partner_id = m.partner_id)
                   AND NOT EXISTS (SELECT 1 FROM account_move n JOIN isp_billing_run q ON q.id = n.isp_run_id
                                    WHERE n.partner_id = m.partner_id AND n.company_id = m.company_id
                                      AND n.state = 'posted' AND q.date > %(until)s)
                 GROUP BY m.partner_id
                HAVING SUM(m.amount_total_signed) > 0
                """,
                company=self.company_id.id,
                since=since,
                until=month_ago,
                run=self.id,
            )
        )
        self.env["isp.billing.preview"].sudo().create(
            [
                {
                    "run_id": self.id,
                    "partner_id": partner,
                    "last_total": total,
                    "last_date": day,
                    "difference": -total,
                    "difference_size": total,
                    "change": "gone",
                    "attention": True,
                }
                for partner, total, day in rows
            ]
        )

    def _ask_to_confirm(self):
        if self.company_id.isp_confirm_run:
            managers = self.env.ref("isp_base.group_isp_billing_manager").all_user_ids
            for user in managers.filtered(lambda u: self.company_id in u.company_ids and u.active and not u.share):
                self.activity_schedule("mail.mail_activity_data_todo", user_id=user.id, summary=self.env._("Confirm the billing run"))

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
        vals = {"run_id": self.id, "phase": phase, "partner_id": partner.id, link: record.id}
        self.env["isp.billing.error"].sudo().create({**vals, "message": self._error_text(error)})

    @api.model
    def _error_text(self, error):
        text = error.args[0] if isinstance(error, (UserError, AccessError)) else str(error)
        return text.strip()
