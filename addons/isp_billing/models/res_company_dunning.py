# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import calendar as engine

#: Weekdays off, Monday is 0.
WEEKENDS = {"sat_sun": {5, 6}, "fri_sat": {4, 5}, "sun": {6}, "fri": {4}, "none": set()}


class ResCompany(models.Model):
    _inherit = "res.company"

    isp_dunning_policy_id = fields.Many2one(
        "isp.dunning.policy", string="Dunning policy", ondelete="restrict", help="Of all customers that have none of their own."
    )
    isp_weekend = fields.Selection(
        [
            ("sat_sun", "Saturday and Sunday"),
            ("fri_sat", "Friday and Saturday"),
            ("sun", "Sunday"),
            ("fri", "Friday"),
            ("none", "None"),
        ],
        string="Weekend",
        default="sat_sun",
        required=True,
    )
    isp_no_cut_weekend = fields.Boolean(string="No cut on weekends", default=True)
    isp_no_cut_holiday = fields.Boolean(string="No cut on holidays", default=True)
    isp_cut_from = fields.Float(string="Cut from", default=9.0, help="Lines are cut when people can pay and be put back.")
    isp_cut_to = fields.Float(string="Cut until", default=16.0)
    isp_cut_cap = fields.Float(string="Cut without confirmation (%)", default=5.0, help="Of the active lines, on one day.")
    isp_cut_cap_min = fields.Integer(string="At least", default=20, help="So many lines may be cut on one day, however few there are.")
    isp_warning_hours = fields.Integer(string="Hours of warning", default=24, help="Between the notice after the due date and the cut.")
    isp_put_back_days = fields.Integer(
        string="Days after staff put a line back", default=3, help="So long the computer leaves the line alone."
    )
    isp_instalment_limit = fields.Monetary(
        string="Instalments without a billing manager", default=0, help="Agreements up to this amount customer service may put in force."
    )
    isp_adjustment_limit = fields.Monetary(
        string="Adjustments without approval", default=50000, help="Above it, a billing manager who did not ask for it approves."
    )
    isp_writeoff_account_id = fields.Many2one(
        "account.account", string="Bad debts", check_company=True, help="Empty: that of the chart of accounts, if it has one."
    )
    isp_cut_hold = fields.Boolean(string="Cuts wait for confirmation", copy=False, help="Dunning had not run for a while.")

    _isp_cut_hours = models.Constraint(
        "CHECK(isp_cut_from >= 0 AND isp_cut_from < isp_cut_to AND isp_cut_to <= 24)",
        "The hours in which lines are cut lie between 0:00 and 24:00, the first before the last.",
    )
    _isp_cut_limits = models.Constraint(
        "CHECK(isp_cut_cap BETWEEN 0 AND 100 AND isp_cut_cap_min >= 0 AND isp_warning_hours >= 0 AND isp_put_back_days >= 0)",
        "The limits of cutting cannot be below zero, nor more than 100 %.",
    )

    def write(self, vals):
        result = super().write(vals)
        if "isp_grace_days" in vals:
            self.sudo()._isp_move_suspension()
        return result

    def _isp_move_suspension(self):
        """The suspension of the company's own policy follows the grace days."""
        for company in self:
            steps = company.isp_dunning_policy_id.step_ids.filtered(lambda s: s.action == "suspend").sorted("days")
            days = max(company.isp_grace_days, 0) + 1
            if steps and steps[0].days != days:
                steps[0].days = days

    def _isp_dunning_policy(self):
        """:return: the policy of customers without one of their own; made from the grace days when the company has none"""
        self.ensure_one()
        if not self.isp_dunning_policy_id:
            policies = self.env["isp.dunning.policy"].sudo()
            steps = policies._prepare_default_steps(self.isp_grace_days)
            self.sudo().isp_dunning_policy_id = policies.create(
                {
                    "name": self.env._("Normal"),
                    "company_id": self.id,
                    "step_ids": [fields.Command.create(step) for step in steps],
                }
            )
        return self.isp_dunning_policy_id

    @api.model
    def _isp_make_policies(self):
        """Data of the add-on: every company has a policy that does what its grace days did."""
        for company in self.search([]):  # pylint: disable=no-search-all  # a handful
            company._isp_dunning_policy()

    def _isp_calendar(self, day, *, cuts=False):
        """:param day: around which days are asked for
        :param cuts: the calendar of cutting lines, with its hours and the company's choices; else plain working days
        :return: ``engine.calendar.Calendar``
        """
        self.ensure_one()
        weekend = WEEKENDS[self.isp_weekend] if self.isp_no_cut_weekend or not cuts else set()
        off = self._isp_holidays(day) if self.isp_no_cut_holiday or not cuts else set()
        hours = {"opens": self.isp_cut_from, "closes": self.isp_cut_to} if cuts else {}
        return engine.Calendar(weekend=frozenset(weekend), holidays=frozenset(off), **hours)

    def _isp_holidays(self, day):
        """:return: set of the days off from two months before ``day`` to a year after"""
        first, last = day - timedelta(days=60), day + timedelta(days=400)
        holidays = self.env["isp.holiday"].sudo().search(
            [("date_to", ">=", first), ("date_from", "<=", last), ("company_id", "in", (self.id, False))]
        )
        return {
            holiday.date_from + timedelta(days=number)
            for holiday in holidays
            for number in range((holiday.date_to - holiday.date_from).days + 1)
        }

    def _isp_writeoff_account(self):
        """:return: the account of debts that are given up
        :raise UserError: there is none"""
        self.ensure_one()
        account = self.isp_writeoff_account_id or self.env.ref(f"account.{self.id}_ss_bad_debts", raise_if_not_found=False)
        if not account:
            raise UserError(self.env._("Choose the account of bad debts in the settings first."))
        return account
