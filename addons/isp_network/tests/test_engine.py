# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest

from odoo.tests import BaseCase, tagged

from odoo.addons.isp_network.engine import (
    chart,
    contract,
    fair_use,
    live,
    outage,
    overage,
    rate,
    router_setup,
    volume,
)


@tagged("post_install", "-at_install")
class TestEngine(BaseCase):
    def test_doctests(self):
        for module in (chart, contract, fair_use, live, outage, overage, rate, router_setup, volume):
            result = doctest.testmod(module)
            self.assertGreater(result.attempted, 0, module.__name__)
            self.assertEqual(result.failed, 0, module.__name__)
