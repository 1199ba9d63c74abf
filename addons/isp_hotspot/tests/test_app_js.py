# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..engine import form

APP = Path(__file__).parents[1] / "static" / "src" / "app"


def run(script, *values):
    """:return: what a module's text gives, in the engine that browsers have; it finds ``values`` in ``given`` and prints JSON"""
    source = f"const given = {json.dumps(values)};\n{script}"
    done = subprocess.run(["node", "--input-type=module"], input=source, cwd=APP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@tagged("post_install", "-at_install")
class TestRules(BaseCase):
    """One rule on the telephone and on the server."""

    def _agree(self, function, rule, texts):
        script = f'import {{ {function} as rule }} from "{APP}/rules.js"; console.log(JSON.stringify(given[0].map((args) => rule(...args))));'
        self.assertEqual(run(script, [list(args) for args in texts]), [rule(*args) for args in texts])

    def _texts(self, strategy):
        found = []

        @given(strategy)
        def collect(value):
            found.append(value)

        collect()
        self.assertGreater(len(found), 50)
        return found

    def test_wifi_password(self):
        texts = [(text,) for text in self._texts(st.text(alphabet=st.one_of(st.characters(min_codepoint=32, max_codepoint=126), st.sampled_from("é\t😀م\x7f")), max_size=70))]
        self._agree("wifiFault", form.wifi_fault, [*texts, ("",), ("x" * 8,), ("x" * 63,), ("x" * 64,)])

    def test_password(self):
        texts = self._texts(st.one_of(st.text(alphabet="ab1290 -é", max_size=20), st.sampled_from(["password12", "juba2026!", "0921234567", "+211 921 234 567", "1" * 12, "123456789012"])))
        self._agree("passwordFault", form.password_fault, [(text, "+211921234567") for text in texts] + [("x" * 200, "")])

    def test_whole_numbers(self):
        script = f'import {{ whole }} from "{APP}/rules.js"; console.log(JSON.stringify(given[0].map((text) => whole(text, 1, 50))));'
        self.assertEqual(run(script, ["1", "50", "51", "0", "٣", "1.5", "1e1", "-1", "", "1,0", "abc", " 7 "]), [1, 50, None, None, 3, None, None, None, None, 10, None, 7])

    def test_telephone_numbers(self):
        script = f'import {{ isPhone, isMtn }} from "{APP}/rules.js"; console.log(JSON.stringify(given[0].map((text) => [isPhone(text), isMtn(text)])));'
        texts = ["0921 234 567", "+211 99 123 4567", "211911234567", "00211921234567", "921234567", "٠٩٢١٢٣٤٥٦٧", "12", "", "+256772123456", "09212345678"]
        yes, other, no = [True, True], [True, False], [False, False]
        self.assertEqual(run(script, texts), [yes, yes, other, yes, yes, yes, no, no, no, no])


#: A server as the real one answers: what is sent twice is done once, and it remembers who holds what.
SERVER = """
import { fresh, give, outgoing, take, again, cancel, reserved, find, waiting } from "APP/queue.js";
class Server {
    constructor(each = 3) { this.orders = new Map(); this.sold = new Map(); this.blocked = new Set(); this.made = []; this.each = each; this.down = false; this.count = 0; }
    sync({ items, held }) {
        const answers = items.map((item) => {
            if (this.orders.has(item.uuid)) { return { uuid: item.uuid, state: "done", token: { code: this.orders.get(item.uuid) } }; }
            if (item.cancel) { this.blocked.add(item.code); return { uuid: item.uuid, state: "done", canceled: true }; }
            if (item.phone === "bad") { return { uuid: item.uuid, state: "refused", text: "no number" }; }
            if (item.code && this.sold.has(item.code)) { return { uuid: item.uuid, state: "refused", text: "given" }; }
            const code = item.code || `new${++this.count}`;
            this.orders.set(item.uuid, code); this.sold.set(code, item.uuid);
            return { uuid: item.uuid, state: "done", token: { code } };
        });
        const refused = items.filter((_item, i) => answers[i].state === "refused").map((item) => item.code);
        const free = this.made.filter((token) => !this.sold.has(token.code) && !this.blocked.has(token.code));
        while (free.length < this.each) { const token = { code: `r${++this.count}`, offer: 1 }; this.made.push(token); free.push(token); }
        const has = new Set([...held, ...refused]);
        return { items: answers, add: free.slice(0, this.each).filter((token) => !has.has(token.code)), drop: [] };
    }
}
const item = (uuid, more = {}) => ({ uuid, method: "cash", offer: 1, at: 1000, ...more });
const say = (value) => console.log(JSON.stringify(value));
""".replace("APP", str(APP))


@tagged("post_install", "-at_install")
class TestQueue(BaseCase):
    """What a telephone gave without a network: nothing is lost, nothing is given twice."""

    def test_given_from_the_reserve_then_told_once(self):
        found = run(
            SERVER
            + """
            const server = new Server();
            let state = take(fresh("d"), server.sync(outgoing(fresh("d"), 0)));
            const before = reserved(state, 1);
            state = give(state, item("a")); state = give(state, item("b")); state = give(state, item("a"));
            const codes = ["a", "b"].map((uuid) => find(state, uuid).token.code);
            const sent = outgoing(state, 61000);
            server.sync(sent);                       // its answer is lost
            state = take(state, server.sync(outgoing(state, 62000)));
            say([before, codes, sent, state.items.length, reserved(state, 1), ["a", "b"].map((uuid) => find(state, uuid).token.code), server.orders.size]);
            """
        )
        before, codes, sent, left, reserve, after, orders = found
        self.assertEqual((before, codes, left, reserve, after, orders), (3, ["r1", "r2"], 0, 3, ["r1", "r2"], 2))
        self.assertEqual(sent["held"], ["r3"])
        self.assertEqual(sent["items"][0], {"uuid": "a", "method": "cash", "offer": 1, "code": "r1", "age": 60})

    def test_refused_stays_and_its_code_is_given_to_nobody(self):
        found = run(
            SERVER
            + """
            const server = new Server();
            let state = take(fresh("d"), server.sync(outgoing(fresh("d"), 0)));
            state = give(state, item("a", { phone: "bad" }));
            state = take(state, server.sync(outgoing(state, 0)));
            const refused = find(state, "a");
            const quiet = outgoing(state, 0);
            state = take(state, server.sync(quiet));
            const codes = state.reserve.map((token) => token.code);
            const other = again(state, "a", { phone: "" });
            const told = take(other, server.sync(outgoing(other, 0)));
            say([refused.reason, quiet.items.length, codes.includes(refused.token.code), find(told, "a").token.code === refused.token.code, told.items.length]);
            """
        )
        self.assertEqual(found, ["no number", 0, False, True, 0])

    def test_taken_out_of_the_list(self):
        found = run(
            SERVER
            + """
            const server = new Server();
            let state = take(fresh("d"), server.sync(outgoing(fresh("d"), 0)));
            state = give(state, item("a", { phone: "bad" }));
            state = take(state, server.sync(outgoing(state, 0)));
            state = cancel(state, "a");
            state = take(state, server.sync(outgoing(state, 0)));
            say([state.items.length, [...server.blocked], state.reserve.some((token) => token.code === "r1"), find(state, "a") === undefined]);
            """
        )
        self.assertEqual(found, [0, ["r1"], False, True])

    def test_sold_while_the_answer_is_on_its_way(self):
        found = run(
            SERVER
            + """
            const server = new Server();
            let state = take(fresh("d"), server.sync(outgoing(fresh("d"), 0)));
            state = give(state, item("a"));
            const answer = server.sync(outgoing(state, 0));
            state = give(state, item("b"));
            state = take(state, answer);
            const queue = waiting(state).map((one) => one.uuid);
            state = take(state, server.sync(outgoing(state, 0)));
            say([queue, state.items.length, new Set(server.orders.values()).size, server.orders.size]);
            """
        )
        self.assertEqual(found, [["b"], 0, 2, 2])

    def test_price_changed_while_one_is_sold(self):
        found = run(
            SERVER
            + """
            let state = { ...fresh("d"), reserve: [{ code: "x", offer: 1 }, { code: "y", offer: 1 }] };
            state = give(state, item("a"));
            state = take(state, { items: [], add: [{ code: "z", offer: 1 }], drop: ["x", "y"] });
            say([state.reserve.map((token) => token.code), find(state, "a").token.code]);
            """
        )
        self.assertEqual(found, [["z"], "x"])

    def test_without_a_reserve_it_waits(self):
        found = run(
            SERVER
            + """
            let state = give(fresh("d"), item("a"));
            const sent = outgoing(give(state, item("b", { own: true, offer: undefined, seconds: 60 })), 1000);
            say([find(state, "a").token ?? null, sent.items, reserved(state, 1)]);
            """
        )
        self.assertEqual(found[0], None)
        self.assertEqual(found[1][1], {"uuid": "b", "method": "cash", "seconds": 60, "age": 0})

    def test_any_order_of_lost_questions_and_answers(self):
        """A thousand days with a bad network: every order is told once, with the code that was shown, and no code is shown twice."""
        found = run(
            SERVER
            + """
            let seed = 7;
            const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
            const faults = [];
            for (let day = 0; day < 1000; day++) {
                const server = new Server(1 + Math.floor(random() * 4));
                let state = take(fresh("d"), server.sync(outgoing(fresh("d"), 0)));
                const shown = new Map();
                for (let step = 0; step < 25; step++) {
                    const luck = random();
                    if (luck < 0.5) {
                        const uuid = `${day}-${step}`;
                        state = give(state, item(uuid, random() < 0.2 ? { phone: "bad" } : {}));
                        const code = find(state, uuid).token?.code;
                        if (code && [...shown.values()].includes(code)) { faults.push(`${code} twice`); }
                        if (code) { shown.set(uuid, code); }
                    } else if (luck < 0.65) {
                        server.sync(outgoing(state, 0));             // done, and the answer is lost
                    } else if (luck < 0.75) {
                        const answer = server.sync(outgoing(state, 0));
                        state = give(state, item(`${day}-${step}-late`));
                        const code = find(state, `${day}-${step}-late`).token?.code;
                        if (code && [...shown.values()].includes(code)) { faults.push(`${code} twice, late`); }
                        if (code) { shown.set(`${day}-${step}-late`, code); }
                        state = take(state, answer);
                    } else if (luck < 0.9) {
                        state = take(state, server.sync(outgoing(state, 0)));
                    } else {
                        for (const one of state.items.filter((found) => found.reason)) { state = again(state, one.uuid, { phone: "" }); }
                    }
                }
                for (const one of state.items.filter((found) => found.reason)) { state = again(state, one.uuid, { phone: "" }); }
                for (let n = 0; n < 3; n++) { state = take(state, server.sync(outgoing(state, 0))); }
                for (const one of state.items.filter((found) => found.reason)) { state = again(state, one.uuid, { phone: "" }); }
                state = take(state, server.sync(outgoing(state, 0)));
                if (state.items.length) { faults.push(`${day}: not told ${JSON.stringify(state.items)}`); }
                for (const [uuid, code] of shown) { if (server.orders.get(uuid) !== code) { faults.push(`${uuid}: ${code} was shown, ${server.orders.get(uuid)} told`); } }
            }
            say(faults.slice(0, 5));
            """
        )
        self.assertEqual(found, [])
