# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

import phonenumbers

from odoo import api, fields, models
from odoo.exceptions import UserError

#: A guest's requests for money, so that nobody makes a thousand telephones ring: of one number and of one device within WINDOW, …
PER_NUMBER, PER_DEVICE, WINDOW = 3, 4, timedelta(minutes=10)
#: … of one address on the internet in a minute, and those of an hour that nobody paid: guests behind a router's NAT have one address. …
PER_ADDRESS, UNPAID = 60, 60
#: … and of a whole hotspot, from wherever. (System parameters ``isp_hotspot.guest_…``, see ``_most``.)
PER_SITE, UNPAID_SITE = 300, 600
#: Free trials of an hour that nobody used, of one address and of a hotspot.
TRIALS, TRIALS_SITE = 30, 200
#: So long a request stands on a telephone.
OPEN = timedelta(minutes=6)
#: So long a device finds what it has bought.
KEPT = timedelta(days=2)


class IspTokenOrder(models.Model):
    """What guests order by themselves, without an account: mobile money and the free trial."""

    _inherit = "isp.token.order"

    address = fields.Char(readonly=True, copy=False, help="From where on the internet a guest asked.")
    asked_key = fields.Char(readonly=True, copy=False, help="The number a guest asks, while the request is open: one at a time.")

    _asked_unique = models.UniqueIndex("(asked_key) WHERE asked_key IS NOT NULL", "A request stands on this telephone already.")
    _payer_index = models.Index("(payer, ordered_at) WHERE method = 'momo' AND user_id IS NULL")
    _ordered_index = models.Index("(site_id, ordered_at) WHERE method = 'momo' AND user_id IS NULL")
    _device_index = models.Index("(device, ordered_at) WHERE device IS NOT NULL")
    _mac_index = models.Index("(mac, ordered_at) WHERE mac IS NOT NULL")

    def _create_once(self, vals):
        """Two at the same moment for one number: the second is run again, and finds the first."""
        return super()._create_once({**vals, "asked_key": self.env.context.get("isp_asked_key", False)})

    def write(self, vals):
        if vals.get("state", "waiting") != "waiting":
            vals = {**vals, "asked_key": False}
        return super().write(vals)

    @api.model
    def _most(self, name, default):
        """:return: the system parameter ``isp_hotspot.guest_<name>``"""
        return self.env["isp.owner.meter"]._limit(f"guest_{name}", default)

    @api.model
    def _buy(self, site, uuid, offer, number, device, mac="", lang=None, address=""):
        """A guest buys.

        :param uuid: made with the page: what is sent twice is one order
        :param device: who knows it is shown the order again
        :param address: of whoever asks, on the internet
        :return: the order (sudo); the one that is open already, where the same device asks the same number for the same in another tab
        :raise UserError: what cannot be, or too often
        """
        found = self.sudo().search([("uuid", "=", uuid), ("site_id", "=", site.id)])
        if found:
            return found
        payer = site._parse_phone(number)
        if not payer:
            raise UserError(self.env._("Whose telephone pays?"))
        now = fields.Datetime.now()
        guests = [("method", "=", "momo"), ("user_id", "=", False)]
        open_one = self.sudo().search([*guests, ("payer", "=", payer), ("state", "=", "waiting"), ("ordered_at", ">", now - OPEN)], limit=1)
        if open_one and open_one.device == device and open_one.site_id == site and open_one.offer_id == offer:
            return open_one
        if open_one:
            raise UserError(self.env._("A request stands on this telephone already: approve it, or reject it and try again."))
        self._need_own_country(site, payer)
        self._need_seldom(site, guests, payer, device, mac, address, now)
        # One that is too old to be approved lets go of the number.
        self.sudo().search([("asked_key", "=", payer)]).asked_key = False
        return self.with_context(isp_asked_key=payer)._place(site, uuid, "momo", offer=offer, phone=payer, payer=payer, lang=lang, mac=mac or None, device=device, address=address)

    def _need_own_country(self, site, payer):
        """:raise UserError: a wallet of another country cannot pay here"""
        country = site.company_id.country_id.code or "SS"
        if phonenumbers.region_code_for_number(phonenumbers.parse(payer)) != country:
            prefix = phonenumbers.country_code_for_region(country)
            raise UserError(self.env._("\u2066%(number)s\u2069 is a number of another country. Only wallets of this country (+%(prefix)s) can pay here.", number=payer, prefix=prefix))

    def _need_seldom(self, site, guests, payer, device, mac, address, now):
        """:raise UserError: too many requests, in words of who asks too much"""
        orders, lately = self.sudo(), ("ordered_at", ">", now - WINDOW)
        if orders.search_count([*guests, ("payer", "=", payer), lately], limit=PER_NUMBER) >= PER_NUMBER:
            raise UserError(self.env._("This number was asked several times just now. Wait ten minutes, or pay from another number."))
        for key in [("device", "=", device), *([("mac", "=", mac)] if mac else [])]:
            if orders.search_count([*guests, key, lately, ("state", "!=", "done")], limit=PER_DEVICE) >= PER_DEVICE:
                raise UserError(self.env._("You asked several times just now. Wait ten minutes and try again."))
        here, unpaid = [*guests, ("site_id", "=", site.id)], ("state", "in", ("waiting", "failed"))
        there = [*here, ("address", "=", address or False)]
        if (
            self._are_many([*there, ("ordered_at", ">", now - timedelta(minutes=1))], self._most("per_minute", PER_ADDRESS))
            or self._are_many([*there, ("ordered_at", ">", now - timedelta(hours=1)), unpaid], self._most("unpaid", UNPAID))
            or self._are_many([*here, ("ordered_at", ">", now - timedelta(minutes=1))], self._most("per_minute_site", PER_SITE))
            or self._are_many([*here, ("ordered_at", ">", now - timedelta(hours=1)), unpaid], self._most("unpaid_site", UNPAID_SITE))
        ):
            raise UserError(self.env._("Many people are buying here at the moment. Wait some minutes and try again, or pay in cash."))

    def _are_many(self, domain, most):
        return self.sudo().search_count(domain, limit=most) >= most

    @api.model
    def _try_free(self, site, uuid, device, mac, lang=None, address=""):
        """The free trial of a device, once a day. Asked again on that day: the same one, while it has time left.

        :raise UserError: there is none, or it was used
        """
        if not site.trial_minutes:
            raise UserError(self.env._("There is no free trial here."))
        if not mac:
            raise UserError(self.env._("Join the WiFi first, and open its page again."))
        orders = self.sudo()
        had = orders.search([("trial_key", "=", self._trial_key(site, mac))])
        if had and (had.uuid == uuid or had.token_id._facts()[had.token_id.id]["left"]):
            return had
        # A MAC address is what a browser says. Who means it uses the trial; who makes them up leaves them unused.
        unused = [("method", "=", "trial"), ("site_id", "=", site.id), ("ordered_at", ">", fields.Datetime.now() - timedelta(hours=1)), ("token_id.state", "in", ("made", "sold"))]
        if self._are_many([*unused, ("address", "=", address or False)], self._most("trials", TRIALS)) or self._are_many(unused, self._most("trials_site", TRIALS_SITE)):
            raise UserError(self.env._("Many people are trying here at the moment. Wait some minutes and try again, or buy time."))
        terms = self._own_terms(site.trial_minutes * 60, valid_days=1)
        return self._place(site, uuid, "trial", terms=terms, lang=lang, mac=mac, device=device, address=address)

    @api.model
    def _trial_key(self, site, mac):
        return f"{site.id}/{mac}/{site.company_id._isp_today()}"

    @api.model
    def _still_asked(self, site, *, offer, terms, amount, phone, payer, **_values):
        """:return: the request that stands on this telephone for the very same, of the same seller: the answer was lost, and it is asked again (sudo)"""
        terms = terms or offer._prepare_terms()
        number = site._parse_phone(phone) or False
        return self.sudo().search(
            [
                ("site_id", "=", site.id),
                ("method", "=", "momo"),
                ("state", "=", "waiting"),
                ("user_id", "=", self.env.uid),
                ("payer", "=", site._parse_phone(payer) or number),
                ("phone", "=", number),
                ("seconds", "=", terms["seconds"]),
                ("amount", "=", terms["price"] if amount is None else amount),
                ("ordered_at", ">", fields.Datetime.now() - OPEN),
            ],
            limit=1,
        )

    @api.model
    def _latest_of(self, site, device):
        """:return: what this device ordered last and may still want (sudo): waiting, or a code that is good"""
        order = self.sudo().search([("site_id", "=", site.id), ("device", "=", device), ("ordered_at", ">", fields.Datetime.now() - KEPT)], order="ordered_at desc, id desc", limit=1)
        if order.state == "waiting" and order.ordered_at > fields.Datetime.now() - OPEN:
            return order
        if order.state == "done" and order.token_id._facts()[order.token_id.id]["state"] in ("made", "sold", "in_use"):
            return order
        return order if order.state == "owed" else self.sudo()
