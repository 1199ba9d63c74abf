# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models
from odoo.exceptions import AccessError


class IspReadonlyMixin(models.AbstractModel):
    """Fields that are read-only stay so for whoever comes past the form, by RPC or import. What the system finds out itself it writes as superuser."""

    _name = "isp.readonly.mixin"
    _description = "Read-only also without a form"

    @api.model_create_multi
    def create(self, vals_list):
        self._check_by_hand({name for vals in vals_list for name in vals})
        return super().create(vals_list)

    def write(self, vals):
        self._check_by_hand(vals)
        return super().write(vals)

    @api.model
    def _check_by_hand(self, names):
        """:raise AccessError: one of these fields is not written by people"""
        fixed = [] if self.env.su else sorted(name for name in names if name in self._fields and self._fields[name].readonly)
        if fixed:
            labels = self.fields_get(fixed, ["string"])
            raise AccessError(self.env._("Nobody writes this by hand: %(fields)s.", fields=", ".join(labels[name]["string"] if name in labels else name for name in fixed)))
