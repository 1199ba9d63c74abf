/* What was given: to whom, by whom, for what; and the page of one token. */

import { app, Away, call } from "./net.js";
import { whole } from "./rules.js";
import { action, ask, bytes, choice, clock, copy, field, form, h, header, icon, ltr, money, qr, sheet, span, toast, when } from "./ui.js";
import { _t } from "./words.js";

const STATE = () => ({ made: _t("not given yet"), sold: _t("not used yet"), in_use: _t("in use"), used_up: _t("used up"), expired: _t("over"), blocked: _t("blocked"), refunded: _t("refunded") });
const ORDER = () => ({ waiting: _t("waiting"), failed: _t("not paid"), owed: _t("no code yet"), refunding: _t("money goes back"), refunded: _t("refunded") });
const METHOD = () => ({ free: _t("free"), cash: _t("Cash"), momo: _t("MoMo"), trial: _t("trial") });
const PICTURE = { free: "gift", cash: "cash", momo: "phone", trial: "wifi" };

export function given() {
    const list = h("ul.rows.card");
    const more = h("div");
    const search = h("input", { type: "search", placeholder: _t("Code or telephone number"), "aria-label": _t("Search"), autocapitalize: "off", autocomplete: "off", maxLength: 40 });
    let asked = 0;
    const load = async (before) => {
        const turn = ++asked;
        try {
            const found = await call("given", { text: search.value.trim(), before });
            if (turn !== asked) {
                return;
            }
            const rows = [...found.tokens.map(looseRow), ...found.rows.map(orderRow)];
            before ? list.append(...rows) : list.replaceChildren(...rows);
            if (!list.firstChild) {
                list.append(h("li.empty", search.value ? _t("Nothing found. A code is written without spaces; of a number four digits are enough.") : _t("Nothing was given yet.")));
            }
            more.replaceChildren(found.more ? action(_t("Earlier ones"), () => load(found.more), "button.big.plain") : "");
        } catch (error) {
            const here = error instanceof Away && !before ? [...app.local.items, ...app.local.done].reverse() : [];
            list.firstChild ? toast(error.message, true) : list.replaceChildren(h("li.empty", error.message), ...here.map(localRow));
        }
    };
    let soon;
    search.oninput = () => {
        clearTimeout(soon);
        soon = setTimeout(load, 350);
    };
    load();
    return h("div", header(_t("Given and sold")), h("label.search", icon("search"), search), list, more);
}

function orderRow(row) {
    const { token } = row;
    const told = token ? STATE()[token.state] : ORDER()[row.state];
    const kind = token ? token.state : row.state;
    const link = token && row.state !== "waiting" ? `#/token/${token.id}` : `#/order/${row.uuid}`;
    const to = row.phone || row.payer;
    return h("li", h("a.order", { href: link },
        h(`span.round.${row.method}`, icon(PICTURE[row.method])),
        h("span.middle",
            h("b", token ? h("code", { dir: "ltr" }, token.code) : METHOD()[row.method], " ", h("small", row.offer || span(row.seconds))),
            to ? h("small", ltr(to)) : null,
            h("small", when(row.at), row.by && row.by !== app.me.name ? ` · ${row.by}` : null)),
        h("span.end", h("b", row.method === "free" || row.method === "trial" ? METHOD()[row.method] : money(row.amount)), h(`em.badge.${kind}`, told))));
}

/** One that was given on this telephone, while there is no network to ask for all of them. */
const localRow = (item) => h("li", h("a.order", { href: `#/order/${item.uuid}` }, h(`span.round.${item.method}`, icon(PICTURE[item.method])),
    h("span.middle", h("b", h("code", { dir: "ltr" }, item.token?.code || "…")), item.phone ? h("small", ltr(item.phone)) : null, h("small", when(item.at / 1000))),
    h("span.end", h("b", item.method === "free" ? METHOD().free : money(item.amount ?? item.price)), item.state ? null : h("em.badge.waiting", _t("not yet told")))));

const looseRow = (token) => h("li", h("a.order", { href: `#/token/${token.id}` }, h("span.round", icon("list")), h("span.middle", h("b", h("code", { dir: "ltr" }, token.code))), h("span.end", h(`em.badge.${token.state}`, STATE()[token.state]))));

// --- one token ---

export function token(id) {
    const body = h("div");
    const draw = (found) => body.replaceChildren(...page(found, act).filter(Boolean));
    const act = async (what, seconds) => {
        draw(await call("token_do", { id: Number(id), what, seconds }));
        toast(_t("Done"));
    };
    call("token", { id: Number(id) }).then(draw, (error) => body.replaceChildren(h("p.empty", error.message)));
    return h("div", header(_t("Token"), true), body);
}

function page(found, act) {
    const fact = (label, value) => (value || value === 0 ? [h("dt", label), h("dd", { dir: "auto" }, value)] : []);
    const { order } = found;
    const open = ["made", "sold", "in_use"].includes(found.state);
    return [
        h("section.card.token",
            h(`em.badge.${found.paused ? "waiting" : found.state}`, found.paused ? _t("paused") : STATE()[found.state]),
            h("b.code", { dir: "ltr", onclick: () => copy(found.code) }, found.code),
            found.password ? h("p", _t("Password"), ": ", h("code", { dir: "ltr" }, found.password)) : null,
            open ? h("p.left", clock(found), h("small", _t("left"))) : null,
            found.online ? h("p.note", _t("Devices online: %(count)s", { count: found.online })) : null),
        h("section.card", h("dl.two",
            fact(_t("Time"), found.seconds ? span(found.seconds) : ""), fact(_t("Devices at once"), found.devices), fact(_t("Speed"), found.rate ? ltr(found.rate) : ""),
            fact(_t("Data used"), bytes(found.bytes)), fact(_t("Data left"), found.data_left === null ? "" : bytes(found.data_left)), fact(_t("First used"), found.first ? when(found.first) : ""),
            order ? [fact(_t("Paid"), order.method === "free" ? _t("free") : `${METHOD()[order.method]} · ${money(order.amount)}`), fact(_t("Given to"), order.phone ? ltr(order.phone) : ""), fact(_t("By"), order.by), fact(_t("On"), when(order.at))] : fact(_t("Batch"), found.batch))),
        open || found.state === "expired" || found.state === "used_up" ? h("div.tiles",
            open && !found.paused && found.counting !== "date" ? tile(_t("Pause"), () => act("pause")) : null,
            found.paused ? tile(_t("Go on"), () => act("resume")) : null,
            tile(_t("More time"), () => moreTime(act)),
            open ? tile(_t("Other telephone"), () => ask(_t("Move to another telephone"), _t("Devices that use it now are put off; the rest of the time goes on where it is typed next."), _t("Move it"), () => act("move"), "button.big")) : null,
            open ? tile(_t("Block"), () => ask(_t("Block this token?"), _t("Whoever uses it is put off, and it is good for nobody."), _t("Block"), () => act("block"))) : null) : null,
        order?.method === "momo" && order.state === "done" && ["sold", "blocked"].includes(found.state) ? h("button.link.bad", { type: "button", onclick: () => ask(_t("Give the money back?"), _t("It goes back to the telephone that paid, and the code is good for nobody."), _t("Give it back"), () => act("refund")) }, _t("Give the money back")) : null,
        found.state === "blocked" ? action(_t("Unblock"), () => act("unblock")) : null,
        open ? h("details.card", h("summary", _t("QR code")), qr(found.qr)) : null,
        found.events.length ? h("section.card", h("h2", _t("What was done with it")), h("ul.events", found.events.map((event) => h("li", h("b", event.label), " ", h("small", { dir: "auto" }, [when(event.at), event.by, event.note].filter(Boolean).join(" · ")))))) : null,
    ];
}

function tile(text, work) {
    const button = action(text, async () => work(), "button.tile");
    return button;
}

function moreTime(act) {
    sheet(_t("More time"), (close) => {
        const count = field(_t("How many"), { inputMode: "numeric", dir: "ltr", value: "1", maxLength: 4 });
        const unit = choice([["60", _t("minutes")], ["3600", _t("hours")], ["86400", _t("days")]], "3600");
        const go = async () => {
            const seconds = (whole(count.input.value, 1, 9999) || 0) * Number(unit.value);
            if (!seconds) {
                return count.say(_t("By how long?"));
            }
            await act("extend", seconds);
            close();
        };
        return h("div", form(go, _t("Give more time"), h("div.pair", count, unit)), h("button.big.plain", { type: "button", onclick: close }, _t("Leave it")));
    });
}
