# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.exceptions import UserError

from .common import WalletCommon


class TestRequest(WalletCommon):
    def test_asked_twice_is_one(self):
        first = self._request()
        self.assertEqual(first.wallet_phase, "to_send")
        self.assertEqual(first.wallet_msisdn, "211921234567")
        self.assertEqual((first.wallet_environment, first.wallet_currency), ("mtnsouthsudan", "SSP"))
        self.assertEqual(self._request(), first)
        uuid = first.wallet_uuid
        first._wallet_start("0929999999")
        self.assertEqual(first.wallet_uuid, uuid)

    def test_no_number_no_amount_no_wallet(self):
        for wrong in ({"msisdn": "12"}, {"amount": 0}):
            with self.assertRaises(UserError):
                self._request(key="key-2", **wrong)
        self.provider.state = "disabled"
        with self.assertRaises(UserError):
            self._request(key="key-3")
