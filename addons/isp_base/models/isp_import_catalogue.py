# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
# pylint: disable=consider-merging-classes-inherited
# A file for each kind of import; together they would be too long to read.
from collections import Counter

from odoo import models
from odoo.fields import Command

from ..engine import fup_file, plan_file
from ..engine.tabular import WARNING, Problem

ARABIC = "ar_001"


class IspImport(models.Model):
    """Fair-use ladders and plans."""

    _inherit = "isp.import"

    # === Ladders ===

    def _judge_ladders(self, rows):
        return fup_file.read(rows)

    def _import_ladders(self, records):
        """Create or update ladders by code; see ``_importers``."""
        ladders = {ladder.code: ladder for ladder in self.env["isp.fup"].search([("code", "in", [r.code for r in records])])}
        counts, creating = Counter(), []
        for record in records:
            vals = self._prepare_fup_vals(record)
            ladder = ladders.get(record.code)
            if not ladder:
                creating.append({**vals, "step_ids": [Command.create(step) for step in self._prepare_step_vals(record)]})
                continue
            changes = self._changes(ladder, vals)
            steps = self._prepare_step_vals(record)
            if [{name: step[name] for name in steps[0]} for step in ladder.step_ids.sorted("sequence")] != steps:
                changes["step_ids"] = [Command.clear(), *(Command.create(step) for step in steps)]
            if changes:
                ladder.write(changes)
            counts["updated" if changes else "unchanged"] += 1
        counts["created"] = len(self.env["isp.fup"].create(creating))
        return counts, []

    def _prepare_fup_vals(self, record):
        """Hook: values of ``isp.fup`` for an ``engine.fup_file.FupRecord``, its steps apart."""
        return {"code": record.code, "name": record.name, "window": record.window}

    def _prepare_step_vals(self, record):
        return [
            {
                "sequence": step.sequence,
                "after_mb": step.after_mb,
                "down_kbps": step.down_kbps,
                "up_kbps": step.up_kbps,
            }
            for step in record.steps
        ]

    # === Plans ===

    def _judge_plans(self, rows):
        ladders = self.env["isp.fup"].search([("code", "in", list({row.cells["fup"].upper() for row in rows}))])
        records, problems = plan_file.read(rows, set(ladders.mapped("code")))
        used = self._plans_in_use([record.code for record in records])
        refused = set()
        for record in records:
            plan = used.get(record.code)
            if not plan:
                continue
            names = []
            if plan.billing_mode != record.billing_mode:
                names.append("billing_mode")
            if (plan.period_count, plan.period_unit) != (record.period_count, record.period_unit):
                names.append("period")
            if names:
                refused.add(record.line)
                value = record.billing_mode if names[0] == "billing_mode" else f"{record.period_count} {record.period_unit}"
                params = {"fields": ", ".join(names)}
                problems.append(Problem(record.line, names[0], value, "plan_in_use", params))
        if any(record.name_ar for record in records) and not self._arabic():
            problems.append(Problem(0, "name_ar", "", "names_missing", {}, WARNING))
        return [record for record in records if record.line not in refused], problems

    def _plans_in_use(self, codes):
        """:return: plans that have subscriptions, by code"""
        groups = self.env["isp.subscription"]._read_group([("plan_id.code", "in", codes)], ["plan_id"])
        return {plan.code: plan for [plan] in groups}

    def _import_plans(self, records):
        """Create or update plans by code; see ``_importers``."""
        plans = {plan.code: plan for plan in self.env["isp.plan"].search([("code", "in", [r.code for r in records])])}
        ladders = {ladder.code: ladder.id for ladder in self.env["isp.fup"].search([("code", "in", [r.fup for r in records])])}
        counts, creating = Counter(), []
        for record in records:
            vals = self._prepare_plan_vals(record, ladders)
            plan = plans.get(record.code)
            if not plan:
                creating.append((record, vals))
                continue
            changes = self._changes(plan, vals)
            if changes:
                plan.write(changes)
            renamed = self._write_arabic_name(plan, record)
            counts["updated" if changes or renamed else "unchanged"] += 1
        created = self.env["isp.plan"].create([vals for _record, vals in creating])
        for plan, (record, _vals) in zip(created, creating, strict=True):
            self._write_arabic_name(plan, record)
        counts["created"] = len(created)
        return counts, []

    def _prepare_plan_vals(self, record, ladders):
        """Hook: values of ``isp.plan`` for an ``engine.plan_file.PlanRecord``.

        :param ladders: id of each fair-use ladder by its code
        """
        return {
            "code": record.code,
            "name": record.name,
            "service_type": record.service_type,
            "billing_mode": record.billing_mode,
            "period_count": record.period_count,
            "period_unit": record.period_unit,
            "price_usd": float(record.price_usd),
            "list_price": record.price_ssp,
            "down_kbps": record.down_kbps,
            "up_kbps": record.up_kbps,
            "burst_down_kbps": record.burst_down_kbps,
            "quota_mb": record.quota_mb,
            "fup_id": ladders[record.fup] if record.fup else False,
            "overage_price_gb": record.overage_ssp_per_gb,
            "device_limit": record.sessions,
        }

    def _write_arabic_name(self, plan, record):
        if not record.name_ar or not self._arabic():
            return False
        plan = plan.with_context(lang=ARABIC)
        if plan.name == record.name_ar:
            return False
        plan.name = record.name_ar
        return True

    def _arabic(self):
        """:return: the code of Arabic when it is installed"""
        return ARABIC if self.env["res.lang"]._get_data(code=ARABIC) else False
