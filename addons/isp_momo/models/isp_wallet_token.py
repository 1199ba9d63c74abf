# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.isp_secret.fields import Secret, reveal


class IspWalletToken(models.Model):
    _name = "isp.wallet.token"
    _description = "Access token of a wallet"
    _order = "id"

    provider_id = fields.Many2one("payment.provider", required=True, readonly=True, ondelete="cascade", index=True)
    product = fields.Char(required=True, readonly=True)
    base_url = fields.Char(required=True, readonly=True)
    environment = fields.Char(required=True, readonly=True)
    token = Secret(required=True, readonly=True)
    expires = fields.Datetime(required=True, readonly=True)

    _product_unique = models.UniqueIndex(
        "(provider_id, product, base_url, environment)", "There is a token of this product already."
    )

    @api.model
    def _known(self, provider, base_url, environment):
        """:return: {product: (token, epoch when it expires)}, what the drivers' ``Tokens`` are made of"""
        domain = [("provider_id", "=", provider.id), ("base_url", "=", base_url), ("environment", "=", environment)]
        return {
            row.product: (reveal(row, "token"), row.expires.timestamp())
            for row in self.sudo().search(domain)
        }

    @api.model
    def _keep(self, provider, base_url, environment, fresh):
        """Keep new tokens; the last one written wins. Transaction: the caller's.

        :param fresh: as ``_known``
        """
        for product, (token, epoch) in fresh.items():
            encrypted = self._fields["token"].convert_to_column_insert(token, self)
            self.env.cr.execute(
                SQL(
                    """INSERT INTO isp_wallet_token (provider_id, product, base_url, environment, token, expires, create_date, write_date)
                       VALUES (%s, %s, %s, %s, %s, %s, now() at time zone 'UTC', now() at time zone 'UTC')
                       ON CONFLICT (provider_id, product, base_url, environment)
                       DO UPDATE SET token = excluded.token, expires = excluded.expires, write_date = excluded.write_date""",
                    provider.id,
                    product,
                    base_url,
                    environment,
                    encrypted,
                    fields.Datetime.to_string(_utc(epoch)),
                )
            )
        self.invalidate_model()


def _utc(epoch):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None, microsecond=0)
