# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from unittest.mock import patch

from cryptography.fernet import Fernet

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.orm.model_classes import add_to_registry
from odoo.tests import TransactionCase
from odoo.tools import SQL

from ..fields import MASK, Secret, reveal
from ..tools import secret


class TestSecret(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()

        class Keyring(models.Model):
            _module = "isp_secret"
            _name = "isp_secret.test.keyring"
            _description = "Keyring"
            _inherit = []

            name = fields.Char()
            key = Secret()

        add_to_registry(cls.registry, Keyring)
        cls.addClassCleanup(cls.registry.__delitem__, Keyring._name)
        cls.registry._setup_models__(cls.env.cr, [])
        cls.registry.init_models(cls.env.cr, [Keyring._name], {"models_to_check": True})
        cls.addClassCleanup(cls.registry._setup_models__, cls.env.cr, [])
        cls.keys = cls.env[Keyring._name].sudo()

    def stored(self, ring):
        ring.flush_recordset()
        return self.env.execute_query(SQL("SELECT key FROM isp_secret_test_keyring WHERE id = %s", ring.id))[0][0]

    def test_is_encrypted_everywhere_but_where_it_is_sent(self):
        ring = self.keys.create({"name": "MTN", "key": "s3cret"})
        self.assertNotIn("s3cret", self.stored(ring))
        self.assertNotIn("s3cret", ring.key)
        self.assertEqual(reveal(ring, "key"), "s3cret")
        ring.invalidate_recordset()
        self.assertEqual(reveal(ring, "key"), "s3cret")
        self.assertEqual(ring.read(["key"])[0]["key"], MASK)
        self.assertEqual(ring.export_data(["key"])["datas"], [[MASK]])

    def test_the_dots_change_nothing(self):
        ring = self.keys.create({"key": "s3cret"})
        ring.write({"key": MASK, "name": "MTN"})
        self.assertEqual(reveal(ring, "key"), "s3cret")
        ring.write({"key": "other"})
        self.assertEqual(reveal(ring, "key"), "other")
        ring.write({"key": False})
        self.assertFalse(self.stored(ring))
        self.assertEqual(reveal(ring, "key"), "")

    def test_is_not_copied(self):
        self.assertFalse(self.keys.create({"key": "s3cret"}).copy().key)

    def test_another_key_is_said(self):
        ring = self.keys.create({"key": "s3cret"})
        with patch.object(secret, "setting", lambda name: Fernet.generate_key().decode()), self.assertRaisesRegex(UserError, "another key"):
            reveal(ring, "key")

    def test_no_key_is_said(self):
        with patch.object(secret, "setting", lambda name: ""), self.assertRaisesRegex(UserError, "secret_key"):
            self.keys.create({"key": "s3cret"})
