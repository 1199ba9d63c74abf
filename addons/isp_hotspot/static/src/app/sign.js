/* Log in, or sign up, with the telephone's number. */

import { call, COMPANY, Refused } from "./net.js";
import { isPhone, latin } from "./rules.js";
import { choice, field, form, h, icon, ltr } from "./ui.js";
import { _t, lang, languages, speak } from "./words.js";

const shown = { number: "", step: "number", wait: 0 };

/** enter(me): called when somebody is logged in. redraw(): show this screen anew. */
export function sign(enter, redraw, note = "") {
    const steps = { number: askNumber, code: askCode, password: askPassword };
    const go = (step) => {
        shown.step = step;
        redraw();
    };
    return h(
        "div.sign",
        h("div.hero", languages.length > 1 ? choice(languages, lang(), async (code) => { await speak(code); redraw(); }, _t("Language")) : null, icon("wifi"), h("h1", _t("Your WiFi earns money")), h("p", _t("Give and sell internet by the hour: one code for each guest."))),
        h("section.card", note ? h("p.note", note) : null, steps[shown.step](enter, go)),
        h("footer", COMPANY)
    );
}

function numberField() {
    const input = field(_t("Your telephone number"), { type: "tel", inputMode: "tel", autocomplete: "tel", dir: "ltr", placeholder: "092 123 4567", value: shown.number, maxLength: 20 });
    input.take = () => {
        shown.number = latin(input.input.value).trim();
        const good = isPhone(shown.number);
        input.say(good ? "" : _t("This is no telephone number. Write it as 092 123 4567."));
        return good;
    };
    return input;
}

function askNumber(_enter, go) {
    const number = numberField();
    const send = async () => {
        if (number.take()) {
            await sendCode();
            go("code");
        }
    };
    return h("div", form(send, _t("Send me a code"), number), h("button.link", { type: "button", onclick: () => { number.take(); go("password"); } }, _t("Log in with a password")));
}

async function sendCode() {
    const { wait } = await call("code", { number: shown.number });
    shown.wait = Date.now() + wait * 1000;
}

function askCode(enter, go) {
    const code = field(_t("The code from the SMS"), { inputMode: "numeric", autocomplete: "one-time-code", dir: "ltr", className: "digits", maxLength: 6, placeholder: "••••••" });
    const check = async () => {
        const typed = latin(code.input.value).replace(/\D/g, "");
        if (typed.length !== 6) {
            return code.say(_t("The code has 6 digits."));
        }
        await logIn({ code: typed }, code, enter);
    };
    const filled = form(check, _t("Go on"), h("p", _t("We sent a code by SMS to"), " ", ltr(shown.number), ". ", _t("It may take a minute.")), code);
    code.input.addEventListener("input", () => latin(code.input.value).replace(/\D/g, "").length === 6 && filled.requestSubmit());
    const more = h("button.link", { type: "button" });
    more.onclick = async () => {
        try {
            await sendCode();
            go("code");
        } catch (error) {
            code.say(error.message);
        }
    };
    const tick = () => {
        const rest = Math.ceil((shown.wait - Date.now()) / 1000);
        more.disabled = rest > 0;
        more.textContent = rest > 0 ? _t("Send another one in %(seconds)s s", { seconds: rest }) : _t("Send another one");
        if (rest > 0) {
            setTimeout(() => more.isConnected && tick(), 1000);
        }
    };
    tick();
    setTimeout(() => code.input.focus());
    return h("div", filled, more, h("button.link", { type: "button", onclick: () => go("number") }, _t("Another number")));
}

function askPassword(enter, go) {
    const number = numberField();
    const password = field(_t("Password"), { type: "password", autocomplete: "current-password", maxLength: 128 });
    const check = async () => {
        if (number.take()) {
            await logIn({ password: password.input.value }, password, enter);
        }
    };
    return h("div", form(check, _t("Log in"), number, password), h("button.link", { type: "button", onclick: () => go("number") }, _t("New here, or password forgotten? Get a code by SMS")));
}

async function logIn(proof, input, enter) {
    try {
        const me = await call("login", { number: shown.number, ...proof });
        if (me.totp) {
            location.href = me.totp;
            return;
        }
        shown.step = "number";
        await enter(me);
    } catch (error) {
        if (!(error instanceof Refused)) {
            throw error;
        }
        input.input.value = "";
        input.say(error.message);
    }
}

