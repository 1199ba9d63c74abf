/* Home: the day so far, what is in use, money. Shows what is known at once, then what the server says. */

import { app, call, keepSite } from "./net.js";
import { unsynced } from "./queue.js";
import { read, write } from "./store.js";
import { bytes, clock, h, header, icon, listenWhile, money, when } from "./ui.js";
import { _t } from "./words.js";

const EVERY = 20000;

export function home() {
    const body = h("div.home");
    const key = `home/${app.me.user}/${app.site.slug}`;
    const load = async () => {
        try {
            const found = { ...(await call("home")), at: Date.now() };
            if (app.site.state !== found.state) {
                await keepSite({ ...app.site, state: found.state });
            }
            await write(key, found);
            draw(found);
        } catch (error) {
            if (!body.firstChild) {
                body.replaceChildren(h("p.empty", error.message));
            }
        }
    };
    const draw = (found) => body.replaceChildren(...parts(found).filter(Boolean));
    const start = async () => {
        const kept = await read(key);
        if (kept) {
            const gone = Math.round((Date.now() - kept.at) / 1000);
            draw({ ...kept, in_use: kept.in_use.map((row) => ({ ...row, left: row.left === null || row.paused ? row.left : Math.max(row.left - gone, 0) })), old: gone > 120 });
        }
        await load();
        const again = setInterval(() => (body.isConnected ? document.hidden || load() : clearInterval(again)), EVERY);
    };
    const notes = h("div", notices());
    let count = untold();
    listenWhile(notes, () => {
        notes.replaceChildren(...notices());
        // What was told to the server is in its figures now.
        if (untold() < count) {
            load();
        }
        count = untold();
    });
    start();
    return h("div", header(app.site.name, null), notes, body);
}

const untold = () => (app.local ? unsynced(app.local).length : 0);

function notices() {
    const notes = [];
    if (app.site.state === "blocked") {
        notes.push(h("p.banner.bad", _t("This hotspot was closed by %(company)s. Nothing can be given or sold.", { company: app.site.company }), app.site.phone ? h("a", { href: `tel:${app.site.phone}` }, ` ${app.site.phone}`) : null));
    }
    const count = untold();
    if (count) {
        notes.push(h("a.banner", { href: "#/unsynced" }, _t("Not yet told to the server: %(count)s", { count })));
    }
    return notes;
}

function parts(found) {
    const { cash = none, momo = none, free = none } = found.today;
    const sold = cash.count + momo.count;
    const share = cash.amount + momo.amount ? Math.round((100 * cash.amount) / (cash.amount + momo.amount)) : 0;
    const bar = h("div.split", h("i.cash"), h("i.momo"));
    bar.firstChild.style.width = `${share}%`;
    return [
        h("section.card.today",
            h("small", found.old ? _t("As of %(time)s", { time: when(found.at / 1000) }) : _t("Today")),
            h("b.sum", money(cash.amount + momo.amount)),
            h("p", _t("Sold: %(sold)s · given away: %(free)s", { sold, free: free.count })),
            sold ? bar : null,
            sold ? h("dl.two", h("dt.cash", _t("Cash")), h("dd", money(cash.amount)), h("dt.momo", _t("Mobile money")), h("dd", money(momo.amount))) : null),
        found.waiting ? h("a.banner", { href: "#/given" }, _t("Waiting for the money: %(count)s", { count: found.waiting })) : null,
        found.owed ? h("a.banner.bad", { href: "#/given" }, _t("Paid and without a code yet: %(count)s", { count: found.owed })) : null,
        h("div.three", stat(found.online, _t("online")), stat(found.in_use_count, _t("in use")), stat(bytes(found.bytes), _t("data today"))),
        h("section.card",
            h("h2", _t("In use")),
            found.in_use.length ? h("ul.rows", found.in_use.map(useRow)) : h("p.empty", _t("Nobody uses a code now.")),
            found.in_use_count > found.in_use.length ? h("p.hint", _t("Those that end first: %(count)s", { count: found.in_use.length })) : null),
        h("section.card",
            h("h2", _t("MoMo money")),
            h("dl.two", h("dt", _t("Received")), h("dd", money(found.money.received)), h("dt", _t("Commission")), h("dd", money(found.money.commission)), h("dt", _t("Paid out to you")), h("dd", money(found.money.paid)), h("dt", _t("Balance")), h("dd.strong", money(found.money.balance))),
            app.site.momo ? h("a.button.big.plain", { href: "#/money" }, _t("Statements and payout")) : h("a.button.big.plain", { href: "#/set/momo" }, _t("Give your MoMo number"))),
        !sold && !free.count ? h("a.button.big", { href: "#/give" }, icon("plus"), _t("Give the first token of today")) : null,
    ];
}

const none = { count: 0, amount: 0 };
const stat = (value, label) => h("div.card.stat", h("b", value), h("small", label));

const useRow = (row) =>
    h("li", h("a", { href: `#/token/${row.id}` }, h(row.online ? "i.dot.on" : "i.dot", { title: row.online ? _t("online") : _t("not online") }), h("code", { dir: "ltr" }, row.code), row.paused ? h("em.badge.waiting", _t("paused")) : null, clock(row)));
