/* Give or sell a token: the form, the code that comes of it, and the wait for MoMo. */

import { app, Away, call, change, sync, trySync, uuid } from "./net.js";
import { find, give as take, reserved } from "./queue.js";
import { isMtn, isPhone, latin, whole } from "./rules.js";
import { action, choice, copy, field, form, h, header, icon, listenWhile, ltr, money, qr, span, toast, when } from "./ui.js";
import { _t, lang, languages } from "./words.js";

const OWN = "own";
const UNITS = () => [["60", _t("minutes")], ["3600", _t("hours")], ["86400", _t("days")]];

// --- the form ---

export function give() {
    const state = { method: "free", offer: app.site.offers[0]?.id ?? OWN };
    const box = h("div");
    const draw = () => box.replaceChildren(...formParts(state, draw));
    draw();
    return h("div", header(_t("Give a token")), box);
}

function formParts(state, draw) {
    const methods = choice([["free", _t("Free")], ["cash", _t("Cash")], ["momo", _t("MoMo")]], state.method, (method) => { keep(); state.method = method; draw(); }, _t("How is it paid?"));
    const offers = choice([...app.site.offers.map((offer) => [offer.id, offer.name]), [OWN, _t("Own time")]], state.offer, (offer) => { keep(); state.offer = offer; state.price = undefined; draw(); }, _t("For how long?"));
    offers.classList.add("offers");
    const offer = app.site.offers.find((one) => one.id === state.offer);
    [...offers.children].forEach((button, index) => {
        const one = app.site.offers[index];
        if (one?.price && state.method !== "free") {
            button.append(h("small", money(one.price)));
        }
    });
    const phone = field(state.method === "momo" ? _t("Telephone that pays") : _t("Telephone of the guest"), { type: "tel", inputMode: "tel", dir: "ltr", autocomplete: "off", placeholder: "092 123 4567", value: state.phone || "", maxLength: 20 }, state.method === "momo" ? _t("It is asked for the PIN, and gets the code by SMS.") : _t("Gets the code by SMS. May stay blank."));
    const price = state.method === "free" ? null : field(_t("Price"), { inputMode: "numeric", dir: "ltr", value: state.price ?? (offer?.price || ""), maxLength: 10 }, app.site.currency.name);
    const count = field(_t("How many"), { inputMode: "numeric", dir: "ltr", value: state.count || "1", maxLength: 4 });
    const unit = choice(UNITS(), state.unit || "3600");
    const speech = languages.length > 1 ? choice(languages, state.lang || lang(), null, _t("Language of the SMS")) : null;
    const to = state.method === "momo" ? field(_t("SMS to another telephone"), { type: "tel", inputMode: "tel", dir: "ltr", value: state.to || "", maxLength: 20 }, _t("Blank: to the one that pays.")) : null;
    const more = moreParts(state, offer, [speech && h("div.field", h("label", _t("Language of the SMS")), speech), to]);
    function keep() {
        Object.assign(state, { phone: phone.input.value, price: state.method === "free" ? state.price : price.input.value, count: count.input.value, unit: unit.value, lang: speech?.value, to: to ? to.input.value : state.to, more: more.open, ...more.typed() });
    }
    const submit = async () => {
        keep();
        const item = prepare(state, offer, { phone, price, count, more, to });
        if (item) {
            await send(item, offer);
        }
    };
    const label = { free: _t("Give it for free"), cash: _t("Take the cash, give the code"), momo: _t("Ask for the money") }[state.method];
    const alert = state.method === "momo" && !app.up ? h("p.banner.bad", _t("MoMo needs the network, and there is none now. Take cash, or wait.")) : state.method === "momo" && !app.site.momo ? h("p.banner", _t("Give your MoMo number first: the money is paid out to it."), h("a", { href: "#/set/momo" }, " ", _t("MoMo number"))) : null;
    const node = form(submit, label, offers, state.offer === OWN ? h("div.pair", count, unit) : null, price, phone, stock(offer, state));
    node.append(more);
    node.button.disabled = app.site.state === "blocked" || (state.method === "momo" && (!app.up || !app.site.momo));
    const closed = app.site.state === "blocked" ? h("p.banner.bad", _t("This hotspot was closed by %(company)s. Nothing can be given or sold.", { company: app.site.company })) : null;
    return [closed, methods, alert, h("section.card", node)].filter(Boolean);
}

/** How many codes of this time are left for the time without a network. */
function stock(offer, state) {
    if (app.up || state.method === "momo") {
        return null;
    }
    const count = offer ? reserved(app.local, offer.id) : 0;
    return h(count ? "p.hint" : "p.banner.bad", count ? _t("No network: codes of this time on the telephone: %(count)s", { count }) : _t("No network, and no code of this time on the telephone. Choose another time."));
}

function moreParts(state, offer, before) {
    const base = { devices: offer?.devices ?? 1, down: offer?.down ?? 0, up: offer?.up ?? 0, mb: offer?.mb ?? 0 };
    const input = (name, label, hint) => field(label, { inputMode: "numeric", dir: "ltr", maxLength: 8, value: state[name] ?? (base[name] || (name === "devices" ? 1 : "")) }, hint);
    const fields = { devices: input("devices", _t("Devices at once")), down: input("down", _t("Download (kbit/s)"), _t("Blank: no limit")), up: input("up", _t("Upload (kbit/s)")), mb: input("mb", _t("Data (MB)"), _t("Blank: no limit")) };
    const node = h("details", { open: Boolean(state.more) }, h("summary", _t("Language, devices, speed, data")), before, h("div.grid", Object.values(fields)));
    node.fields = fields;
    node.base = base;
    node.typed = () => Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, one.input.value]));
    return node;
}

/** What is asked for, or nothing where something typed is wrong (it is marked). */
function prepare(state, offer, { phone, price, count, more, to }) {
    const item = { uuid: uuid(), method: state.method, at: Date.now(), lang: state.lang || lang() };
    const number = latin(phone.input.value).trim();
    if (number && !isPhone(number)) {
        return phone.say(_t("This is no telephone number. Write it as 092 123 4567."));
    }
    if (state.method === "momo" && !isMtn(number)) {
        return phone.say(number ? _t("MoMo is asked for on numbers of MTN (092… or 099…).") : _t("Whose telephone pays?"));
    }
    item.phone = number;
    if (state.method === "momo") {
        const other = latin(to.input.value).trim();
        if (other && !isPhone(other)) {
            more.open = true;
            return to.say(_t("This is no telephone number. Write it as 092 123 4567."));
        }
        Object.assign(item, { payer: number, phone: other || number });
    }
    if (price) {
        item.price = whole(price.input.value, 1, 1e9);
        if (item.price === null) {
            return price.say(_t("What does it cost?"));
        }
    }
    const own = {};
    for (const [name, [least, most]] of Object.entries({ devices: [1, 50], down: [0, 1e7], up: [0, 1e7], mb: [0, 1e6] })) {
        own[name] = whole(more.fields[name].input.value || (least ? "" : "0"), least, most);
        if (own[name] === null) {
            more.open = true;
            return more.fields[name].say(_t("This is too much or too little."));
        }
    }
    if (offer && Object.keys(own).every((name) => own[name] === more.base[name])) {
        return { ...item, offer: offer.id };
    }
    const seconds = offer ? offer.seconds : (whole(count.input.value, 1, 9999) || 0) * Number(state.unit || 3600);
    if (seconds < 60 || seconds > 366 * 86400) {
        return count.say(_t("From a minute to a year."));
    }
    return { ...item, own: true, seconds, ...own };
}

async function send(item, offer) {
    if (item.method === "momo") {
        const answer = await call("give", { item });
        location.hash = `#/order/${answer.uuid}`;
        return;
    }
    if (!app.up && (item.own || !reserved(app.local, offer.id))) {
        throw new Away(item.own ? _t("Own times, speeds and data need the network. Choose one of the offers.") : _t("No network, and no code of this time on the telephone. Choose another time."));
    }
    await change((state) => take(state, item));
    navigator.storage?.persist?.();
    location.hash = `#/order/${item.uuid}`;
    trySync();
}

// --- what came of it ---

/** One order: given here (perhaps not told yet), or known to the server. */
export function order(id) {
    const body = h("div");
    const box = h("div", header(_t("Token"), () => { location.hash = "#/home"; }), body);
    const here = () => find(app.local, id);
    const draw = (found) => body.replaceChildren(...result(found).filter(Boolean));
    const local = here();
    if (local) {
        draw(local);
        listenWhile(box, () => here() && draw(here()));
        if (local.token) {
            return box;
        }
    }
    if (!local || local.state === "waiting") {
        poll(id, body, draw);
    }
    return box;
}

async function poll(id, body, draw) {
    const since = Date.now();
    body.replaceChildren(h("div.wait", h("i.spin")));
    do {
        try {
            const found = await call("order", { uuid: id });
            draw(found);
            if (found.state !== "waiting") {
                return;
            }
        } catch (error) {
            if (!(error instanceof Away)) {
                body.replaceChildren(h("p.empty", error.message));
                return;
            }
            toast(error.message, true);
        }
        await new Promise((resolve) => setTimeout(resolve, Date.now() - since < 120000 ? 2500 : 10000));
    } while (body.isConnected);
}

function result(found) {
    if (found.token && found.state !== "refused") {
        return codeCard(found);
    }
    if (found.reason) {
        return [h("section.card", h("p.bad", found.reason), h("a.button.big", { href: "#/unsynced" }, _t("Look at it")))];
    }
    if (found.state === "waiting") {
        return [h("section.card.wait", h("i.spin"), h("h2", found.title), h("p", { dir: "auto" }, found.text), h("b.sum", money(found.amount)), h("a.button.big.plain", { href: "#/home" }, _t("Do not wait here")), h("p.hint", _t("The code is made and sent as soon as the money is there, also later.")))];
    }
    if (found.state === "failed") {
        return [h("section.card.wait", h("h2.bad", found.title), h("p", found.text), h("a.button.big", { href: "#/give" }, _t("Try again")))];
    }
    return [h("section.card.wait", h("i.spin"), h("h2", _t("Waiting for the network")), h("p", _t("The code comes here as soon as the server is reached. It is asked for once only.")), action(_t("Try now"), sync, "button.big.plain"))];
}

function codeCard(found) {
    const { token } = found;
    const time = span(found.seconds || token.seconds);
    const told = found.state === "done";
    const lines = [`${_t("WiFi")}: ${app.site.ssid || app.site.name}`, token.password ? `${_t("User")}: ${token.code}` : `${_t("Code")}: ${token.code}`, token.password ? `${_t("Password")}: ${token.password}` : "", `${time}`, token.url].filter(Boolean);
    const text = lines.join("\n");
    const number = latin(found.phone || "").replace(/\D/g, "").replace(/^0(?=9\d{8}$)/, "211");
    const code = h("b.code", { dir: "ltr", title: _t("Copy"), onclick: () => copy(token.code) }, token.code);
    const links = [
        navigator.share ? h("button.tile", { type: "button", onclick: () => navigator.share({ text }).catch((error) => error.name === "AbortError" || toast(error.message, true)) }, icon("share"), _t("Share")) : h("button.tile", { type: "button", onclick: () => copy(text) }, icon("copy"), _t("Copy")),
        h("a.tile", { href: `sms:${number ? `+${number}` : ""}?body=${encodeURIComponent(text)}` }, icon("sms"), _t("SMS")),
        h("a.tile", { href: `https://wa.me/${number}?text=${encodeURIComponent(text)}`, target: "_blank", rel: "noreferrer" }, icon("phone"), "WhatsApp"),
        h("button.tile", { type: "button", onclick: () => print() }, icon("print"), _t("Print")),
    ];
    return [
        h("section.card.slip",
            app.site.name === app.site.ssid ? null : h("small.who", app.site.name),
            h("p", _t("WiFi"), ": ", h("b", { dir: "auto" }, app.site.ssid || app.site.name)),
            h("small", token.password ? _t("User") : _t("Code")), code,
            token.password ? h("small", _t("Password")) : null, token.password ? h("b.code", { dir: "ltr" }, token.password) : null,
            h("p", h("b", time), found.method === "free" ? ` · ${_t("free")}` : ` · ${money(found.amount ?? found.price)}`),
            token.qr ? qr(token.qr) : null,
            h("p.how", _t("Join the WiFi, open any page and type it; or point the camera at the square."))),
        told ? (found.phone ? h("p.note", _t("The SMS goes to"), " ", ltr(found.phone)) : null) : h("p.banner", found.phone ? _t("Good at once. The SMS goes when there is network.") : _t("Good at once. The server is told when there is network.")),
        h("div.tiles", links),
        h("a.button.big", { href: "#/give" }, _t("Another one")),
        h("a.button.big.plain", { href: "#/home" }, _t("Done")),
    ];
}

// --- what is not told yet ---

export function unsyncedList() {
    const body = h("div");
    const draw = () => {
        const rows = app.local.items;
        body.replaceChildren(
            ...(rows.length ? rows.map(pending) : [h("p.empty", _t("Everything is told to the server."))]),
            rows.length ? action(_t("Try now"), sync) : ""
        );
    };
    draw();
    const box = h("div", header(_t("Not yet told"), true), h("p.hint", _t("These were given without a network. They are told once, by themselves, as soon as there is one.")), body);
    listenWhile(box, draw);
    return box;
}

function pending(item) {
    const retry = async (changes) => {
        await change((state) => ({ ...state, items: state.items.map((one) => (one.uuid === item.uuid ? { ...one, ...changes, reason: undefined } : one)) }));
        await sync();
    };
    return h("section.card",
        h("p", h("code", { dir: "ltr" }, item.token?.code || "…"), " · ", item.method === "free" ? _t("free") : money(item.price), item.phone ? [" · ", ltr(item.phone)] : null),
        h("small", when(item.at / 1000)),
        item.reason ? h("p.bad", { dir: "auto" }, item.reason) : h("p.hint", item.cancel ? _t("To be taken back") : _t("Waiting for the network")),
        item.reason ? action(_t("Try again"), () => retry({}), "button.big.plain") : null,
        item.reason && item.phone ? action(_t("Again, without SMS"), () => retry({ phone: "" }), "button.big.plain") : null,
        item.reason ? action(_t("Take it back: the code is good for nobody"), () => retry({ cancel: true }), "button.big.danger") : null);
}
