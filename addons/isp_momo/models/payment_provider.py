# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
from dataclasses import replace
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tools import file_open

from odoo.addons.isp_secret.fields import Secret, reveal

from ..drivers import WALLETS
from ..drivers.base import Account, Keys, Order, Tokens, WalletError
from ..drivers.transport import Pace, Transport


class PaymentProvider(models.Model):
    _inherit = "payment.provider"

    code = fields.Selection(
        selection_add=[(code, wallet.title) for code, wallet in WALLETS.items()],
        ondelete=dict.fromkeys(WALLETS, "set default"),
    )
    wallet_flow = fields.Char(compute="_compute_wallet_flow", help="push, redirect, or nothing: this is no wallet.")
    wallet_base_url = fields.Char(string="Host", copy=True, help="https address of the operator's API.")
    wallet_test_base_url = fields.Char(string="Host of the sandbox", help="Used in test mode. Empty: the operator's own.")
    wallet_environment = fields.Char(string="Target environment", help="The operator's name of the country, for example mtnsouthsudan. Test mode: the sandbox's.")
    wallet_collection_key = Secret(string="Collection key", groups="base.group_system")
    wallet_api_user = fields.Char(string="API user", copy=False, groups="base.group_system")
    wallet_api_key = Secret(string="API key", groups="base.group_system")
    wallet_disbursement_key = Secret(string="Disbursement key", groups="base.group_system", help="For refunds and payouts; this product has a key of its own.")
    wallet_disbursement_user = fields.Char(string="Disbursement user", copy=False, groups="base.group_system", help="Empty: as for payments.")
    wallet_disbursement_api_key = Secret(string="Disbursement API key", groups="base.group_system")
    wallet_user_agent = fields.Char(string="User agent", default="isp-momo/19.0", help="What this server calls itself; some hosts refuse the name of a programming library.")
    wallet_timeout = fields.Integer(string="Time-out (s)", default=30, help="Seconds to wait for an answer of the operator.")
    wallet_rate = fields.Integer(string="Calls a second", default=10, help="No more calls a second than the operator allows.")
    wallet_callback_base = fields.Char(
        string="Callback address", help="Public https address of this server, registered with the operator. Empty: none is told, and the server asks by itself."
    )
    wallet_test_currency = fields.Char(string="Currency of the sandbox", help="Test mode asks for the same amount in this currency. Empty: that of the operator's sandbox.")
    wallet_holder_check = fields.Selection(
        [("none", "Ask nothing"), ("active", "Has it a wallet?"), ("name", "Has it a wallet, and whose?")],
        string="Number before sending",
        default="active",
    )
    wallet_notify = fields.Boolean(string="Tell the payer", help="After the payment the operator sends the payer a line with the reference.")

    _wallet_timeout_right = models.Constraint("CHECK (wallet_timeout IS NULL OR wallet_timeout BETWEEN 1 AND 120)", "A time-out is 1 to 120 seconds.")
    _wallet_rate_right = models.Constraint("CHECK (wallet_rate IS NULL OR wallet_rate BETWEEN 1 AND 1000)", "A rate is 1 to 1,000 calls a second.")

    # === Compute ===

    @api.depends("code")
    def _compute_wallet_flow(self):
        for provider in self:
            provider.wallet_flow = getattr(WALLETS.get(provider.code), "flow", False)

    def _compute_feature_support_fields(self):
        """Override of `payment`: what the driver offers."""
        result = super()._compute_feature_support_fields()
        for provider in self:
            wallet = WALLETS.get(provider.code)
            if wallet and wallet.refunds:
                provider.support_refund = "partial"
        return result

    def _get_supported_currencies(self):
        """Override of `payment`: the driver's."""
        currencies = super()._get_supported_currencies()
        wallet = WALLETS.get(self.code)
        return currencies.filtered(lambda c: c.name in wallet.currencies) if wallet else currencies

    def _get_default_payment_method_codes(self):
        """Override of `payment`: a wallet's method has the wallet's code."""
        self.ensure_one()
        return {self.code} if self.code in WALLETS else super()._get_default_payment_method_codes()

    def _get_compatible_providers(self, *args, is_validation=False, **kwargs):
        """Override of `payment`: nothing is kept of a wallet, so there is nothing to validate."""
        providers = super()._get_compatible_providers(*args, is_validation=is_validation, **kwargs)
        return providers.filtered(lambda p: p.code not in WALLETS) if is_validation else providers

    def _check_required_if_provider(self):
        """Override of `payment`: an enabled wallet has its keys and its address."""
        result = super()._check_required_if_provider()
        for provider in self.filtered(lambda p: p.code in WALLETS and p.state != "disabled").sudo():
            missing = [name for name in provider._wallet_required() if not provider[name]]
            if missing:
                labels = ", ".join(provider._wallet_label(name) for name in missing)
                raise ValidationError(self.env._("The following fields must be filled: %(fields)s", fields=labels))
        return result

    def _wallet_required(self):
        """:return: names of the fields without which this wallet cannot ask for money"""
        names = ["wallet_collection_key", "wallet_api_user", "wallet_api_key"]
        return names if self.state == "test" else [*names, "wallet_base_url", "wallet_environment"]

    def _wallet_label(self, name):
        """:return: what the operator calls this field"""
        redirects = {
            "wallet_collection_key": self.env._("Merchant key"),
            "wallet_api_user": self.env._("Client id"),
            "wallet_api_key": self.env._("Client secret"),
        }
        return (self.wallet_flow == "redirect" and redirects.get(name)) or self._fields[name]._description_string(self.env)

    def _get_reset_values(self):
        """Override of `payment`: forget the keys."""
        if self.code not in WALLETS:
            return super()._get_reset_values()
        return dict.fromkeys(
            (
                "wallet_collection_key",
                "wallet_api_user",
                "wallet_api_key",
                "wallet_disbursement_key",
                "wallet_disbursement_user",
                "wallet_disbursement_api_key",
            )
        )

    # === Set up ===

    @api.model
    def _wallet_setup(self):
        """Make the records of wallets that have none: method, provider, its copy for each company. Called at install and update."""
        for code, wallet in WALLETS.items():
            if not self.env.ref(f"isp_momo.payment_provider_{code}", raise_if_not_found=False):
                method = self.env.ref(f"isp_momo.payment_method_{code}", raise_if_not_found=False)
                method = method or self._wallet_record("payment.method", f"payment_method_{code}", self._prepare_wallet_method(wallet))
                self._wallet_record("payment.provider", f"payment_provider_{code}", self._prepare_wallet_provider(wallet, method))
            self._setup_provider(code)

    def _wallet_record(self, model, name, values):
        record = self.env[model].create(values)
        self.env["ir.model.data"]._update_xmlids([{"xml_id": f"isp_momo.{name}", "record": record, "noupdate": True}])
        return record

    def _prepare_wallet_method(self, wallet):
        return {
            "name": wallet.title,
            "code": wallet.code,
            "sequence": 1,
            "active": False,
            "image": self._wallet_icon(),
            "support_tokenization": False,
            "support_express_checkout": False,
            "support_manual_capture": "none",
            "support_refund": "partial" if wallet.refunds else "none",
        }

    def _prepare_wallet_provider(self, wallet, method):
        push = wallet.flow == "push"
        return {
            "name": wallet.title,
            "code": wallet.code,
            "image_128": self._wallet_icon(),
            "module_id": self.env.ref("base.module_isp_momo").id,
            "inline_form_view_id": self.env.ref("isp_momo.inline_form").id if push else False,
            "redirect_form_view_id": False if push else self.env.ref("isp_momo.redirect_form").id,
            "payment_method_ids": [Command.set(method.ids)],
            "wallet_base_url": wallet.live_url,
            "wallet_environment": wallet.live_environment,
            "allow_tokenization": False,
        }

    def _wallet_icon(self):
        with file_open("isp_momo/static/description/icon.png", "rb") as icon:
            return base64.b64encode(icon.read())

    # === The driver ===

    def _wallet_where(self):
        """:return: (host, target environment, currency or "" for the transaction's own) of requests made now"""
        self.ensure_one()
        wallet = WALLETS[self.code]
        if self.state == "test":
            url = self.wallet_test_base_url or wallet.sandbox_url
            return url, wallet.sandbox_environment, self.wallet_test_currency or wallet.sandbox_currency
        return self.wallet_base_url or "", self.wallet_environment or "", ""

    def _wallet_account(self, base_url, environment):
        """:return: the driver's ``Account``, with secrets: for sending only"""
        self.ensure_one()
        provider = self.sudo()
        user, key = provider.wallet_api_user or "", reveal(provider, "wallet_api_key")
        return Account(
            base_url=base_url,
            environment=environment,
            collection=Keys(reveal(provider, "wallet_collection_key"), user, key),
            disbursement=Keys(
                reveal(provider, "wallet_disbursement_key"),
                provider.wallet_disbursement_user or user,
                reveal(provider, "wallet_disbursement_api_key") or key,
            ),
            user_agent=provider.wallet_user_agent or "isp-momo/19.0",
            timeout=provider.wallet_timeout or 30,
        )

    def _wallet_driver(self, base_url=None, environment=None, pace=None):
        """:return: a driver of this provider as it is now, or for a host requests were made at before. No call is made.

        :param pace: ``Pace`` shared with other drivers
        """
        self.ensure_one()
        if base_url is None:
            base_url, environment, _currency = self._wallet_where()
        account = self._wallet_account(base_url, environment)
        tokens = Tokens(self.env["isp.wallet.token"]._known(self, base_url, environment))
        pace = pace or Pace(self.wallet_rate)
        return WALLETS[self.code](account, tokens, Transport(account.user_agent, account.timeout, pace))

    def _wallet_check_pays_out(self):
        """:raise UserError: this provider cannot send money to a number"""
        self.ensure_one()
        wallet = WALLETS.get(self.code)
        if not wallet or not wallet.pays_out or self.state == "disabled":
            raise UserError(self.env._("%(provider)s cannot pay out: it is no such wallet, or disabled.", provider=self.name))
        if not self.sudo().wallet_disbursement_key:
            raise UserError(self.env._("%(provider)s cannot pay out: the Disbursement key is missing.", provider=self.name))

    def _wallet_keep_tokens(self, driver):
        """Keep what the driver fetched, so that the next one need not. Transaction: the caller's."""
        account = driver.account
        fresh, driver.tokens.fresh = driver.tokens.fresh, {}
        self.env["isp.wallet.token"]._keep(self, account.base_url, account.environment, fresh)

    def _wallet_public_base(self):
        """:return: https address under which the operator and payers reach this server"""
        return (self.wallet_callback_base or self.get_base_url() or "").rstrip("/")

    def _wallet_with_addresses(self, order, token, page):
        """:param token: of the transaction :param page: its id and signature
        :return: the order with the addresses that an operator with a page of its own calls and sends the payer to
        """
        base = f"{self._wallet_public_base()}/payment/wallet"
        return replace(order, callback_url=f"{base}/{token}", return_url=f"{base}/back/{page}", cancel_url=f"{base}/left/{page}")

    # === Buttons ===

    def action_wallet_check(self):
        """Say what is wrong with this provider, by harmless calls; nothing was written before them."""
        self.ensure_one()
        driver = self._wallet_driver()
        wrong = [message for _code, message in driver.check(self._wallet_trial())] + self._wallet_wrong_settings()
        self._wallet_keep_tokens(driver)
        if wrong:
            return self._wallet_tell(self.env._("Not ready"), "\n".join(wrong), "danger")
        host, environment, currency = self._wallet_where()
        text = self.env._("%(host)s answers, the keys are right for %(environment)s.", host=host, environment=environment)
        return self._wallet_tell(self.env._("Connected"), text, "success")

    def action_wallet_balance(self):
        """What the operator says is in our own wallets: what was collected, and what is paid out of."""
        self.ensure_one()
        driver, told = self._wallet_driver(), []
        try:
            for product in driver.products:
                if getattr(driver.account, product).subscription:
                    balance = driver.balance(product)
                    told.append(f"{product.capitalize()}: {balance.amount} {balance.currency}")
        except WalletError as error:
            return self._wallet_tell(self.env._("No balance"), str(error), "danger")
        self._wallet_keep_tokens(driver)
        return self._wallet_tell(self.env._("Balance"), "\n".join(told), "info")

    def _wallet_trial(self):
        """:return: an order that is never made, for the operator to judge; None for wallets that need none"""
        if self.wallet_flow != "redirect":
            return None
        currency = self._wallet_where()[2] or self.company_id.currency_id.name
        order = Order(uuid="", reference="", amount="1", currency=currency, merchant=self.company_id.name)
        # As long as the addresses of real ones.
        return self._wallet_with_addresses(order, "x" * 32, f"{10**8}/{'x' * 40}")

    def _wallet_wrong_settings(self):
        """:return: sentences about settings without which a payment would not be booked or not be told"""
        redirects = self.wallet_flow == "redirect"
        address = self._wallet_public_base() if redirects else self.wallet_callback_base or ""
        wrong, base, host = [], urlsplit(address), self._wallet_where()[0]
        lines = self.journal_id.inbound_payment_method_line_ids.filtered(lambda line: line.payment_provider_id == self)
        if not lines:
            wrong.append(self.env._("There is no payment journal: payments could not be booked."))
        elif not lines[:1].payment_account_id:
            wrong.append(self.env._("The method of payment in journal %(journal)s has no outstanding account: an invoice would not become paid.", journal=self.journal_id.name))
        if self.state == "enabled" and self.wallet_base_url and urlsplit(self.wallet_base_url).scheme != "https" and not _local(self.wallet_base_url):
            wrong.append(self.env._("The host is not https."))
        if base.netloc and (base.scheme != "https" or base.port not in (None, 443) or base.hostname.replace(".", "").isdigit()) and not _local(address):
            wrong.append(self.env._("Operators call https addresses with a name, port 443, only: %(address)s", address=address))
        if redirects and (not base.netloc or (_local(address) and not _local(host))):
            wrong.append(self.env._("The operator cannot reach %(address)s: fill in the callback address, the public one of this server.", address=address or "?"))
        if "python-requests" in (self.wallet_user_agent or "").lower():
            wrong.append(self.env._("The user agent must not contain python-requests: the operator's new host refuses it."))
        if not self.with_context(active_test=True).payment_method_ids.filtered("active"):
            wrong.append(self.env._("No method of payment of this provider is active."))
        return wrong

    def _wallet_tell(self, title, text, kind):
        params = {"title": title, "message": text, "type": kind, "sticky": kind == "danger"}
        return {"type": "ir.actions.client", "tag": "display_notification", "params": params}


def _local(address):
    return urlsplit(address).hostname in ("localhost", "127.0.0.1")
