# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The simulated SMS gateways answer any client as the public documents say; here those that are not ours: smpplib, a plain socket, requests."""

import contextlib
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm
from stack.shell import choose_port, wait_for
from stack.sms_gateways import SmsGateways

from simulators.sms.africastalking import ACCOUNTS
from simulators.sms.smsc import ACCOUNT

NUMBER = "211921234567"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    port = choose_port(18791, set())
    service = SmsGateways(tmp_path_factory.mktemp("sms"), port, choose_port(12775, {port}))
    service.start()
    yield service
    service.stop()


@pytest.fixture
def sms(service):
    control(service, "reset")
    return service


def control(sms, path, **values):
    answer = requests.post(f"{sms.url}/_control/{path}", json=values, timeout=10)
    assert answer.ok, answer.text
    return answer.json()


def arrived(sms, way=""):
    return requests.get(f"{sms.url}/_control/messages", params={"way": way}, timeout=10).json()["messages"]


class Esme:
    """smpplib as its users use it."""

    def __init__(self, sms, mode="transceiver", **bind):
        self.client = smpplib.client.Client("127.0.0.1", sms.smpp_port, timeout=5, allow_unknown_opt_params=True)
        self.got, self.answers = [], []
        self.client.set_message_received_handler(lambda pdu: self.got.append(pdu) and None)
        self.client.set_message_sent_handler(lambda pdu: self.answers.append(pdu.message_id.decode()))
        bind = {"system_id": ACCOUNT["system_id"], "password": ACCOUNT["password"], **bind}
        try:
            self.client.connect()
            getattr(self.client, f"bind_{mode}")(**bind)
        except Exception:
            self.client.state = smpplib.consts.SMPP_CLIENT_STATE_OPEN
            self.client.disconnect()
            raise

    def send(self, text="Hello", number=NUMBER, **more):
        parts, coding, esm_class = smpplib.gsm.make_parts(text)
        for part in parts:
            self.client.send_message(
                **{"source_addr_ton": 5, "source_addr": "JubaNet", "dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": number,
                   "short_message": part, "data_coding": coding, "esm_class": esm_class, "registered_delivery": True, **more}
            )  # fmt: skip
            count = len(self.answers)
            while len(self.answers) == count:
                self.client.read_once(auto_send_enquire_link=False)
        return self.answers[-len(parts) :]

    def receive(self, count=1):
        while len(self.got) < count:
            self.client.read_once(auto_send_enquire_link=False)
        return [pdu.short_message.decode() for pdu in self.got]

    def close(self):
        with contextlib.suppress(smpplib.exceptions.ConnectionError):
            self.client.unbind()
        self.client.disconnect()


@pytest.fixture
def esme(sms):
    made = []

    def make(*args, **kwargs):
        made.append(Esme(sms, *args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        with contextlib.suppress(Exception):
            one.close()


class TestSmpp:
    def test_bind_is_refused_with_the_right_status(self, sms, esme):
        for values, status in (({"system_id": "nobody"}, 0x0F), ({"password": "wrong"}, 0x0E)):
            with pytest.raises(smpplib.exceptions.PDUError) as error:
                esme(**values)
            assert error.value.args[1] == status
        control(sms, "faults", bind_status=0x0D)
        with pytest.raises(smpplib.exceptions.PDUError, match="Bind Failed"):
            esme()

    def test_a_message_and_its_receipt(self, sms, esme):
        client = esme()
        (key,) = client.send("Your token is 4711 {€}")
        (message,) = arrived(sms, "smpp")
        assert (message["text"], message["number"], message["sender"]) == ("Your token is 4711 {€}", NUMBER, "JubaNet")
        (text,) = client.receive()
        assert text.startswith(f"id:{key} sub:001 dlvrd:001 submit date:") and "stat:DELIVRD err:000" in text
        pdu = client.got[0]
        assert pdu.receipted_message_id.decode() == key and pdu.message_state == 2 and pdu.esm_class == 4 and pdu.source_addr.decode() == NUMBER
        wait_for(lambda: not requests.get(f"{sms.url}/_control/receipts", timeout=5).json()["receipts"], 10, "the acknowledgement")

    def test_parts_become_one_on_the_telephone(self, sms, esme):
        client = esme()
        client.send("مرحبا " * 40)
        client.send("a" * 400)
        first, second = arrived(sms, "smpp")
        assert (first["text"], first["parts"], first["complete"]) == ("مرحبا " * 40, 4, True)
        assert (second["text"], second["parts"], len(second["ids"])) == ("a" * 400, 3, 3)

    def test_sar_and_payload(self, sms, esme):
        client = esme()
        for n, text in enumerate((b"One ", b"two"), 1):
            client.send("x", short_message=text, sar_msg_ref_num=7, sar_total_segments=2, sar_segment_seqnum=n)
        client.send("x", short_message=None, message_payload=b"long " * 100)
        assert [m["text"] for m in arrived(sms, "smpp")] == ["One two", "long " * 100]

    def test_fates_formats_and_order(self, sms, esme):
        control(sms, "fates", **{NUMBER: "UNDELIV", "211921000009": "REJECTD"})
        control(sms, "faults", id_format="hex", receipt_id_format="decimal", receipts="twice", receipts_reversed=4, receipt_tlv=False)
        client = esme()
        first, second = client.send(), client.send(number="211921000009")
        texts = client.receive(4)
        assert [("REJECTD" in t, "UNDELIV" in t) for t in texts] == [(True, False)] * 2 + [(False, True)] * 2
        assert f"id:{int(second[0], 16):010d} " in texts[0] and f"id:{int(first[0], 16):010d} " in texts[3]
        assert not getattr(client.got[0], "receipted_message_id", None)

    def test_receipts_wait_for_a_receiver(self, sms, esme):
        sender = esme("transmitter")
        (key,) = sender.send()
        sender.close()
        lazy = smpplib.client.Client("127.0.0.1", sms.smpp_port, timeout=5, allow_unknown_opt_params=True)
        lazy.connect()
        lazy.bind_receiver(system_id=ACCOUNT["system_id"], password=ACCOUNT["password"])
        assert lazy.read_pdu().command == "deliver_sm"  # taken, and not acknowledged
        lazy._socket.close()
        lazy._socket = None
        assert f"id:{key} " in esme("receiver").receive()[0]

    def test_throttled_full_and_silent(self, sms, esme):
        client = esme()
        control(sms, "faults", rate=2)
        with pytest.raises(smpplib.exceptions.PDUError) as error:
            for _n in range(6):
                client.send()
        assert error.value.args[1] == 0x58
        control(sms, "faults", rate=0, submit_status=0x14, submit_times=1)
        with pytest.raises(smpplib.exceptions.PDUError) as error:
            client.send()
        assert error.value.args[1] == 0x14
        count = len(arrived(sms, "smpp"))
        for fault in ("silence", "cut"):
            control(sms, "faults", **{fault: 1})
            with pytest.raises(smpplib.exceptions.ConnectionError):
                esme().send()
        assert len(arrived(sms, "smpp")) == count + 2

    def test_bad_messages_are_refused(self, sms, esme):
        client = esme()
        for values, status in (
            ({"destination_addr": "+211921234567"}, 0x0B), ({"source_addr": "TooLongASender"}, 0x0A), ({"short_message": b"\xff"}, 0x01),
            ({"short_message": b"a" * 161}, 0x01), ({"data_coding": 8, "short_message": b"abc"}, 0x01), ({"data_coding": 4}, 0x104),
            ({"esm_class": 0x40, "short_message": b"\x05"}, 0x43), ({"priority_flag": 9}, 0x06),
        ):  # fmt: skip
            with pytest.raises(smpplib.exceptions.PDUError) as error:
                client.send(**values)
            assert error.value.args[1] == status, values
        with pytest.raises(smpplib.exceptions.PDUError) as error:
            esme("receiver").client.send_message(source_addr="x", destination_addr=NUMBER, short_message=b"x")
        assert not arrived(sms)

    def test_octets(self, sms):
        """What a plain socket sees."""

        def ask(*pdus):
            with socket.create_connection(("127.0.0.1", sms.smpp_port), 5) as line:
                for command, body in pdus:
                    line.sendall(struct.pack(">LLLL", 16 + len(body), command, 0, 77) + body)
                head = b""
                while len(head) < 16:
                    head += line.recv(16 - len(head))
                return struct.unpack(">LLLL", head)

        assert ask((0x15, b"")) == (16, 0x80000015, 0, 77)
        assert ask((0x99, b"")) == (16, 0x80000000, 0x03, 77)
        assert ask((0x04, b"\0" * 20))[1:3] == (0x80000004, 0x04)
        assert ask((0x09, b"no end"))[1:3] == (0x80000009, 0x0F)
        with socket.create_connection(("127.0.0.1", sms.smpp_port), 5) as line:
            line.sendall(struct.pack(">LLLL", 5, 0x15, 0, 1))
            assert struct.unpack(">LLLL", line.recv(16))[1:3] == (0x80000000, 0x02) and line.recv(1) == b""

    def test_query(self, sms, esme):
        client = esme()
        (key,) = client.send()
        told = []
        client.client.set_query_resp_handler(told.append)
        client.client.query_message(message_id=key, source_addr="JubaNet")
        while not told:
            client.client.read_once(auto_send_enquire_link=False)
        assert told[0].message_state == 2


class TestAfricasTalking:
    def send(self, sms, key=ACCOUNTS[0]["apiKey"], accept="application/json", **form):
        form = {"username": "jubanet", "to": f"+{NUMBER}", "message": "Hello", "from": "JubaNet", **form}
        return requests.post(f"{sms.url}/version1/messaging", data={k: v for k, v in form.items() if v is not None}, headers={"apiKey": key, "Accept": accept}, timeout=10)

    def test_many_numbers_one_answer(self, sms):
        control(sms, "codes", **{"211921000003": 406})
        answer = self.send(sms, to=f"+{NUMBER},+211921000002,+211921000003,0921")
        assert answer.status_code == 201
        data = answer.json()["SMSMessageData"]
        assert data["Message"] == "Sent to 2/4 Total Cost: UGX 70.0000"
        assert [(r["statusCode"], r["status"], r["cost"]) for r in data["Recipients"]] == [
            (101, "Success", "UGX 35.0000"), (101, "Success", "UGX 35.0000"), (406, "UserInBlacklist", "0"), (403, "InvalidPhoneNumber", "0")
        ]  # fmt: skip
        assert data["Recipients"][0]["messageId"].startswith("ATXid_") and data["Recipients"][2]["messageId"] == "None"
        balance = requests.get(f"{sms.url}/version1/user", params={"username": "jubanet"}, headers={"apiKey": ACCOUNTS[0]["apiKey"], "Accept": "application/json"}, timeout=10)
        assert balance.json() == {"UserData": {"balance": "UGX 9930.0000"}}
        assert [m["text"] for m in arrived(sms, "africastalking")] == ["Hello", "Hello"]

    def test_xml_queue_and_refusals(self, sms):
        xml = self.send(sms, accept="application/xml", enqueue=1).text
        assert "<statusCode>102</statusCode>" in xml and "<AfricasTalkingResponse>" in xml
        assert self.send(sms, key="no").status_code == 401
        assert self.send(sms, to=None).status_code == 400
        assert self.send(sms, username=None).status_code == 400
        assert self.send(sms, **{"from": "Stranger"}).json()["SMSMessageData"] == {"Message": "InvalidSenderId", "Recipients": []}
        control(sms, "account/africastalking", username="jubanet", balance=10)
        assert self.send(sms).json()["SMSMessageData"]["Recipients"][0]["statusCode"] == 405
        control(sms, "faults", fail_status=503, fail_times=1)
        assert [self.send(sms).status_code for _n in range(2)] == [503, 201]

    def test_delivery_report(self, sms, listener):
        seen, url = listener
        control(sms, "account/africastalking", username="jubanet", callback=f"{url}/dlr")
        control(sms, "fates", **{NUMBER: "UNDELIV"})
        key = self.send(sms).json()["SMSMessageData"]["Recipients"][0]["messageId"]
        wait_for(lambda: seen, 10, "the report")
        method, path, form = seen[0]
        assert (method, path) == ("POST", "/dlr")
        assert form == {"id": key, "status": "Failed", "phoneNumber": f"+{NUMBER}", "networkCode": "65902", "retryCount": "0", "failureReason": "AbsentSubscriber"}


class TestGeneric:
    def test_words_and_json(self, sms, listener):
        seen, url = listener
        form = {"user": "jubanet", "pass": "secret", "to": NUMBER, "text": "مرحبا", "ref": "r1", "dlr": f"{url}/back?x=1"}
        assert requests.get(f"{sms.url}/send", params=form, timeout=10).text.startswith("OK h")
        assert requests.post(f"{sms.url}/send", data={**form, "pass": "no"}, timeout=10).text.startswith("ERR 101")
        wait_for(lambda: seen, 10, "the report")
        method, path, query = seen[0]
        assert (method, path, query["x"], query["status"], query["ref"]) == ("GET", "/back", "1", "DELIVRD", "r1")
        call = lambda token, **body: requests.post(f"{sms.url}/api/messages", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=10)  # noqa: E731
        assert call("no", to=NUMBER, text="x").status_code == 401
        assert call("t0ken", to="abc", text="x").status_code == 422
        assert call("t0ken", to=NUMBER, text="x").json()["status"] == "queued"
        assert [m["text"] for m in arrived(sms, "http")] == ["مرحبا", "x"]


@pytest.fixture
def listener():
    """Keeps (method, path, values) of what is called back. :return: (list, its address)"""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            address = urlsplit(self.path)
            values = {name: value[-1] for name, value in parse_qs(f"{address.query}&{body}", keep_blank_values=True).items()}
            seen.append((self.command, address.path, values))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield seen, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
