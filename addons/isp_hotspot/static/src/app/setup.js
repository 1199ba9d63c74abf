/* The set-up: MoMo number, WiFi name, admin WiFi password, router. Each step stands for itself and can be done again from the settings. */

import { app, call, keepSite, Refused } from "./net.js";
import { isMtn, isPhone, latin, ssidBytes, wifiFault } from "./rules.js";
import { action, choice, copy, field, form, h, header, icon, ltr, toast } from "./ui.js";
import { _t } from "./words.js";

const STEPS = ["momo", "ssid", "wifi", "router"];
const skipped = new Set();

/** The first step that is not done. */
export function firstStep() {
    const done = { momo: app.site.momo || skipped.has("momo"), ssid: app.site.ssid, wifi: app.site.wifi_password };
    return STEPS.find((step) => !done[step]);
}

/** redraw(): show the next step; finish(): to home. `one`: only this step, from the settings. */
export function setup(redraw, finish, one) {
    const step = one || firstStep();
    const screens = { momo: momoStep, ssid: ssidStep, wifi: wifiStep, router: routerStep };
    const number = STEPS.indexOf(step) + 1;
    const next = async (site) => {
        await keepSite(site);
        one ? finish() : redraw();
    };
    const later = (what) => () => {
        skipped.add(what);
        redraw();
    };
    const title = { momo: _t("MoMo number"), ssid: _t("WiFi name"), wifi: _t("Admin WiFi password"), router: _t("Router") }[step];
    const dots = h("ol.dots", { "aria-label": _t("Step %(step)s of 4", { step: number }) }, STEPS.map((_name, index) => h(index < number ? "li.on" : "li")));
    return h("div.setup", header(title, one ? true : null), one ? null : dots, screens[step](next, one ? null : later(step), finish));
}

// --- MoMo ---

function momoStep(next, later) {
    const card = h("section.card");
    let watching = true;
    const type = (text = "") => {
        const number = field(_t("MTN MoMo number"), { type: "tel", inputMode: "tel", dir: "ltr", autocomplete: "tel", placeholder: "092 123 4567", value: text || (app.site.momo ? `+${app.site.momo}` : ""), maxLength: 20 });
        const password = app.site.momo && app.me.password ? field(_t("Your password"), { type: "password", autocomplete: "current-password" }, _t("Because the money goes to this number.")) : null;
        const check = async () => {
            const typed = latin(number.input.value);
            if (!isMtn(typed)) {
                return number.say(isPhone(typed) ? _t("This is not a number of MTN South Sudan (092… or 099…): another operator's number cannot receive MoMo.") : _t("This is no telephone number. Write it as 092 123 4567."));
            }
            try {
                watch(await call("momo", { number: typed, password: password?.input.value }));
            } catch (error) {
                if (!(error instanceof Refused)) {
                    throw error;
                }
                (error.answer.password ? password || number : number).say(error.message);
            }
        };
        card.replaceChildren(h("p", _t("The money that guests pay by MoMo is paid out to this number.")), form(check, _t("Go on"), number, password), later ? h("button.link", { type: "button", onclick: later }, _t("Later: I only give away or take cash")) : "");
    };
    const watch = async (found) => {
        const since = Date.now();
        while (watching && found.state === "asking") {
            const slow = Date.now() - since > 15000;
            card.replaceChildren(h("div.wait", h("i.spin"), h("p", _t("Asking MTN whose number this is…")), ltr(`+${found.number}`, "p")), slow ? offer(found) : "");
            await new Promise((resolve) => setTimeout(resolve, 1500));
            try {
                found = await call("momo_state", { number: found.number });
            } catch (error) {
                toast(error.message, true);
            }
            if (!card.isConnected) {
                return;
            }
        }
        if (watching) {
            card.replaceChildren(offer(found));
        }
    };
    const offer = (found) => {
        const confirm = async () => {
            watching = false;
            await next(await call("momo_confirm", { number: found.number }));
        };
        const other = h("button.big.plain", { type: "button", onclick: () => { watching = true; type(`+${found.number}`); } }, _t("No, another number"));
        if (found.state === "none") {
            return h("div", h("p.bad", _t("MTN knows no MoMo wallet of this number. Register it, or take another one.")), ltr(`+${found.number}`, "p"), other);
        }
        if (found.state === "known") {
            return h("div", h("p", _t("MTN says this wallet belongs to:")), h("p.name", { dir: "auto" }, found.name), ltr(`+${found.number}`, "p"), action(_t("Yes, that is right"), confirm), other);
        }
        return h("div", h("p", _t("MTN does not tell the name now. Look at the number once more: a wrong one is paid too.")), ltr(`+${found.number}`, "p.name"), action(_t("The number is right"), confirm), other);
    };
    type();
    return card;
}

// --- WiFi name ---

function ssidStep(next) {
    const name = field(_t("Name of the WiFi (SSID)"), { value: app.site.ssid, autocapitalize: "off", autocomplete: "off", spellcheck: false, dir: "auto" }, _t("Exactly as telephones show it: guests look for this name."));
    const check = async () => {
        const text = name.input.value.trim();
        if (!text || ssidBytes(text) > 32) {
            return name.say(text ? _t("A WiFi name has at most 32 characters (Arabic: 16).") : _t("What is the name of your WiFi?"));
        }
        await next(await call("save", { values: { ssid: text } }));
    };
    return h("section.card", form(check, _t("Go on"), name));
}

// --- admin WiFi password ---

function wifiStep(next) {
    const password = field(_t("Admin WiFi password"), { type: "password", autocomplete: "off", autocapitalize: "off", spellcheck: false, maxLength: 80, dir: "ltr" }, _t("8 to 63 English letters, digits and signs."));
    const eye = h("button.icon-only", { type: "button", "aria-label": _t("Show"), onclick: () => { password.input.type = password.input.type === "password" ? "text" : "password"; } }, icon("eye"));
    password.input.after(eye);
    password.classList.add("with-icon");
    const words = {
        letters: _t("A WiFi password has English letters, digits and signs only: routers take no others."),
        short: _t("A WiFi password has at least 8 characters."),
        long: _t("A WiFi password has at most 63 characters."),
    };
    const check = async () => {
        const text = password.input.value;
        const fault = wifiFault(text);
        if (fault) {
            return password.say(words[fault]);
        }
        const site = await call("set_wifi_password", { text });
        password.input.value = "";
        await next(site);
    };
    return h("section.card", h("p", _t("The password of your own WiFi, for you and your staff. Guests never get it: they get codes. It is kept encrypted; only you can see it again, after log-in with your password.")), form(check, _t("Keep it"), password));
}

// --- router ---

function routerStep(_next, later, finish) {
    const card = h("div");
    const done = async () => {
        if (app.site.state === "new") {
            await keepSite(await call("open"));
        }
        finish();
    };
    const choose = () => {
        const kind = (title, text, go) => h("button.card.pick", { type: "button", onclick: go }, h("b", title), h("span", text));
        card.replaceChildren(
            kind("MikroTik", _t("Paste one line into the router, it sets itself up."), line),
            kind(_t("Another access point"), _t("It speaks RADIUS: type address and secret into it."), radius),
            later ? action(_t("Later"), done, "button.big.plain") : ""
        );
    };
    const back = () => h("button.link", { type: "button", onclick: choose }, _t("Another kind of router"));
    const line = () => lineScreen(card, back, done);
    const radius = () => radiusScreen(card, back, done);
    choose();
    return card;
}

const copied = (label, text) => h("div.copied", h("small", label), h("code", { dir: "ltr" }, text), h("button.icon-only", { type: "button", "aria-label": _t("Copy"), onclick: () => copy(text) }, icon("copy")));

function lineScreen(card, back, done) {
    const wifi = choice([["wlan1", "wlan1"], ["wifi1", "wifi1"], ["ether2", "ether2"], ["ether5", "ether5"], ["", _t("other")]], "wlan1", (value) => { other.hidden = value !== ""; });
    const other = field(_t("Its name"), { dir: "ltr", autocapitalize: "off", maxLength: 60 });
    other.hidden = true;
    const uplink = field(_t("The internet comes in at"), { value: "ether1", dir: "ltr", autocapitalize: "off", maxLength: 60 });
    const address = field(_t("Address of the router on the internet"), { inputMode: "decimal", dir: "ltr", placeholder: "197.0.2.14" });
    address.hidden = true;
    const make = async () => {
        try {
            show(await call("router_line", { interface: wifi.value || other.input.value, uplink: uplink.input.value, address: address.input.value }));
        } catch (error) {
            if (!(error instanceof Refused)) {
                throw error;
            }
            address.hidden = false;
            address.say(error.message);
        }
    };
    const show = (found) => {
        const steps = h("ol.steps");
        card.replaceChildren(
            h("section.card",
                h("p", _t("Open the router (WinBox or its web page), choose New Terminal, paste this line and press Enter:")),
                copied(_t("One line, good once, for %(minutes)s minutes", { minutes: found.minutes }), found.line),
                action(_t("Copy the line"), () => copy(found.line))),
            h("section.card", h("h2", _t("How far it is")), steps),
            action(_t("Go on"), done, "button.big.plain"), action(_t("Make a new line"), make, "button.link"), back());
        watch(card, steps, found, async () => call("router_state"), (state) => {
            steps.replaceChildren(...state.steps.map((step) => h(`li.${step.state}`, h("b", step.label), step.text ? h("small", { dir: "auto" }, step.text) : null)));
            return state.health === "good";
        });
    };
    card.replaceChildren(h("section.card", form(make, _t("Make the line"), h("p", _t("Where are your guests?")), wifi, other, uplink, address)), back());
}

function radiusScreen(card, back, done) {
    const address = field(_t("Address of the router on the internet"), { inputMode: "decimal", dir: "ltr", placeholder: "197.0.2.14" }, _t("Blank: the one this telephone has now. Be in the router's own WiFi then, without mobile data."));
    const make = async () => {
        try {
            show(await call("router_radius", { address: latin(address.input.value).trim() }));
        } catch (error) {
            if (!(error instanceof Refused)) {
                throw error;
            }
            address.say(error.message);
        }
    };
    const show = (found) => {
        const heard = h("div.heard");
        card.replaceChildren(
            h("section.card", h("p", _t("Type this into the access point, where it asks for a RADIUS server:")),
                copied(_t("Server"), found.server), copied(_t("Port for log-ins"), found.auth), copied(_t("Port for accounting"), found.acct), copied(_t("Secret"), found.secret),
                copied(_t("Page for guests (external portal)"), found.portal), copied(_t("Let through before the log-in"), found.host),
                h("small.hint", _t("Its own page has to ask for user and password; guests type the code into both. Switch accounting on: devices, data and time online are counted by it.")),
                h("small.hint", _t("We expect it from"), " ", ltr(found.address))),
            h("section.card", heard), action(_t("Go on"), done, "button.big.plain"), back());
        watch(card, heard, found, async () => call("router_heard"), (state) => {
            heard.className = state.heard ? "heard good" : "heard";
            heard.replaceChildren(...(state.heard
                ? [h("b", _t("It works: a packet has come."))]
                : [h("i.spin"), h("b", _t("Waiting for its first packet…")), h("p", _t("Join the guests' WiFi with a telephone and try any code. Nothing comes? Look at address, ports and secret, and whether UDP is let through."))]));
            return state.heard;
        });
    };
    card.replaceChildren(h("section.card", form(make, _t("Show what to type in"), address)), back());
}

/** Ask again every 3 seconds while this is on the screen and not well. */
async function watch(card, node, state, question, draw) {
    let well = draw(state);
    while (!well) {
        await new Promise((resolve) => setTimeout(resolve, 3000));
        if (!node.isConnected || !card.isConnected) {
            return;
        }
        try {
            well = draw(await question());
        } catch {
            // No network for a moment: the next look tells.
        }
    }
}
