# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import socket
import struct
import threading
import time
from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import BaseCase

from ..drivers import DRIVERS, Message, Refused, Settings, Unknown, Unreachable
from ..engine.octets import parts
from ..engine.segments import segments
from .common import GatewaysCase

ONE, TWO = "+211921234567", "+211981234567"


def message(text="Hello", number=ONE):
    encoding, _units, count = segments(text)
    return Message(uuid="a" * 32, number=number, text=text, sender="JubaNet", encoding=encoding, parts=count)


class TestSmppDriver(GatewaysCase):
    """The driver alone against the simulated centre."""

    def driver(self, **values):
        options = {"receipts": True, **values.pop("options", {})}
        settings = Settings(**{"url": self.gateways.smpp_url, "username": "jubanet", "password": "secret12", "timeout": 3, "options": options, **values})
        made = DRIVERS["smpp"](settings)
        self.addCleanup(made.close)
        return made

    def fault(self, **values):
        self.gateways.control("faults", **values)

    def raises(self, kind, call):
        with self.assertRaises(kind) as caught:
            call()
        return caught.exception

    def test_texts_arrive_as_they_were_written(self):
        driver = self.driver()
        texts = ["Pay 5€ {now} @ [desk]", "مرحبا، تم استلام الدفعة", "a" * 152 + "€" + "b" * 200, "م" * 66 + "😀" + "م" * 90, "é" * 161, "1\f2~^|\\"]
        references = [driver.send(message(text)).reference for text in texts]
        found = self.gateways.arrived("smpp")
        self.assertEqual([m["text"] for m in found], texts)
        self.assertEqual([m["parts"] for m in found], [segments(text)[2] for text in texts])
        self.assertEqual([m["ids"][-1].lstrip("0") for m in found], references)
        self.assertEqual({m["number"] for m in found}, {ONE[1:]})

    def test_only_the_last_part_is_reported(self):
        driver = self.driver()
        reference = driver.send(message("a" * 400)).reference
        (receipt,) = driver.poll(3)
        self.assertEqual((receipt.state, receipt.reference, receipt.number), ("delivered", reference, ONE))

    def test_receipts_stay_until_they_are_safe(self):
        self.fault(receipt_window=2)
        driver = self.driver()
        references = [driver.send(message()).reference for _n in range(5)]
        first = driver.poll(3)
        driver.close()  # killed before it was kept: they come again
        again, got = self.driver(), []
        while found := again.poll(1):
            got += found
            again.confirm()
        self.assertLessEqual(len(first), 2)
        self.assertEqual({receipt.reference for receipt in got}, set(references))
        self.assertLessEqual({receipt.key for receipt in first}, {receipt.key for receipt in got})
        self.assertEqual(self.gateways.waiting(), [])

    def test_ids_in_two_ways_of_writing(self):
        for answer, told, ids in (("hex", "decimal", "hex_dec"), ("decimal", "hex", "dec_hex"), ("text", "text", "same"), ("hex", "hex", "same")):
            for tlv in (True, False):
                self.fault(id_format=answer, receipt_id_format=told, receipt_tlv=tlv)
                driver = self.driver(options={"ids": ids})
                reference = driver.send(message()).reference
                (receipt,) = driver.poll(3)
                driver.confirm()
                self.assertEqual((receipt.reference, receipt.state), (reference, "delivered"), (answer, told, tlv))
                driver.close()

    def test_fates(self):
        states = {"DELIVRD": "delivered", "EXPIRED": "expired", "DELETED": "failed", "UNDELIV": "failed", "ACCEPTD": "accepted", "UNKNOWN": "", "REJECTD": "undeliverable"}
        for text in (True, False):
            self.fault(receipt_text=text)
            for word, state in states.items():
                self.gateways.control("fates", **{ONE: word})
                driver = self.driver()
                driver.send(message())
                (receipt,) = driver.poll(3)
                driver.confirm()
                driver.close()
                self.assertEqual((receipt.state, receipt.text[:7]), (state, word))

    def test_throttled_waits_and_goes_on(self):
        driver = self.driver()
        for status in (0x58, 0x14):
            self.fault(submit_status=status, submit_times=1)
            self.assertTrue(driver.send(message()).reference)
        self.assertEqual(len(self.gateways.arrived()), 2)

    def test_what_refusals_mean(self):
        for status, kind, code in (
            (0x0B, Refused, "number"), (0x45, Refused, "0x45"), (0x401, Refused, "0x401"), (0x0A, Unreachable, "sender"),
            (0x08, Unreachable, "0x8"), (0x04, Unreachable, "0x4"),
        ):  # fmt: skip
            self.fault(submit_status=status, submit_times=1)
            error = self.raises(kind, lambda: self.driver().send(message()))
            self.assertEqual(error.code, code)
        self.assertEqual(self.gateways.arrived(), [])

    def test_half_a_message_is_of_unknown_fate(self):
        self.fault(submit_status=0x08, submit_times=1, submit_from=2)
        error = self.raises(Unknown, lambda: self.driver().send(message("a" * 400)))
        self.assertIn("1/3", error.text)

    def test_a_line_that_breaks_after_it_was_sent(self):
        for fault in ("silence", "cut"):
            self.fault(**{fault: 1})
            driver = self.driver()
            self.raises(Unknown, lambda d=driver: d.send(message()))
            self.assertTrue(driver.send(message()).reference)  # a new connection, by itself
        self.assertEqual(len(self.gateways.arrived()), 4)

    def test_the_centre_ends_the_session(self):
        self.fault(unbind_after=1)
        driver = self.driver()
        for _n in range(3):
            driver.send(message())
            time.sleep(0.2)
        self.assertEqual(len(self.gateways.arrived()), 3)

    def test_bind(self):
        for values, word in (({"password": "wrong"}, "Invalid Password"), ({"username": "nobody"}, "Invalid System ID"), ({"password": "much-too-long"}, "8 characters")):
            self.assertIn(word, self.raises(Unreachable, lambda v=values: self.driver(**v).send(message())).text)
        self.raises(Unreachable, lambda: self.driver(url="smpp://127.0.0.1:9").send(message()))
        self.raises(Unreachable, lambda: self.driver(url=f"smpps://127.0.0.1:{self.gateways.smpp_port}").send(message()))
        self.fault(refuse_connections=True)
        self.raises(Unreachable, lambda: self.driver().send(message()))
        self.assertEqual(self.gateways.arrived(), [])

    def test_two_connections(self):
        driver = self.driver(options={"bind": "split"})
        self.assertEqual(driver.test(), "")
        reference = driver.send(message()).reference
        self.assertEqual([receipt.reference for receipt in driver.poll(3)], [reference])

    def test_octets_are_the_parts_that_were_counted(self):
        for text in ("a" * 160, "€" * 81, "م" * 71, "a" * 152 + "€" * 90, "😀" * 70):
            encoding, _units, count = segments(text)
            made = parts(text, encoding, 1)
            self.assertEqual(len(made), count)
            self.assertTrue(all(len(part) <= (160 if encoding == "gsm" else 140) for part in made))


class TestRudeCentre(BaseCase):
    """A centre that says what the library does not know."""

    def centre(self, *answers):
        """Binds, then tells ``answers``: functions of the sequence of the first request after it."""
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        seen = []

        def serve():
            line, _address = server.accept()
            stream = line.makefile("rb")
            for answer in (bind, *answers):
                head = stream.read(16)
                if len(head) < 16:
                    return
                length, command, _status, sequence = struct.unpack(">LLLL", head)
                seen.append((command, stream.read(length - 16)))
                line.sendall(answer(sequence))
            time.sleep(0.3)
            line.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 5)
        made = DRIVERS["smpp"](Settings(url=f"smpp://127.0.0.1:{server.getsockname()[1]}", username="u", password="p", timeout=2, options={"receipts": True}))
        self.addCleanup(made.close)
        return made, seen

    def test_vendor_parameters_and_commands(self):
        receipt = b"\0\1\1" + b"211\0\0\0JubaNet\0" + bytes([4, 0, 0, 0, 0, 0, 0, 0, 0, 0]) + struct.pack(">HH", 0x1403, 3) + b"abc" + struct.pack(">HH", 0x0423, 3) + b"\3\0\1"
        receipt += struct.pack(">HH", 0x1E, 4) + b"77x\0" + struct.pack(">HH", 0x427, 1) + b"\2" + b"\x14"
        driver, seen = self.centre(lambda sequence: pdu(0x103, 5) + pdu(0x05, 6, receipt) + pdu(0x9999, 7) + pdu(0x80000004, sequence, b"77X\0" + struct.pack(">HH", 0x1501, 0)))
        self.assertEqual(driver.send(message()).reference, "77x")
        (told,) = driver.poll()
        self.assertEqual((told.state, told.reference, told.number), ("delivered", "77x", "+211"))

    def test_nack_and_rubbish(self):
        driver, _seen = self.centre(lambda sequence: pdu(0x80000000, sequence, status=3))
        with self.assertRaises(Refused):
            driver.send(message())
        for rubbish in (b"\0\0\0\1" * 4, b"HTTP/1.1 400 Bad Request\r\n\r\n", b""):
            driver, _seen = self.centre(lambda _sequence, r=rubbish: r)
            with self.assertRaises(Unknown):
                driver.send(message())


def pdu(command, sequence, body=b"", status=0):
    return struct.pack(">LLLL", 16 + len(body), command, status, sequence) + body


def bind(sequence):
    return pdu(0x80000009, sequence, b"centre\0")


class TestSmppGateway(GatewaysCase):
    """In the log: sent, reported, in doubt, checked."""

    def setUp(self):
        super().setUp()
        self.way = self.make("smpp", price=20)

    def read_all(self):
        """Until the centre has no receipt left, however slow this machine is."""
        for _n in range(30):
            self.dispatch()
            if not self.gateways.waiting():
                break
        self.env["isp.sms.receipt"]._reopen()
        self.read_reports()
        self.env.invalidate_all()

    def test_sent_and_reported_when_nothing_is_sent_too(self):
        self.gateways.control("faults", receipt_delay=0.5)
        found = self.enqueue(ONE, TWO, body="a" * 200)
        self.dispatch()
        self.assertEqual(set(found.mapped("state")), {"accepted"})
        self.assertEqual((found[0].cost, found[0].parts, self.way.connections), (40, 2, 1))
        time.sleep(0.6)
        self.read_all()
        self.assertEqual(set(found.mapped("state")), {"delivered"})
        self.assertEqual(self.gateways.waiting(), [])

    def test_out_of_order_doubled_and_for_nobody(self):
        self.gateways.control("fates", **{TWO: "UNDELIV"})
        self.gateways.control("faults", receipts="twice", enroute=True)
        self.gateways.control("receipt", account="jubanet", id="4711", number="211920000000", stat="DELIVRD")
        one, two = self.enqueue(ONE, TWO)
        self.read_all()
        self.assertEqual((one.state, two.state, two.error), ("delivered", "failed", "UNDELIV 011"))
        self.assertEqual(set(self.env["isp.sms.receipt"].search([("reference", "=", "4711")]).mapped("state")), {"unmatched"})

    def test_a_report_proves_what_was_not_answered(self):
        self.gateways.control("faults", silence=1)
        sent = self.enqueue(ONE)
        self.read_all()
        self.assertEqual((sent.state, bool(sent.reference)), ("delivered", True))
        self.assertEqual(len(self.gateways.arrived()), 1)

    def test_without_a_report_a_person_decides(self):
        self.gateways.control("faults", silence=1, receipts="never")
        sent = self.enqueue(ONE)
        self.dispatch()
        sent.next_try = fields.Datetime.now() - timedelta(seconds=1)
        self.dispatch()
        self.assertEqual((sent.state, len(self.gateways.arrived())), ("unknown", 1))

    def test_a_report_before_the_reference_is_matched_later(self):
        self.gateways.control("receipt", account="jubanet", id="27439045", number="211929999999", stat="DELIVRD")
        self.read_all()
        early = self.env["isp.sms.receipt"].search([("reference", "=", "27439045")])
        self.assertEqual(early.state, "unmatched")
        sent = self.enqueue(ONE)
        self.env.cr.execute("UPDATE isp_sms_message SET state = 'accepted', gateway_id = %s, reference = '27439045' WHERE id = %s", [self.way.id, sent.id])
        self.read_all()
        self.assertEqual((early.state, sent.state), ("done", "delivered"))

    def test_connection_test_in_plain_words(self):
        self.assertIn("params", self.way.action_test())
        for values, word in (({"password": "wrong"}, "user name and password"), ({"url": "smpp://127.0.0.1:9"}, "Nobody listens"), ({"url": "smpp://nobody.invalid"}, "name in the address")):
            other = self.make("smpp", **values)
            with self.assertRaisesRegex(UserError, word):
                other.action_test()

    def test_what_is_checked_when_saved(self):
        for values in ({"url": "http://x"}, {"url": "smpp://"}, {"url": False}, {"sender": "TwelveLetter"}, {"sender": "جوبا"}, {"url": "smpp://h:99999"}):
            with self.assertRaises(ValidationError):
                self.make("smpp", **values)
