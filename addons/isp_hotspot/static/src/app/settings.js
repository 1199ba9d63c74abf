/* Settings: offers, log-in page, WiFi, money, language, password, telephones. */

import { app, call, forgetHere, HOME, keepMe, keepSite, Refused, sync, tell } from "./net.js";
import { unsynced } from "./queue.js";
import { latin, passwordFault, whole } from "./rules.js";
import { action, ask, choice, field, form, h, header, ltr, money, sheet, span, toast, when } from "./ui.js";
import { _t, lang, languages, speak } from "./words.js";

const line = (href, title, text) => h("li", h("a.line", { href }, h("b", title), text ? h("span", { dir: "auto" }, text) : null));

export function settings(redraw) {
    const { site, me } = app;
    const speech = choice(languages, lang(), async (code) => {
        await speak(code);
        // Names of offers are of the language.
        await keepMe(await call("me").catch(() => me));
        app.site = app.me.sites.find((one) => one.slug === site.slug) || site;
        redraw();
    }, _t("Language"));
    const which = me.sites.length > 1 ? choice(me.sites.map((one) => [one.slug, one.name]), site.slug, (slug) => tell(`site ${slug}`)) : null;
    return h("div", header(_t("Settings")),
        which ? h("section.card", h("h2", _t("Hotspot")), which) : null,
        h("ul.card.lines",
            line("#/set/offers", _t("Offers and prices"), site.offers.map((offer) => offer.name).join(", ")),
            line("#/set/guests", _t("Log-in page of guests"), site.login_mode === "code" ? _t("one code") : _t("user and password"))),
        h("ul.card.lines",
            line("#/set/ssid", _t("WiFi name"), site.ssid),
            line("#/set/wifi", _t("Admin WiFi password"), site.wifi_password ? "••••••••" : _t("missing")),
            site.wifi_password ? h("li", h("button.line", { type: "button", onclick: reveal }, h("b", _t("Show the admin WiFi password")))) : null,
            line("#/set/router", _t("Router"), site.routers ? _t("set up: %(count)s", { count: site.routers }) : _t("missing"))),
        h("ul.card.lines",
            line("#/set/momo", _t("MoMo number"), site.momo ? `\u2066+${site.momo}\u2069 ${site.holder}` : _t("missing"))),
        h("section.card", h("h2", _t("Language")), speech),
        h("ul.card.lines",
            h("li", h("button.line", { type: "button", onclick: setPassword }, h("b", me.password ? _t("Change the password") : _t("Set a password")), h("span", me.password ? "" : _t("To log in without SMS")))),
            line("#/set/devices", _t("Telephones"), _t("that sell for this hotspot")),
            line("#/unsynced", _t("Not yet told to the server"), String(unsynced(app.local).length))),
        app.install ? action(_t("Put the app on the home screen"), () => app.install.prompt(), "button.big.plain") : null,
        action(_t("Log out"), logOut, "button.big.plain"),
        h("footer", ltr(me.number), " · ", site.company, site.phone ? [" · ", h("a", { href: `tel:${site.phone}` }, ltr(site.phone))] : null));
}

// --- offers ---

export function offers() {
    const body = h("div");
    const draw = () => body.replaceChildren(
        h("ul.card.lines", app.site.offers.map((offer) => h("li", h("button.line", { type: "button", onclick: () => edit(offer, draw) }, h("b", { dir: "auto" }, offer.name), h("span", `${span(offer.seconds)} · ${offer.price ? money(offer.price) : _t("free only")}${offer.public && offer.price ? ` · ${_t("guests can buy it")}` : ""}`))))),
        action(_t("New offer"), async () => edit({ seconds: 3600, counting: "first", price: 0, devices: 1, down: 0, up: 0, mb: 0, days: 90, public: true, name: "" }, draw)));
    draw();
    return h("div", header(_t("Offers and prices"), true), h("p.hint", _t("A price of 0: to give away only.")), body);
}

function edit(offer, draw) {
    sheet(offer.id ? _t("Offer") : _t("New offer"), (close) => {
        const [size, name] = [[86400, "days"], [3600, "hours"], [60, "minutes"]].find(([length]) => offer.seconds % length === 0) || [60, "minutes"];
        const number = (label, value, hint) => field(label, { inputMode: "numeric", dir: "ltr", maxLength: 9, value: value || "" }, hint);
        const title = field(_t("Name"), { value: offer.name, maxLength: 40, dir: "auto" });
        const count = number(_t("How long"), Math.ceil(offer.seconds / size));
        const unit = choice([["60", _t("minutes")], ["3600", _t("hours")], ["86400", _t("days")]], { days: "86400", hours: "3600", minutes: "60" }[name]);
        const price = number(_t("Price"), offer.price, app.site.currency.name);
        const counting = choice([["first", _t("from the first log-in")], ["online", _t("while online")], ["sale", _t("from the sale")]], offer.counting);
        const open = h("input", { type: "checkbox", checked: offer.public });
        const more = { devices: number(_t("Devices at once"), offer.devices), days: number(_t("Use within (days)"), offer.days), down: number(_t("Download (kbit/s)"), offer.down, _t("Blank: no limit")), up: number(_t("Upload (kbit/s)"), offer.up), mb: number(_t("Data (MB)"), offer.mb, _t("Blank: no limit")) };
        const save = async () => {
            const values = { name: title.input.value.trim(), counting: counting.value, public: open.checked, seconds: (whole(count.input.value, 1, 9999) || 0) * Number(unit.value), price: whole(price.input.value || "0", 0, 1e9) };
            Object.entries(more).forEach(([key, one]) => { values[key] = latin(one.input.value).trim(); });
            if (!values.name) {
                return title.say(_t("Give the offer a name."));
            }
            if (values.price === null) {
                return price.say(_t("The price is a whole amount."));
            }
            await keepSite(await call("offer", { id: offer.id, values }));
            close();
            draw();
            sync().catch((error) => toast(error.message, true));
        };
        const drop = () => ask(_t("Take this offer away?"), _t("Tokens that were given by it stay good."), _t("Take it away"), async () => {
            await keepSite(await call("offer_drop", { id: offer.id }));
            close();
            draw();
        });
        return h("div", form(save, _t("Save"), title, h("div.pair", count, unit), price, h("label.check", open, _t("Guests can buy it themselves with MoMo")), h("details", h("summary", _t("Devices, speed, data")), h("div.field", h("label", _t("Time counts")), counting), h("div.grid", Object.values(more)))),
            offer.id ? h("button.link.bad", { type: "button", onclick: drop }, _t("Take this offer away")) : null, h("button.big.plain", { type: "button", onclick: close }, _t("Leave it")));
    });
}

// --- log-in page of guests ---

export function guests() {
    const { site } = app;
    const name = field(_t("Name of the hotspot"), { value: site.name, maxLength: 60, dir: "auto" });
    const mode = choice([["code", _t("one code")], ["pair", _t("user and password")]], site.login_mode);
    const trial = field(_t("Free trial (minutes)"), { inputMode: "numeric", dir: "ltr", value: site.trial || "", maxLength: 4 }, _t("Once a device and day. Blank: none."));
    const speech = choice(languages, site.lang);
    const terms = field(_t("Terms"), { tag: "textarea", value: site.terms, rows: 5, maxLength: 4000, dir: "auto" }, _t("Guests see them before they log in."));
    const save = async () => {
        const minutes = whole(trial.input.value || "0", 0, 1440);
        if (minutes === null) {
            return trial.say(_t("A free trial lasts from 0 to 1440 minutes."));
        }
        await keepSite(await call("save", { values: { name: name.input.value, login_mode: mode.value, trial: minutes, lang: speech.value, terms: terms.input.value } }));
        toast(_t("Saved"));
        history.back();
    };
    const labelled = (text, node) => h("div.field", h("label", text), node);
    return h("div", header(_t("Log-in page of guests"), true), h("section.card", form(save, _t("Save"), name, labelled(_t("Guests log in by"), mode), labelled(_t("Language of SMS and page"), speech), trial, terms)));
}

// --- telephones ---

export function devices() {
    const body = h("ul.card.lines", h("li.empty", "…"));
    const draw = ({ devices: found }) => body.replaceChildren(...found.map((device) => {
        const mine = device.uuid === app.local.device;
        return h("li", h("div.line", h("b", { dir: "auto" }, device.name || "?"), h("span", mine ? _t("this one") : device.heard ? when(device.heard) : "")), mine ? null : h("button.link.bad", { type: "button", onclick: () => ask(_t("Is it lost?"), _t("The codes it holds are blocked, also those it gave and has not told yet. It gets no others."), _t("Block its codes"), async () => draw(await call("device_drop", { id: device.id }))) }, _t("Lost")));
    }));
    call("devices").then(draw, (error) => body.replaceChildren(h("li.empty", error.message)));
    return h("div", header(_t("Telephones"), true), h("p.hint", _t("Each holds some codes for the time without a network.")), body);
}

// --- passwords ---

function reveal() {
    if (app.me.by !== "password") {
        sheet(_t("Admin WiFi password"), (close) => h("div", h("p", app.me.password ? _t("Log out, and log in with your password, to see it.") : _t("Set a password first, then log in with it, to see it.")), h("button.big.plain", { type: "button", onclick: close }, _t("Close"))));
        return;
    }
    sheet(_t("Admin WiFi password"), (close) => {
        const box = h("div");
        const password = field(_t("Your password, once more"), { type: "password", autocomplete: "current-password", maxLength: 128 });
        const show = async () => {
            const { csrf } = await call("me");
            const response = await fetch(`${HOME}/wifi-password`, { method: "POST", headers: { "X-Lang": lang() }, body: new URLSearchParams({ csrf_token: csrf, site: app.site.slug, password: password.input.value }), cache: "no-store" });
            const text = await response.text();
            password.input.value = "";
            if (response.status === 403) {
                return password.say(text);
            }
            if (!response.ok) {
                return password.say(_t("Something went wrong at our end. Try again, or call us."));
            }
            const shown = h("b.code", { dir: "ltr" }, text);
            box.replaceChildren(shown, h("p.hint", _t("It goes away by itself after half a minute.")), h("button.big.plain", { type: "button", onclick: close }, _t("Close")));
            setTimeout(() => { shown.remove(); close(); }, 30000);
        };
        box.append(form(show, _t("Show"), password), h("button.big.plain", { type: "button", onclick: close }, _t("Leave it")));
        return box;
    });
}

function setPassword() {
    sheet(app.me.password ? _t("Change the password") : _t("Set a password"), (close) => {
        const old = app.me.password ? field(_t("The old password"), { type: "password", autocomplete: "current-password", maxLength: 128 }, _t("Blank when you have just logged in by SMS.")) : null;
        const fresh = field(_t("New password"), { type: "password", autocomplete: "new-password", maxLength: 128 }, _t("At least 8 characters."));
        const words = { short: _t("A password has at least 8 characters."), long: _t("A password has at most 128 characters."), number: _t("Not your own number: everybody knows it."), simple: _t("Too easy to guess: take some words, or more kinds of characters.") };
        const save = async () => {
            const text = fresh.input.value.trim();
            const fault = passwordFault(text, app.me.number);
            if (fault) {
                return fresh.say(words[fault]);
            }
            try {
                await call("password", { new: text, old: old?.input.value });
            } catch (error) {
                if (!(error instanceof Refused)) {
                    throw error;
                }
                return (old || fresh).say(error.message);
            }
            await keepMe({ ...app.me, password: true });
            close();
            toast(_t("Saved"));
        };
        return h("div", form(save, _t("Save"), old, fresh), h("button.big.plain", { type: "button", onclick: close }, _t("Leave it")));
    });
}

async function logOut() {
    // At a hotspot that was closed there is nothing to tell any more.
    await sync().catch((error) => toast(error.message));
    const left = unsynced(app.local).length;
    const go = async () => {
        await call("logout", { device: app.local.device });
        await forgetHere();
        tell("out");
    };
    left ? ask(_t("Log out?"), _t("Not yet told to the server, and lost by it: %(count)s", { count: left }), _t("Log out all the same"), go) : await go();
}
