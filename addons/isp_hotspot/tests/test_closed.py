# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tests import tagged

from .app_common import AppCommon
from .common import DEVICE

REJECTED = ({"Auth-Type": "Reject"}, {"Reply-Message": "This account is closed"})


@tagged("post_install", "-at_install")
class TestClosed(AppCommon):
    """A hotspot that is blocked or archived lets nobody in, and lets go of nothing: what its tokens are stays as it was."""

    def _close(self, how):
        if how == "archived":
            self.site.active = False
        else:
            self.site.action_block()

    def _reopen(self, how):
        if how == "archived":
            self.site.active = True
        else:
            self.site.action_open()

    def test_nobody_gets_in_until_it_is_open_again(self):
        for how in ("blocked", "archived"):
            used, made, bad = self._made(3)
            sold, foreign = self._place().token_id, self._made(site=self.other_site)
            bad._block("stolen")
            self._log_in(used)
            self._follow()
            self._close(how)
            for token in (used, made, bad, sold):
                self.assertEqual(self._log_in(token), REJECTED, (how, token.state))
            self.assertIn("Cleartext-Password", self._log_in(foreign, nas="127.0.3.2")[0])
            self.assertIn("Access-Reject", sold.access_id.radius_answer)
            self._reopen(how)
            self.env.invalidate_all()
            for token in (used, made, sold):
                self.assertIn("Cleartext-Password", self._log_in(token)[0], (how, token.state))
            self.assertEqual(self._log_in(bad), REJECTED)
            self.assertEqual((used | made | sold | bad).sorted("id").mapped("state"), ["in_use", "made", "blocked", "sold"])
            self.assertIn("Access-Accept", sold.access_id.radius_answer)

    def test_who_is_on_line_is_put_off(self):
        token = self._made()
        self._acct("Start", login=token.code, nas="127.0.3.1", mac=DEVICE, ip="10.5.50.2")
        self._acct("Start", login="achol", nas="127.0.0.1", session="isp")
        self.site.action_block()
        tasks = self.env["isp.router.task"].search([("kind", "=", "disconnect")])
        self.assertEqual((tasks.access_id, tasks.router_id), (token.access_id, self.nas))

    def test_routers_that_come_later_are_closed_too(self):
        self.site.action_block()
        token = self._made(site=self.other_site)
        self.other_nas.site_id = self.site
        self.assertTrue(self.other_nas.closed)
        self.env["isp.router"].create({"name": "Third", "nas_ip": "127.0.3.9", "radius_secret": "testing123", "site_id": self.site.id})
        self.other_nas.site_id = self.other_site
        self.assertFalse(self.other_nas.closed)
        self.assertIn("Cleartext-Password", self._log_in(token, nas="127.0.3.2")[0])
        self.assertEqual(self.site.router_ids.mapped("closed"), [True, True])

    def test_the_isps_own_customers_go_on(self):
        self.site.partner_id = self.site.company_id.partner_id
        self._acct("Start", login="achol", nas="127.0.3.1", mac=DEVICE, session="isp")
        self.site.action_block()
        self.assertEqual(self._ask("authz", "achol", DEVICE, "127.0.3.1"), {"Cleartext-Password": "pw"})
        self.assertFalse(self.env["isp.router.task"].search([("kind", "=", "disconnect")]))

    def test_owner_does_nothing_with_tokens_meanwhile(self):
        self.log_in()
        token = self._place(user=self.owner).token_id
        token._block()
        self.site.action_block()
        for what in ("unblock", "extend", "pause", "resume", "refund"):
            self.assertIn("closed", self.call("token_do", site=self.site.slug, id=token.id, what=what, seconds=3600)["error"], what)
        self.assertEqual(token.state, "blocked")

    def test_sold_without_a_network_before_it_was_closed(self):
        """The cash was taken and the code was given: it stands in the books, and lets in when the hotspot is open again."""
        self.log_in()
        first, second, third = [token for token in self.reserve() if token["offer"] == self.offer.id][:3]
        for how, token in (("blocked", first), ("archived", second)):
            self._close(how)
            sold = self.item(code=token["code"], offer=None, method="cash", price=500, age=7200)
            answer = self.sync(sold, self.item(method="cash"))
            self.assertEqual([item["state"] for item in answer["items"]], ["done", "refused"], how)
            self.assertEqual(answer["add"], [], how)
            order = self.env["isp.token.order"].search([("uuid", "=", sold["uuid"])])
            self.assertEqual((order.amount, order.token_id.state), (500, "sold"), how)
            self.assertEqual(self._log_in(order.token_id), REJECTED, how)
            self._reopen(how)
            self.assertIn("Cleartext-Password", self._log_in(order.token_id)[0], how)
        self.assertEqual(self.env["isp.token"].search([("code", "=", third["code"])]).state, "made")
