# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from collections import defaultdict, namedtuple
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..engine import dunning as engine
from ..engine.periods import Period

_logger = logging.getLogger(__name__)

#: One step that applies to one debt. ``owed``: all that is due up to the debt's due date, credit taken off.
Item = namedtuple("Item", "partner_id move_id due owed step_id days action notice_kind done")
#: One line that may be cut. ``since``: the oldest due date, ``move_id``: its invoice.
Cut = namedtuple("Cut", "subscription_id partner_id step_id action days tolerance move_id since overdue")

#: How often a batch that met another transaction is tried.
_TRIES = 5
#: So many lines of a preview are shown; the figures count all.
_SHOWN = 500
#: Debts of customers without a running line are reminded of so many days after the step's day at most.
_OLD_DAYS = 30


class IspDunningRun(models.Model):
    """The dunning of one company on one day.

    The scheduler passes every hour. Each pass first tells and charges customers (steps "notice" and
    "fee"), then, within the cut hours of a working day, suspends and terminates. Work goes in small
    transactions; every step is written to ``isp.dunning.log``, whose unique key lets it happen once, also when the pass is
    killed, run twice, or two pass at once.

    Never a mass cut: when a day's cuts exceed the company's cap, or after an outage, nothing is
    cut; the run waits "to confirm" with the list, and a billing manager confirms it or takes lines off.
    """

    _name = "isp.dunning.run"
    _description = "Dunning run"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "date desc, id desc"
    _rec_name = "date"
    _mail_post_access = "read"

    date = fields.Date(required=True, default=lambda self: self.env.company._isp_today())
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    state = fields.Selection(
        [
            ("draft", "Preview"),
            ("running", "Running"),
            ("to_confirm", "To confirm"),
            ("confirmed", "Confirmed"),
            ("done", "Done"),
            ("cancelled", "Refused"),
        ],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        index=True,
        tracking=True,
    )
    reason = fields.Selection(
        [("cap", "More lines than may be cut on one day"), ("outage", "Dunning had not run for more than 36 hours")],
        string="Why it waits",
        readonly=True,
        copy=False,
    )
    cap = fields.Integer(readonly=True, copy=False, help="Lines that may be cut on one day without confirmation.")
    last_pass = fields.Datetime(readonly=True, copy=False)
    confirmed_by = fields.Many2one("res.users", readonly=True, copy=False)
    confirmed_at = fields.Datetime(readonly=True, copy=False)
    line_ids = fields.One2many("isp.dunning.run.line", "run_id", readonly=True)
    pending_count = fields.Integer(compute="_compute_figures", string="Lines to confirm")
    pending_amount = fields.Monetary(compute="_compute_figures", string="Owed by them")
    notices = fields.Integer(readonly=True, copy=False, string="Reminders")
    superseded = fields.Integer(readonly=True, copy=False, string="Overtaken")
    fees = fields.Integer(readonly=True, copy=False)
    suspended = fields.Integer(readonly=True, copy=False)
    terminated = fields.Integer(readonly=True, copy=False)
    to_do = fields.Integer(readonly=True, copy=False, help="Customers to look at in this pass.")
    looked_at = fields.Integer(readonly=True, copy=False)
    progress = fields.Float(compute="_compute_progress")

    _one_a_day = models.UniqueIndex("(company_id, date) WHERE state <> 'draft'", "There is a dunning run of this day already.")

    # === Computes ===

    @api.depends("date")
    def _compute_display_name(self):
        for run in self:
            run.display_name = self.env._("Dunning of %(day)s", day=run.date)

    def _compute_figures(self):
        groups = self.env["isp.dunning.run.line"]._read_group(
            [("run_id", "in", self.ids), ("state", "=", "pending")], ["run_id"], ["__count", "overdue:sum"]
        )
        figures = {run.id: values for run, *values in groups}
        for run in self:
            run.pending_count, run.pending_amount = figures.get(run.id, (0, 0))

    @api.depends("to_do", "looked_at", "state")
    def _compute_progress(self):
        for run in self:
            run.progress = 100 if run.state == "done" or not run.to_do else 100 * min(run.looked_at / run.to_do, 1)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_previews(self):
        if any(run.state != "draft" for run in self):
            raise UserError(self.env._("A dunning run is kept; only previews can be deleted."))

    # === Actions ===

    def action_preview(self):
        """List what would happen now; nothing is done or sent."""
        self._only_managers()
        for run in self.filtered(lambda r: r.state == "draft"):
            run.sudo()._fill_preview()

    def action_confirm(self):
        """Cut the lines of the list that still owe. They are looked at once more, each under its lock."""
        self._only_managers()
        self._lock_runs()
        runs = self.filtered(lambda r: r.state == "to_confirm").sudo()
        runs.write({"state": "confirmed", "confirmed_by": self.env.uid, "confirmed_at": fields.Datetime.now()})
        runs.company_id.isp_cut_hold = False
        runs.activity_unlink(["mail.mail_activity_data_todo"])
        if runs:
            self.env.ref("isp_billing.ir_cron_suspend").sudo()._trigger()

    def action_refuse(self):
        """Cut none of the list; these debts are not a reason to cut these lines any more."""
        self._only_managers()
        self._lock_runs()
        for run in self.filtered(lambda r: r.state == "to_confirm"):
            run.line_ids.action_leave_on()
            run.sudo().write({"state": "cancelled", "confirmed_by": self.env.uid, "confirmed_at": fields.Datetime.now()})
            run.sudo().company_id.isp_cut_hold = False
            run.sudo().activity_unlink(["mail.mail_activity_data_todo"])

    def action_run_now(self):
        """Let the scheduler pass at once instead of within the hour."""
        self._only_managers()
        self.env.ref("isp_billing.ir_cron_suspend").sudo()._trigger()

    def action_view_logs(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_billing.action_isp_dunning_log")
        return {**action, "domain": [("run_id", "=", self.id)], "context": {}}

    def _only_managers(self):
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only a billing manager decides who is cut off."))
        self.check_access("read")

    def _lock_runs(self):
        self.env.flush_all()
        self.env.cr.execute(SQL("SELECT id FROM isp_dunning_run WHERE id = ANY(%s) ORDER BY id FOR UPDATE", self.ids))
        self.invalidate_recordset(["state"])

    # === Passes ===

    @api.model
    def _cron_dunning(self):
        """Pass over all companies that remind and suspend by policy."""
        for company in self.env["res.company"].search([("isp_auto_suspend", "=", True)], order="id"):
            self.with_company(company)._run_company(company, commit=True)

    @api.model
    def _run_company(self, company, *, commit=False):
        """One pass for one company.

        :param commit: commit after each batch (a cron's work)
        :return: today's run
        """
        now = fields.Datetime.now()
        run = self.sudo().with_company(company)._of_today(company, now)
        run._commit(commit)
        run._tell_and_charge(commit)
        calendar = company._isp_calendar(run.date, cuts=True)
        if calendar.is_open(company._isp_local(now)):
            run._cut_due(commit)
        if run.state == "running":
            run.state = "done"
        run._commit(commit)
        return run

    @api.model
    def _of_today(self, company, now):
        """:return: today's run, marked as passing now. After an outage the company's cuts are held until somebody confirmed them."""
        today = company._isp_local(now).date()
        last = self.search([("company_id", "=", company.id), ("last_pass", "!=", False)], order="last_pass desc", limit=1)
        if engine.is_outage(last.last_pass or None, now):
            company.isp_cut_hold = True
        run = self.search([("company_id", "=", company.id), ("date", "=", today), ("state", "!=", "draft")])
        if not run:
            run = self.create({"company_id": company.id, "date": today, "state": "running"})
        run.write({"last_pass": now, **({"state": "running"} if run.state == "done" else {})})
        return run

    def _commit(self, commit, processed=0):
        """The end of a batch: in a cron or command a transaction of its own. What follows sees money that came in meanwhile."""
        self.env.flush_all()
        if commit:
            self.env["ir.cron"]._commit_progress(processed)
            self.env.invalidate_all()

    def _tried(self, work, commit):
        """Do one batch; if it meets another transaction, undo it and do it anew on what is true by then.

        Without ``commit`` the caller's transaction cannot be undone in part, so the error is the caller's.
        """
        for tried in range(1, _TRIES + 1):
            try:
                result = work()
                self.env.flush_all()
                return result
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if not commit or tried == _TRIES:
                    raise
                self._undo_batch()
                _logger.info("Dunning met another transaction, try %s of %s", tried, _TRIES)
        return None

    def _undo_batch(self):
        self.env.cr.rollback()
        self.env.invalidate_all()

    # === Notices and fees ===

    def _tell_and_charge(self, commit, batch=500):
        """Do the steps "notice" and "fee" for every debt they apply to, some customers a transaction."""
        partners = sorted({item.partner_id for item in self._plan_items()})
        self.write({"to_do": len(partners), "looked_at": 0})
        for start in range(0, len(partners), batch):
            some = partners[start : start + batch]
            self._tried(lambda some=some: self._tell_and_charge_some(some), commit)
            self.looked_at += len(some)
            self._commit(commit, len(some))

    def _tell_and_charge_some(self, partner_ids):
        """The same for these customers, on what they owe now. Transaction: the caller's."""
        items = self._plan_items(partner_ids)
        by_debt = defaultdict(list)
        for item in items:
            if item.action == "notice":
                by_debt[item.partner_id, item.move_id].append(item)
        send, overtaken = [], []
        for debt in by_debt.values():
            last, _overtaken = engine.latest([item.days for item in debt], debt[0].done)
            send += [item for item in debt if item.days == last]
            overtaken += [item for item in debt if item.days != last]
        fees = [item for item in items if item.action == "fee"]
        self._log_items(overtaken, "superseded")
        self.superseded += len(overtaken)
        self.notices += self._tell(self._log_items(send, "done"))
        self.fees += self._charge(self._log_items(fees, "done"))

    def _tell(self, logged):
        """Write one notice a customer, however many invoices a step meets: about the step that went furthest.

        :param logged: {Item: log id}
        :return: number of notices
        """
        by_partner = defaultdict(list)
        for item in logged:
            by_partner[item.partner_id].append(item)
        rows, of_key, kinds = defaultdict(list), {}, {}
        for partner_id, items in by_partner.items():
            furthest = max(items, key=lambda item: item.days)
            same = [item for item in items if item.step_id == furthest.step_id]
            oldest = min(same, key=lambda item: (item.due, item.move_id))
            # "Is due on" a day that has passed would be wrong.
            kind = "overdue" if oldest.due < self.date else furthest.notice_kind or "overdue"
            key = f"dunning/{logged[oldest]}"
            of_key[key] = [logged[item] for item in items]
            invoice = self.env["account.move"].browse(oldest.move_id)
            rows[kind].append((partner_id, key, self._prepare_notice_params(oldest, max(item.owed for item in same)), invoice))
            kinds[key] = kind
        for kind, some in rows.items():
            notices = self.env["isp.notice"].sudo()._notify_many(kind, some, self.company_id)
            pairs = [(notice.id, log) for notice in notices for log in of_key[notice.key]]
            for notice_id, log_ids in self._grouped(pairs).items():
                self.env["isp.dunning.log"].browse(log_ids).write({"notice_id": notice_id})
        return sum(len(some) for some in rows.values())

    @api.model
    def _grouped(self, pairs):
        groups = defaultdict(list)
        for key, value in pairs:
            groups[key].append(value)
        return groups

    def _prepare_notice_params(self, item, owed):
        """:return: what the texts of kind "reminder" and "overdue" may show"""
        return {"amount": float(owed), "date": item.due, "days": max((self.date - item.due).days, 1)}

    def _charge(self, logged):
        """Write the fees into the ledger; the next run invoices them.

        Idempotency key: the log row, named by the ledger row's source.

        :param logged: {Item: log id}
        :return: number of fees
        """
        charged = 0
        logs = self.env["isp.dunning.log"]
        for item, log_id in logged.items():
            step, log = self.env["isp.dunning.step"].browse(item.step_id), logs.browse(log_id)
            line = self._line_to_charge(log.partner_id)
            if not line:
                log.result = self.env._("No subscription to charge")
                continue
            log.write({"period_id": self.env["isp.period"].sudo().create(self._prepare_fee_vals(line, step, log)).id, "amount": step.fee})
            charged += 1
        return charged

    def _line_to_charge(self, partner):
        domain = [("partner_id", "child_of", partner.id), ("company_id", "=", self.company_id.id), ("state", "not in", ("draft", "terminated"))]
        return self.env["isp.subscription"].search(domain, order="id", limit=1)

    def _prepare_fee_vals(self, line, step, log):
        env = self.with_context(lang=log.partner_id.lang).env
        return line._prepare_period(
            Period(self.date, self.date, 1),
            step.fee,
            kind="adjustment",
            source=f"dunning/{log.id}",
            product_id=step.product_id.id,
            note=env._("Late payment of %(invoice)s", invoice=log.move_id.name),
        )

    # === Cuts ===

    def _cut_due(self, commit):
        """Suspend and terminate what the policy says, unless a person has to see the list first."""
        company = self.company_id
        for confirmed in self.search([("company_id", "=", company.id), ("state", "=", "confirmed")], order="id"):
            confirmed._cut_confirmed(commit)
        plan = self._plan_cuts()
        waiting = self.search([("company_id", "=", company.id), ("state", "=", "to_confirm")], order="id", limit=1)
        cap = engine.cap(self._count_active(), company.isp_cut_cap, company.isp_cut_cap_min)
        self.cap = cap
        if not plan and not waiting:
            # Held until nobody is left whose warning is still running.
            if company.isp_cut_hold and not self._plan_cuts(warned=False):
                company.isp_cut_hold = False
        elif waiting or company.isp_cut_hold or self._count_cut_today() + len(plan) > cap:
            (waiting or self)._ask(plan, "outage" if company.isp_cut_hold else "cap")
        else:
            self._cut(plan, commit)

    def _count_active(self):
        return self.env["isp.subscription"].search_count([("company_id", "=", self.company_id.id), ("state", "=", "active")])

    def _count_cut_today(self):
        return self.env["isp.dunning.log"].search_count(
            [
                ("company_id", "=", self.company_id.id),
                ("date", "=", self.date),
                ("action", "in", ("suspend", "terminate")),
                ("state", "in", ("done", "undone")),
                ("confirmed", "=", False),
            ]
        )

    def _ask(self, plan, reason):
        """Put these on the list for a person. Who has paid meanwhile leaves it."""
        lines = self.line_ids.filtered(lambda line: line.state == "pending")
        wanted = {(cut.subscription_id, cut.action): cut for cut in plan}
        lines.filtered(lambda line: (line.subscription_id.id, line.action) not in wanted).write({"state": "dropped"})
        for line in lines.filtered(lambda line: line.state == "pending"):
            wanted.pop((line.subscription_id.id, line.action))
        self.env["isp.dunning.run.line"].create([self._prepare_cut_line_vals(cut, "pending") for cut in wanted.values()])
        first = self.state != "to_confirm"
        self.write({"state": "to_confirm", "reason": self.reason or reason})
        if not self.line_ids.filtered(lambda line: line.state == "pending"):
            self.write({"state": "done"})
            self.company_id.isp_cut_hold = False
            self.activity_unlink(["mail.mail_activity_data_todo"])
        elif first:
            self._call_a_manager()

    def _call_a_manager(self):
        group = self.env.ref("isp_base.group_isp_billing_manager")
        users = group.all_user_ids.filtered(lambda u: self.company_id in u.company_ids and not u.share and u.id > 1)
        for user in users[:5]:
            self.activity_schedule(
                "mail.mail_activity_data_todo",
                user_id=user.id,
                summary=self.env._("%(count)s lines wait for your word before they are cut", count=self.pending_count),
            )

    def _cut_confirmed(self, commit):
        """Cut what a manager confirmed. The cap does not count for it."""
        pending = self.line_ids.filtered(lambda line: line.state == "pending")
        plan = {cut.subscription_id: cut for cut in self._plan_cuts(pending.subscription_id.ids)} if pending else {}
        wanted = [plan[line.subscription_id.id] for line in pending if line.subscription_id.id in plan]
        done = self._cut(wanted, commit, confirmed=True)
        pending.filtered(lambda line: line.subscription_id.id in done).write({"state": "done"})
        pending.filtered(lambda line: line.state == "pending").write({"state": "dropped"})
        self.state = "done"
        self._commit(commit)

    def _cut(self, plan, commit, *, confirmed=False, batch=200):
        """Suspend or terminate these lines, each if it still owes, in batches.

        :param plan: list of Cut
        :return: set of the ids of the subscriptions cut
        """
        done = set()
        for (_step, action), cuts in self._grouped(((cut.step_id, cut.action), cut) for cut in plan).items():
            for start in range(0, len(cuts), batch):
                some = cuts[start : start + batch]
                cut = self._tried(lambda some=some, action=action: self._cut_some(some, action, confirmed), commit)
                done |= set(cut.ids)
                self._commit(commit, len(some))
        return done

    def _cut_some(self, cuts, action, confirmed):
        """One batch of one step; decided anew under the row locks. Transaction: the caller's."""
        by_id = {cut.subscription_id: cut for cut in cuts}
        cutoff = self.date - timedelta(days=cuts[0].days - 1)
        lines = self.env["isp.subscription"].browse(sorted(by_id))
        if action == "suspend":
            changed = lines._suspend_if_overdue(cutoff, cuts[0].tolerance)
            self.suspended += len(changed)
        else:
            changed = lines._terminate_if_overdue(cutoff, cuts[0].tolerance)
            self.terminated += len(changed)
        rows = [by_id[line.id] for line in changed]
        logged = [(cut.step_id, cut.move_id, cut.subscription_id, cut.partner_id, cut.overdue) for cut in rows]
        self._log_cuts(logged, "done", confirmed=confirmed)
        return changed

    # === Log ===

    def _log_items(self, items, state):
        """:return: {Item: id of its log row}; without those another pass has logged meanwhile"""
        if not items:
            return {}
        values = SQL(", ").join(
            SQL("(%s, %s, %s, %s, %s)", item.step_id, item.move_id, item.partner_id, item.days, item.owed) for item in items
        )
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO isp_dunning_log (step_id, move_id, partner_id, days, amount, date, action, state, company_id, run_id,
                                             create_uid, create_date, write_uid, write_date)
                SELECT v.step_id, v.move_id, v.partner_id, v.days, v.amount::numeric, %(day)s, st.action, %(state)s, %(company)s, %(run)s,
                       %(uid)s, %(now)s, %(uid)s, %(now)s
                  FROM (VALUES %(values)s) AS v (step_id, move_id, partner_id, days, amount)
                  JOIN isp_dunning_step st ON st.id = v.step_id
                    ON CONFLICT (step_id, move_id, COALESCE(subscription_id, 0)) WHERE state <> 'undone' DO NOTHING
             RETURNING id, step_id, move_id
                """,
                values=values,
                day=self.date,
                state=state,
                company=self.company_id.id,
                run=self.id,
                uid=self.env.uid,
                now=fields.Datetime.now(),
            )
        )
        ids = {(step, move): log for log, step, move in rows}
        return {item: ids[item.step_id, item.move_id] for item in items if (item.step_id, item.move_id) in ids}

    def _log_cuts(self, rows, state, result=False, *, confirmed=False):
        """:param rows: list of (step, invoice, subscription, customer, amount), ids or records"""
        today = self.date if self.state == "running" else self.company_id._isp_today()
        plain = [[value.id if isinstance(value, models.BaseModel) else value for value in row] for row in rows]
        steps = {step.id: step for step in self.env["isp.dunning.step"].browse({row[0] for row in plain})}
        return self.env["isp.dunning.log"].sudo().create(
            [
                {
                    "date": today,
                    "step_id": step,
                    "move_id": move,
                    "subscription_id": subscription,
                    "partner_id": partner,
                    "amount": amount,
                    "action": steps[step].action,
                    "days": steps[step].days,
                    "company_id": self.company_id.id,
                    "run_id": self.id,
                    "state": state,
                    "confirmed": confirmed,
                    "result": result,
                }
                for step, move, subscription, partner, amount in plain
            ]
        )

    # === Preview ===

    def _fill_preview(self):
        """Lines of what a pass would do on the run's day, the cap and hours left aside."""
        self.line_ids.unlink()
        items, cuts = self._plan_items(), self._plan_cuts()
        tell = {}
        for item in items:
            if item.action == "notice" and not (item.done and item.days <= max(item.done)):
                key = item.partner_id
                if key not in tell or tell[key].days < item.days:
                    tell[key] = item
        fees = [item for item in items if item.action == "fee"]
        vals = [self._prepare_cut_line_vals(cut, "preview") for cut in cuts]
        vals += [self._prepare_item_line_vals(item) for item in fees]
        vals += [self._prepare_item_line_vals(item) for item in tell.values()]
        self.env["isp.dunning.run.line"].create(vals[:_SHOWN])
        self.write(
            {
                "notices": len(tell),
                "fees": len(fees),
                "suspended": sum(cut.action == "suspend" for cut in cuts),
                "terminated": sum(cut.action == "terminate" for cut in cuts),
                "cap": engine.cap(self._count_active(), self.company_id.isp_cut_cap, self.company_id.isp_cut_cap_min),
                "last_pass": False,
            }
        )

    def _prepare_item_line_vals(self, item):
        return {
            "run_id": self.id,
            "partner_id": item.partner_id,
            "move_id": item.move_id,
            "step_id": item.step_id,
            "action": item.action,
            "overdue": item.owed,
            "since": item.due,
            "state": "preview",
        }

    def _prepare_cut_line_vals(self, cut, state):
        return {
            "run_id": self.id,
            "partner_id": cut.partner_id,
            "subscription_id": cut.subscription_id,
            "move_id": cut.move_id,
            "step_id": cut.step_id,
            "action": cut.action,
            "overdue": cut.overdue,
            "since": cut.since,
            "state": state,
        }

    # === Plans: set-based, nothing is written ===

    def _sql_items(self, partner_ids=None):
        """Debts with their due dates: one row a customer and invoice, and what is owed up to that day, credit taken off."""
        chosen = SQL("AND l.partner_id = ANY(%s)", list(partner_ids)) if partner_ids is not None else SQL()
        company = self.company_id
        return SQL(
            """
            line AS MATERIALIZED (
                SELECT l.partner_id, l.move_id, COALESCE(l.date_maturity, l.date) AS due, l.amount_residual AS residual
                  FROM account_move_line l
                 WHERE l.account_id IN (SELECT id FROM account_account WHERE account_type = 'asset_receivable')
                   AND l.reconciled IS NOT TRUE AND l.company_id = %(company)s AND l.parent_state = 'posted'
                   AND l.amount_residual <> 0 AND l.partner_id IS NOT NULL %(chosen)s %(not_held)s),
            debt AS (
                SELECT partner_id, move_id, MIN(due) AS due, SUM(residual) AS residual
                  FROM line WHERE residual > 0 GROUP BY partner_id, move_id),
            credit AS (
                SELECT partner_id, SUM(residual) AS amount FROM line WHERE residual < 0 GROUP BY partner_id),
            item AS (
                SELECT d.partner_id, d.move_id, d.due, d.residual, COALESCE(c.amount, 0) AS credit, COALESCE(own.id, %(policy)s) AS policy_id,
                       SUM(d.residual) OVER (PARTITION BY d.partner_id ORDER BY d.due) + COALESCE(c.amount, 0) AS owed
                  FROM debt d
                  JOIN res_partner p ON p.id = d.partner_id
             LEFT JOIN credit c ON c.partner_id = d.partner_id
             LEFT JOIN isp_dunning_policy own ON own.id = p.isp_dunning_policy_id AND own.company_id = %(company)s AND own.active)
            """,
            company=company.id,
            policy=company._isp_dunning_policy().id,
            chosen=chosen,
            not_held=self.env["res.partner"]._isp_sql_not_held(),
        )

    def _steps_of_today(self, actions):
        """:return: ids of the steps of the company that may be done on the run's day"""
        steps = self.env["isp.dunning.step"].search([("company_id", "=", self.company_id.id), ("action", "in", actions)])
        if not self.company_id._isp_calendar(self.date).is_working(self.date):
            steps = steps.filtered(lambda s: not s.working_days_only or s.action in ("suspend", "terminate"))
        return steps.ids

    def _plan_items(self, partner_ids=None):
        """:return: list of Item: every step "notice" or "fee" that applies today and is not in the log"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                WITH %(items)s
                SELECT i.partner_id, i.move_id, i.due, i.owed, st.id, st.days, st.action, st.notice_kind,
                       (SELECT ARRAY_AGG(g.days) FROM isp_dunning_log g
                         WHERE g.move_id = i.move_id AND g.action = 'notice' AND g.state = 'done' AND g.partner_id = i.partner_id)
                  FROM item i
                  JOIN isp_dunning_policy pol ON pol.id = i.policy_id
                  JOIN isp_dunning_step st ON st.policy_id = pol.id AND st.id = ANY(%(steps)s) AND i.due + st.days <= %(day)s
                 WHERE i.owed > COALESCE(pol.tolerance, 0)
                   AND EXISTS (SELECT 1
                                 FROM res_partner sp
                                 JOIN isp_subscription s ON s.partner_id = sp.id
                                WHERE sp.commercial_partner_id = i.partner_id AND s.company_id = %(company)s
                                  AND (s.state = 'active' OR s.state <> 'draft' AND i.due + st.days >= %(recent)s))
                   AND NOT EXISTS (SELECT 1 FROM isp_dunning_log g
                                    WHERE g.step_id = st.id AND g.move_id = i.move_id AND g.subscription_id IS NULL AND g.state <> 'undone')
                 ORDER BY i.partner_id, i.due, i.move_id, st.days
                """,
                items=self._sql_items(partner_ids),
                steps=self._steps_of_today(["notice", "fee"]),
                day=self.date,
                recent=self.date - timedelta(days=_OLD_DAYS),
                company=self.company_id.id,
            )
        )
        return [Item(*row[:3], float(row[3]), *row[4:8], tuple(row[8] or ())) for row in rows]

    def _plan_cuts(self, subscription_ids=None, *, warned=True):
        """Lines to suspend or terminate today: set-based, decided again under the lock later.

        Left alone are protected lines and customers, debts under an agreement, whom nobody told since
        the due date and the company's hours of warning, what a person left on, and lines that staff put back lately.

        :param warned: False: also those whose warning is too short yet
        :return: list of Cut, customers together
        """
        self.env.flush_all()
        now = fields.Datetime.now()
        company = self.company_id
        rows = self.env.execute_query(
            SQL(
                """
                WITH %(items)s,
                late AS (
                    SELECT i.partner_id, st.id AS step_id, st.action, st.days, pol.tolerance,
                           (ARRAY_AGG(i.move_id ORDER BY i.due, i.move_id))[1] AS move_id,
                           MIN(i.due) AS since, SUM(i.residual) + MIN(i.credit) AS overdue
                      FROM item i
                      JOIN isp_dunning_policy pol ON pol.id = i.policy_id
                      JOIN isp_dunning_step st ON st.policy_id = pol.id AND st.id = ANY(%(steps)s) AND i.due + st.days <= %(day)s
                     GROUP BY i.partner_id, st.id, st.action, st.days, pol.tolerance
                    HAVING SUM(i.residual) + MIN(i.credit) > COALESCE(pol.tolerance, 0))
                SELECT DISTINCT ON (late.partner_id, s.id)
                       s.id, late.partner_id, late.step_id, late.action, late.days, late.tolerance, late.move_id, late.since, late.overdue
                  FROM late
                  JOIN res_partner cp ON cp.id = late.partner_id
                  JOIN res_partner sp ON sp.commercial_partner_id = late.partner_id
                  JOIN isp_subscription s ON s.partner_id = sp.id AND s.company_id = %(company)s
                 WHERE s.state = CASE late.action WHEN 'suspend' THEN 'active' ELSE 'suspended' END %(chosen)s
                   AND NOT COALESCE(s.protected, FALSE) AND NOT COALESCE(cp.isp_protected, FALSE)
                   AND (NOT %(warned)s OR EXISTS (SELECT 1 FROM isp_dunning_log g
                            LEFT JOIN isp_notice n ON n.id = g.notice_id
                                WHERE g.partner_id = late.partner_id AND g.company_id = %(company)s
                                  AND g.action = 'notice' AND g.state = 'done' AND g.date >= late.since
                                  AND (n.id IS NULL OR n.state <> 'queued')
                                  AND GREATEST(g.create_date, n.send_after) <= %(told_before)s))
                   AND NOT EXISTS (SELECT 1 FROM isp_dunning_log g
                                    WHERE g.step_id = late.step_id AND g.move_id = late.move_id AND g.subscription_id = s.id
                                      AND g.state <> 'undone')
                   AND NOT EXISTS (SELECT 1 FROM isp_subscription_event e
                                    WHERE e.subscription_id = s.id AND e.state_from = 'suspended' AND e.state_to = 'active'
                                      AND e.reason = 'staff' AND e.date > %(put_back)s)
                   AND NOT EXISTS (SELECT 1 FROM isp_instalment ia
                                    WHERE ia.partner_id = late.partner_id AND ia.company_id = %(company)s
                                      AND ia.state = 'broken' AND ia.closed_at > %(told_before)s)
                 ORDER BY late.partner_id, s.id, late.days DESC
                """,
                items=self._sql_items(),
                steps=self._steps_of_today(["suspend", "terminate"]),
                day=self.date,
                company=company.id,
                warned=warned,
                chosen=SQL("AND s.id = ANY(%s)", list(subscription_ids)) if subscription_ids is not None else SQL(),
                told_before=now - timedelta(hours=company.isp_warning_hours),
                put_back=now - timedelta(days=company.isp_put_back_days),
            )
        )
        return [Cut(*row[:5], float(row[5] or 0), *row[6:8], float(row[8])) for row in rows]
