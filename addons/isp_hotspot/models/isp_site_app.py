# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import re

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Domain

from ..engine import code, form, life
from .isp_token_app import stamp

#: Lines of a list, tokens in use that home shows, things of a queue that are taken in one request.
PAGE, SHOWN, AT_ONCE = 30, 40, 40
#: Requests on telephones of payers, in an hour: nobody is pestered.
ASKED_AN_HOUR, HOUR = 60, 3600
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class IspSite(models.Model):
    """What the owner's app does and shows. Called with a hotspot (sudo) that was found with the owner's own rights; ``env.user`` is the owner.

    Answers are dicts of JSON, moments are seconds since 1970 (UTC), texts are in the language of the context.
    """

    _inherit = "isp.site"

    @api.model
    def _ensure_first(self, user):
        """:return: the hotspots of this user (sudo); a first one where there was none"""
        owner = user.partner_id.commercial_partner_id
        sites = self.sudo().with_context(active_test=False).search([("partner_id", "=", owner.id)])
        if not sites:
            values = {"name": user.login, "partner_id": owner.id, "company_id": user.company_id.id, "lang": user.lang or "en_US"}
            sites = self.sudo().create(values)
        return sites

    # === What it is ===

    def _app_shop(self):
        """:return: what changes seldom; the telephone keeps it for the time without a network"""
        self.ensure_one()
        currency = self.currency_id
        return {
            "slug": self.slug,
            "name": self.name,
            "ssid": self.ssid or "",
            "state": self.state,
            "company": self.company_id.name,
            "phone": self.company_id.phone or "",
            "login_mode": self.login_mode,
            "lang": self.lang,
            "trial": self.trial_minutes,
            "terms": self.terms or "",
            "momo": self.momo_msisdn or "",
            "holder": self.momo_holder or "",
            "wifi_password": bool(self.wifi_password),
            "routers": len(self.router_ids),
            "currency": {"name": currency.name, "decimals": currency.decimal_places},
            "offers": [offer._app_offer() for offer in self.offer_ids],
        }

    def _app_save(self, values):
        """Settings. :param values: only what was changed :raise UserError: what cannot be"""
        self.ensure_one()
        vals = {}
        if "name" in values:
            vals["name"] = self._need_text(values["name"], 60, self.env._("Give the hotspot a name."))
        if "ssid" in values:
            vals["ssid"] = self._need_ssid(values["ssid"])
        if "login_mode" in values:
            if values["login_mode"] not in ("code", "pair"):
                raise UserError(self.env._("Log-in is by one code, or by user and password."))
            vals["login_mode"] = values["login_mode"]
        if "trial" in values:
            vals["trial_minutes"] = form.whole(values["trial"], 0, 1440, 0)
            if vals["trial_minutes"] is None:
                raise UserError(self.env._("A free trial lasts from 0 to 1440 minutes."))
        if "terms" in values:
            vals["terms"] = str(values["terms"] or "")[:4000]
        if "lang" in values:
            vals["lang"] = self._spoken(values["lang"])
            if not vals["lang"]:
                raise UserError(self.env._("This language is not spoken here."))
        if "ssid" in vals and self.name == self.env.user.login and "name" not in vals:
            vals["name"] = vals["ssid"]
        self.write(vals)
        return self._app_shop()

    def _spoken(self, lang):
        """:return: the code of a language that is installed, else None"""
        return lang if isinstance(lang, str) and lang in dict(self.env["res.lang"].get_installed()) else None

    def _need_text(self, text, longest, missing):
        text = " ".join(str(text or "").split())[:longest]
        if not text:
            raise UserError(missing)
        return text

    def _need_ssid(self, text):
        """A name may have spaces, so it is taken as typed; at both ends they would only be a trap."""
        text = str(text or "").strip()
        if not text:
            raise UserError(self.env._("What is the name of your WiFi?"))
        if not text.isprintable() or len(text.encode()) > 32:
            raise UserError(self.env._("A WiFi name has at most 32 characters (Arabic: 16)."))
        return text

    # === Home ===

    def _app_home(self):
        """:return: the day so far: sales by method, what is in use, money, and what waits. A fixed number of queries"""
        self.ensure_one()
        tokens = self.env["isp.token"].search([("site_id", "=", self.id), ("state", "=", "in_use")], order="ends_at, id", limit=SHOWN)
        return {
            "state": self.state,
            "today": self._app_today(),
            "in_use": sorted(tokens._app_rows().values(), key=lambda row: (row["left"] is None, row["left"] or 0)),
            "in_use_count": len(tokens) if len(tokens) < SHOWN else self.env["isp.token"].search_count([("site_id", "=", self.id), ("state", "=", "in_use")]),
            "online": sum(self.router_ids.mapped("open_sessions")),
            "bytes": self._app_bytes(),
            "money": self._money(),
            "waiting": self.env["isp.token.order"].search_count([("site_id", "=", self.id), ("state", "=", "waiting"), ("ordered_at", ">", self._app_midnight())]),
            "owed": self.env["isp.token.order"].search_count([("site_id", "=", self.id), ("state", "=", "owed")], limit=100),
        }

    def _app_midnight(self):
        """beginning of today where the company is. :return: UTC"""
        company = self.company_id
        return company._isp_utc(company._isp_local(fields.Datetime.now()).replace(hour=0, minute=0, second=0, microsecond=0))

    def _app_today(self):
        """What a telephone sold yesterday and told today belongs to yesterday. :return: {method: {"count", "amount"}} of today"""
        midnight = self._app_midnight()
        domain = Domain([("site_id", "=", self.id), ("state", "=", "done"), ("done_at", ">=", midnight)]) & (Domain("method", "=", "momo") | Domain("ordered_at", ">=", midnight))
        groups = self.env["isp.token.order"]._read_group(domain, ["method"], ["__count", "amount:sum"])
        return {method: {"count": count, "amount": amount} for method, count, amount in groups}

    def _app_bytes(self):
        """:return: bytes of today, of tokens that are in use or ended today"""
        midnight = self._app_midnight()
        self.env.flush_all()
        self.env.cr.execute(
            """
            SELECT COALESCE(sum(u.bytes_up + u.bytes_down), 0)::bigint FROM isp_usage u WHERE u.hour >= %(midnight)s AND u.access_id IN (
                SELECT access_id FROM isp_token WHERE site_id = %(site)s AND state = 'in_use'
                UNION ALL SELECT access_id FROM isp_token WHERE site_id = %(site)s AND ended_at >= %(midnight)s)
            """,
            {"site": self.id, "midnight": midnight},
        )
        return self.env.cr.fetchone()[0]

    # === Lists ===

    def _app_given(self, text="", before=None):
        """What was given and sold, newest first. A page is a fixed number of queries.

        :param text: a code or a number, or a part of it :param before: id of the last order that is shown
        :return: {"rows", "more": id to go on from or None, "tokens": those without an order that have this code}
        """
        self.ensure_one()
        domain, loose = Domain("site_id", "=", self.id), []
        if text:
            found = self._app_found(text)
            loose = found.filtered(lambda token: not token.order_ids)
            digits = re.sub(r"\D", "", code.clean(text)).lstrip("0")
            domain &= Domain("token_id", "in", found.ids) | (Domain.OR([[("phone", "like", digits)], [("payer", "like", digits)]]) if len(digits) > 3 else Domain.FALSE)
        before = form.whole(before, 1, 2**31 - 1)
        if before:
            domain &= Domain("id", "<", before)
        orders = self.env["isp.token.order"].search(domain, limit=PAGE + 1)
        shown = orders[:PAGE]
        tokens = (shown.token_id | self.env["isp.token"].browse([token.id for token in loose]))._app_rows()
        rows = [order._app_row(tokens) for order in shown]
        return {"rows": rows, "more": shown[-1].id if len(orders) > PAGE else None, "tokens": [tokens[token.id] for token in loose] if not before else []}

    def _app_found(self, text):
        """:return: tokens of this hotspot with this code, or whose code begins so"""
        typed = code.clean(text)
        if len(typed) < 3:
            return self.env["isp.token"]
        if code.is_code(typed):
            return self.env["isp.token"].search([("site_id", "=", self.id), ("code", "=", typed)])
        return self.env["isp.token"].search([("site_id", "=", self.id), ("code", "=like", f"{typed}%")], limit=PAGE)

    def _app_token(self, token_id):
        """:return: ``isp.token`` of this hotspot :raise UserError: there is none"""
        token_id = form.whole(token_id, 1, 2**31 - 1)
        token = self.env["isp.token"].search([("site_id", "=", self.id), ("id", "=", token_id)]) if token_id else None
        if not token:
            raise UserError(self.env._("This hotspot has no such token."))
        return token

    # === Giving and selling ===

    def _app_give(self, item, device=None):
        """Give or sell one token. Idempotency key: ``uuid`` of the item.

        :param item: {"uuid", "method": free, cash or momo, "offer": its id, or "seconds", "devices", "down", "up", "mb" of own choice, "price",
            "phone", "payer", "lang", "code": of the reserve of ``device``, "age": seconds since it was given}
        :return: ``isp.token.order``
        :raise UserError: why it cannot be, in words
        """
        self.ensure_one()
        uuid = item.get("uuid")
        if not isinstance(uuid, str) or not _UUID.fullmatch(uuid):
            raise UserError(self.env._("The app sent something that nobody understands. Load it again."))
        method = item.get("method")
        if method not in ("free", "cash", "momo"):
            raise UserError(self.env._("Free, cash or mobile money?"))
        values = self._prepare_gift(item, device)
        if method == "momo":
            still = self.env["isp.token.order"]._still_asked(self, **values) if values["offer"] or values["terms"] else None
            if still:
                return still
            self._need_calm()
        return self.env["isp.token.order"]._place(self, uuid, method, user=self.env.user, **values)

    def _prepare_gift(self, item, device):
        orders, offer, token, terms = self.env["isp.token.order"], None, None, None
        known = orders.search([("uuid", "=", item["uuid"]), ("site_id", "=", self.id)])
        if item.get("code") and not known:
            token = self._reserved(item["code"], device)
            terms = {"offer_id": token.offer_id.id, **{name: token[name] for name in ("seconds", "counting", "valid_days", "devices", "rate", "volume_bytes", "price")}}
        elif item.get("offer") and not known:
            offer = self._app_offer_of(item["offer"])
        elif not known:
            terms = self._own_gift(item)
        price = item.get("price")
        amount = None if price in (None, "") else form.whole(price, 0, 10**9)
        if amount is None and price not in (None, ""):
            raise UserError(self.env._("The price is a whole amount."))
        age = form.whole(item.get("age"), -(10**9), 10**9, 0) or 0
        return {
            "offer": offer,
            "terms": terms,
            "token": token,
            "amount": amount,
            "phone": str(item.get("phone") or "")[:40],
            "payer": str(item.get("payer") or "")[:40],
            "lang": self._spoken(item.get("lang")),
            "device": device.uuid if device else "",
            "ordered_at": form.ordered_at(fields.Datetime.now(), age, device.heard_at or None if device else None),
        }

    def _reserved(self, text, device):
        """:return: the token of the telephone's reserve, locked :raise UserError: it is not of it, or somebody else's by now"""
        token = self.env["isp.token"].search([("code", "=", code.clean(str(text))), ("batch_id", "=", device.batch_id.id)]) if device else None
        if not token:
            raise UserError(self.env._("This code is not of this telephone's reserve."))
        token._lock()
        # It may have been used, and be over, before anybody told.
        if token.order_ids or token.state not in ("made", "in_use", "used_up", "expired"):
            raise UserError(self.env._("The code %(code)s was given to somebody else, or blocked.", code=token.code))
        return token

    def _own_gift(self, item):
        names = {"seconds": (60, life.LONGEST, None), "devices": (1, 50, 1), "down": (0, 10**7, 0), "up": (0, 10**7, 0), "mb": (0, 10**6, 0), "price": (0, 10**9, 0)}
        found = {name: form.whole(item.get(name), *bounds) for name, bounds in names.items()}
        if found["seconds"] is None:
            raise UserError(self.env._("For how long?"))
        if None in found.values():
            raise UserError(self.env._("Devices, speed, data or price are out of range."))
        return self.env["isp.token.order"]._own_terms(
            found["seconds"], price=found["price"], devices=found["devices"], down_kbps=found["down"], up_kbps=found["up"], volume_mb=found["mb"]
        )

    def _need_calm(self):
        meter = self.env["isp.owner.meter"].sudo()
        if not meter._take(f"momo/{self.id}", meter._limit("momo_per_hour", ASKED_AN_HOUR), HOUR):
            raise UserError(self.env._("Too many requests for mobile money in an hour. Wait, or take cash."))

    def _app_sync(self, device, items, held):
        """What a telephone gave while it had no network, and its reserve. Sent twice (an answer that was lost) it is done once.

        :param items: as for ``_app_give``, or {"uuid", "cancel": True, "code"}: shown to nobody, or taken away from a list of refused ones
        :return: {"items": [{"uuid", "state": done, waiting, refused or later, "text", …}], "add": tokens for the reserve, "drop": codes to forget}

        Transaction: the caller's; each item stands for itself.
        """
        self.ensure_one()
        items = items[:AT_ONCE]
        answers = [self._app_take(item, device) for item in items]
        # Somebody was shown the code of one that is refused: it is with the telephone still, and nobody else's.
        shown = [str(item.get("code")) for item, answer in zip(items, answers, strict=True) if isinstance(item, dict) and answer["state"] in ("refused", "later")]
        add, drop = device._refill(held, shown) if self._is_open() else ((), ())
        device.heard_at = fields.Datetime.now()
        return {
            "items": answers,
            "add": [{**token._app_log_in(), "offer": token.offer_id.id, "seconds": token.seconds} for token in add],
            "drop": list(drop),
        }

    def _app_take(self, item, device):
        if not isinstance(item, dict):
            return {"state": "refused", "text": self.env._("The app sent something that nobody understands. Load it again.")}
        uuid = str(item.get("uuid") or "")[:64]
        try:
            with self.env.cr.savepoint():
                if item.get("cancel"):
                    return self._app_cancel(item, device)
                return self._app_give(item, device)._app_answer()
        except LockError:
            return {"uuid": uuid, "state": "later", "text": ""}
        except UserError as error:
            return {"uuid": uuid, "state": "refused", "text": str(error)}

    def _app_cancel(self, item, device):
        """The owner took a refused one out of the list: its code is good for nobody."""
        order = self.env["isp.token.order"].search([("uuid", "=", str(item.get("uuid"))), ("site_id", "=", self.id)])
        if order:
            return order._app_answer()
        free = device._free_tokens().get(code.clean(str(item.get("code") or "")))
        if free:
            free._block(self.env._("Taken back from a telephone"))
        return {"uuid": item.get("uuid"), "state": "done", "text": "", "canceled": True}

    def _app_order(self, uuid):
        """:return: how an order stands, for the screen that waits :raise UserError: there is none"""
        order = self.env["isp.token.order"].search([("uuid", "=", str(uuid or "")[:64]), ("site_id", "=", self.id)])
        if not order:
            raise UserError(self.env._("This hotspot has no such order."))
        return order._app_answer()

    # === Offers ===

    def _app_offer_of(self, offer_id):
        offer_id = form.whole(offer_id, 1, 2**31 - 1)
        offer = self.env["isp.token.offer"].search([("site_id", "=", self.id), ("id", "=", offer_id)]) if offer_id else None
        if not offer:
            raise UserError(self.env._("This offer is gone. Choose another one."))
        return offer

    def _app_save_offer(self, offer_id, values):
        """Change an offer, or make one (``offer_id`` blank). :raise UserError: what cannot be"""
        self.ensure_one()
        bounds = {
            "seconds": ("seconds", 60, life.LONGEST, None), "price": ("price", 0, 10**9, 0), "devices": ("devices", 1, 50, 1), "down": ("down_kbps", 0, 10**7, 0),
            "up": ("up_kbps", 0, 10**7, 0), "mb": ("volume_mb", 0, 10**6, 0), "days": ("valid_days", 0, 3660, 90),
        }  # fmt: skip
        vals = {name: form.whole(values.get(key), low, high, default) for key, (name, low, high, default) in bounds.items()}
        if None in vals.values():
            raise UserError(self.env._("Time, price, devices, speed or data are out of range."))
        if values.get("counting") not in ("first", "sale", "online"):
            raise UserError(self.env._("From when does the time count?"))
        vals |= {
            "name": self._need_text(values.get("name"), 40, self.env._("Give the offer a name.")),
            "counting": values["counting"],
            "public": bool(values.get("public")),
        }
        if offer_id:
            offer = self._app_offer_of(offer_id)
            if vals["name"] == offer._text():  # as it was shown: a usual name stays one in every language
                del vals["name"]
            offer.write(vals)
        else:
            if len(self.offer_ids) >= 20:
                raise UserError(self.env._("Twenty offers are enough: change one, or take one away."))
            self.env["isp.token.offer"].create({**vals, "site_id": self.id, "sequence": 100})
        return self._app_shop()

    def _app_drop_offer(self, offer_id):
        """It is given no more; tokens that were made by it stay."""
        self._app_offer_of(offer_id).active = False
        return self._app_shop()

    # === Telephones ===

    def _app_devices(self):
        devices = self.env["isp.site.device"].search([("site_id", "=", self.id), ("lost", "=", False)])
        return [{"id": device.id, "uuid": device.uuid, "name": device.name or "", "heard": stamp(device.heard_at)} for device in devices]

    def _app_drop_device(self, device_id):
        device_id = form.whole(device_id, 1, 2**31 - 1)
        device = self.env["isp.site.device"].search([("site_id", "=", self.id), ("id", "=", device_id)]) if device_id else None
        if not device:
            raise UserError(self.env._("This telephone is not in the list."))
        device._drop()
        return self._app_devices()


class IspTokenOffer(models.Model):
    _inherit = "isp.token.offer"

    def _app_offer(self):
        self.ensure_one()
        return {
            "id": self.id,
            "name": self._text(),
            "seconds": self.seconds,
            "counting": self.counting,
            "price": self.price,
            "devices": self.devices,
            "down": self.down_kbps,
            "up": self.up_kbps,
            "mb": self.volume_mb,
            "days": self.valid_days,
            "public": self.public,
        }
