# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
# pylint: disable=consider-merging-classes-inherited
# A file for each kind of import; together they would be too long to read.
from collections import Counter

from odoo import models
from odoo.tools import SQL

from ..engine import lifecycle, subscriber_file
from ..engine.tabular import WARNING, Problem

COMPANY_TYPES = ("business", "government", "ngo")


class IspImport(models.Model):
    """Subscribers: a customer and a subscription for each line."""

    _inherit = "isp.import"

    def _judge_subscribers(self, rows):
        codes = {row.cells["plan_code"].upper() for row in rows}
        plans = {
            plan.code: subscriber_file.PlanFacts(plan.billing_mode, plan.service_type)
            for plan in self.env["isp.plan"].search([("code", "in", list(codes))])
        }
        states = self.env.ref("base.ss").state_ids.mapped("name")
        records, problems = subscriber_file.read(
            rows, plans, self._username_owners([row.cells["username"] for row in rows]), states or None
        )
        if not states and any(record.state for record in records):
            problems.append(Problem(0, "state", "", "states_missing", {}, WARNING))
        arabs = sum(record.lang == "ar" for record in records)
        if arabs and not self._arabic():
            problems.append(Problem(0, "lang", "", "lang_missing", {"count": arabs}, WARNING))
        return records, problems

    def _username_owners(self, usernames):
        """:return: account number ("" for none) by user name, of all companies"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT s.username, coalesce(p.isp_account_no, '')
                     FROM isp_subscription s JOIN res_partner p ON p.id = s.partner_id
                    WHERE s.username = ANY(%s)""",
                usernames,
            )
        )
        return dict(rows)

    def _import_subscribers(self, records):
        """Create or update customers and their subscriptions; see ``_importers``.

        Of what is known, only what differs is written. Cells that are blank in the file leave alone
        what is stored. What is managed here since (state, plan, dates) wins over the file.
        """
        lookups = self._subscriber_lookups(records)
        entries, problems = [], []
        for record in records:
            entry, problem = self._prepare_entry(record, lookups)
            entries += [entry] if entry else []
            problems += [problem] if problem else []
        self._create_customers([entry for entry in entries if not entry["partner"]], lookups)
        new = [entry for entry in entries if not entry["subscription"]]
        known = [entry for entry in entries if entry["subscription"]]
        for entry in known:
            self._update_subscription(entry, lookups)
        self._create_subscriptions(new, lookups)
        self._on_subscribers_imported(entries)
        counts = Counter()
        for entry in entries:
            outcome = "created" if entry["created"] else "updated" if entry["changed"] else "unchanged"
            counts[outcome] += 1
            problems += entry["warnings"]
        return counts, problems

    # === Hooks ===

    def _on_subscribers_imported(self, batch):
        """Hook: these lines have just been imported, in the same transaction.

        :param batch: list of dicts:
            ``record`` (``engine.subscriber_file.SubscriberRecord``, its ``password`` too),
            ``partner``, ``subscription``, ``created`` (the subscription is new),
            ``changed`` (set it when something was written for a known one),
            ``warnings`` (list of ``engine.tabular.Problem``; ``_warn_entry`` adds one).

        Must be idempotent: a file imported again comes with ``created`` False and must write nothing.
        """

    def _prepare_partner_vals(self, record):
        """Hook: values of ``res.partner``. Of a known customer falsy ones are left alone."""
        lookups = self.env.context.get("isp_lookups") or self._subscriber_lookups([record])
        return {
            "name": record.name,
            "isp_account_no": record.account_no,
            "isp_name_ar": record.name_ar,
            "phone": record.phone,
            "isp_alt_phone": record.alt_phone,
            "email": record.email,
            "lang": lookups["arabic"] if record.lang == "ar" and lookups["arabic"] else "en_US",
            "isp_customer_type": record.customer_type or "residential",
            "is_company": record.customer_type in COMPANY_TYPES,
            "isp_id_type": record.id_type,
            "isp_id_number": record.id_number,
            "vat": record.id_number if record.id_type == "tin" else False,
            "country_id": lookups["country"],
            "state_id": lookups["states"].get(record.state.casefold(), False),
            "isp_county": record.county,
            "isp_payam": record.payam,
            "street": record.address,
        }

    def _prepare_subscription_vals(self, record, partner):
        """Hook: values of ``isp.subscription``. Of a known one falsy ones are left alone."""
        lookups = self.env.context.get("isp_lookups") or self._subscriber_lookups([record])
        return {
            "partner_id": partner.id,
            "company_id": self.company_id.id,
            "plan_id": lookups["plans"][record.plan_code],
            "username": record.username,
            "mac": record.mac,
            "start_date": record.start_date,
            "anchor_day": record.anchor_day,
            "note": self._prepare_note(record, lookups),
        }

    def _import_is_managed(self, subscription):
        """Hook: whether its state, plan and dates are this system's business now, not the file's."""
        return any(event.reason != "import" for event in subscription.event_ids)

    def _import_plan_change(self, subscription, plan, record):
        """Hook: a file gives a known subscription another plan.

        :return: whether the plan was changed; if not, the line gets a warning
        """
        if self._import_is_managed(subscription):
            return False
        subscription.plan_id = plan
        return True

    def _warn_entry(self, entry, column, code, **params):
        """Add a warning to a line of ``_on_subscribers_imported``; ``code`` is of ``REASONS``."""
        value = "" if column == "password" else str(getattr(entry["record"], column, "") or "")
        entry["warnings"].append(Problem(entry["record"].line, column, value, code, params, WARNING))

    # === Utilities ===

    def _subscriber_lookups(self, records):
        partners = self.env["res.partner"].search([("isp_account_no", "in", [record.account_no for record in records])])
        country = self.env.ref("base.ss")
        codes = {record.plan_code for record in records}
        return {
            "partners": {partner.isp_account_no: partner for partner in partners},
            "plans": {plan.code: plan.id for plan in self.env["isp.plan"].search([("code", "in", list(codes))])},
            "country": country.id,
            "states": {state.name.casefold(): state.id for state in country.state_ids},
            "arabic": self._arabic(),
        }

    def _prepare_entry(self, record, lookups):
        """:return: ``(entry, None)`` or ``(None, problem)``"""
        partner = lookups["partners"].get(record.account_no, self.env["res.partner"])
        subscription = partner.isp_subscription_ids
        if len(subscription) > 1:
            subscription = subscription.filtered(lambda each: each.username == record.username)
            if not subscription:
                return None, Problem(record.line, "username", record.username, "subscription_unclear")
        if subscription and subscription.company_id != self.company_id:
            return None, Problem(record.line, "account_no", record.account_no, "other_company")
        entry = {
            "record": record,
            "partner": partner,
            "subscription": subscription,
            "created": False,
            "changed": False,
            "warnings": [],
        }
        if partner:
            changes = self._changes(partner, self._prepare_partner_update(record, lookups))
            if changes:
                partner.write(changes)
                entry["changed"] = True
        return entry, None

    def _prepare_partner_update(self, record, lookups):
        vals = self.with_context(isp_lookups=lookups)._prepare_partner_vals(record)
        if "lang" not in record.given:
            vals.pop("lang")
        if "customer_type" not in record.given:
            vals.pop("isp_customer_type")
        return {name: value for name, value in vals.items() if value}

    def _prepare_note(self, record, lookups):
        lines = [record.notes]
        if record.state and record.state.casefold() not in lookups["states"]:
            lines.append(self.env._("State: %(state)s", state=record.state))
        return "\n".join(filter(None, lines))

    def _create_customers(self, entries, lookups):
        importer = self.with_context(isp_lookups=lookups)
        partners = (
            self.env["res.partner"]
            .with_context(tracking_disable=True, mail_create_nosubscribe=True)
            .create([importer._prepare_partner_vals(entry["record"]) for entry in entries])
        )
        for entry, partner in zip(entries, partners.with_env(self.env), strict=True):
            entry["partner"] = partner

    def _create_subscriptions(self, entries, lookups):
        importer = self.with_context(isp_lookups=lookups)
        subscriptions = (
            self.env["isp.subscription"]
            .with_context(tracking_disable=True, mail_create_nosubscribe=True)
            .create([importer._prepare_subscription_vals(entry["record"], entry["partner"]) for entry in entries])
        )
        by_status = {}
        for entry, subscription in zip(entries, subscriptions, strict=True):
            entry["subscription"] = subscription.with_env(self.env)
            entry["created"] = True
            by_status.setdefault(entry["record"].status, self.env["isp.subscription"])
            by_status[entry["record"].status] |= subscription
        for status, group in by_status.items():
            group.with_context(tracking_disable=True)._set_state(status, "import")

    def _update_subscription(self, entry, lookups):
        record, subscription = entry["record"], entry["subscription"]
        vals = self.with_context(isp_lookups=lookups)._prepare_subscription_vals(record, entry["partner"])
        note = vals.pop("note", "")
        vals = {name: value for name, value in vals.items() if value}
        if "anchor_day" not in record.given:
            vals.pop("anchor_day", None)
        changes = self._changes(subscription, vals)
        # A note of the file is added to those staff wrote, once.
        added = [line for line in note.split("\n") if line and line not in (subscription.note or "")]
        if added:
            changes["note"] = "\n".join(filter(None, [subscription.note, *added]))
        managed = None
        if "plan_id" in changes:
            plan = self.env["isp.plan"].browse(changes.pop("plan_id"))
            if self._import_plan_change(subscription, plan, record):
                entry["changed"] = True
            else:
                self._warn_entry(entry, "plan_code", "managed_here", current=subscription.plan_id.code)
        for name in ("start_date", "anchor_day"):
            if name in changes:
                managed = self._import_is_managed(subscription) if managed is None else managed
                if managed:
                    changes.pop(name)
                    self._warn_entry(entry, name, "managed_here", current=str(subscription[name]))
        if changes:
            subscription.write(changes)
            entry["changed"] = True
        self._update_state(entry)

    def _update_state(self, entry):
        record, subscription = entry["record"], entry["subscription"]
        if subscription.state == record.status:
            return
        if self._import_is_managed(subscription):
            self._warn_entry(entry, "status", "managed_here", current=subscription.state)
        elif not lifecycle.allowed(subscription.state, record.status):
            self._warn_entry(entry, "status", "state_change_refused", current=subscription.state)
        else:
            subscription._set_state(record.status, "import")
            entry["changed"] = True
