/* Mobile money: what came in, what the provider keeps, what was paid out; statements; "pay out now". */

import { app, call } from "./net.js";
import { action, ask, h, header, ltr, money, toast, when } from "./ui.js";
import { _t } from "./words.js";

const STATE = () => ({ draft: _t("not sent yet"), pending: _t("on its way"), done: _t("paid out"), failed: _t("not paid out: call us") });

export function moneyScreen() {
    const body = h("div", h("p.empty", "…"));
    const draw = (found) => body.replaceChildren(...parts(found, draw));
    call("money").then(draw, (error) => body.replaceChildren(h("p.empty", error.message)));
    return h("div", header(_t("MoMo money"), true), body);
}

function parts(found, draw) {
    const { tariff } = found;
    const number = `\u2066+${app.site.momo}\u2069`;
    const terms = [tariff.momo ? _t("%(percent)s % of mobile money", { percent: tariff.momo }) : null, tariff.fixed ? _t("%(amount)s for each sale", { amount: money(tariff.fixed) }) : null, tariff.cash ? _t("%(percent)s % of cash", { percent: tariff.cash }) : null].filter(Boolean).join(" · ");
    const fact = (label, amount, style = "dd") => (amount || style !== "dd" ? [h("dt", label), h(style, money(amount))] : []);
    return [
        h("section.card",
            h("small", _t("To be paid out to you")),
            h("b.sum", money(found.due)),
            found.can ? action(_t("Pay out now"), () => ask(_t("Pay out now"), _t("%(amount)s go to the number %(number)s.", { amount: money(found.due), number }), _t("Pay out"), async () => {
                draw(await call("payout"));
                toast(_t("It is on its way."));
            }, "button.big")) : app.site.momo ? null : h("a.button.big.plain", { href: "#/set/momo" }, _t("Give your MoMo number")),
            h("p.hint", found.checked ? _t("What is due is made ready every night, and goes out when %(company)s has looked at it.", { company: app.site.company }) : tariff.from ? _t("From %(amount)s on it is paid out by itself every night.", { amount: money(tariff.from) }) : _t("It is paid out by itself every night."))),
        h("section.card",
            h("h2", _t("Since the beginning")),
            h("dl.two", fact(_t("Received"), found.received, "dd.all"), fact(_t("Given back to guests"), found.returned), fact(_t("Commission"), found.commission, "dd.all"), fact(_t("Paid out to you"), found.paid, "dd.all"), fact(_t("On its way to you"), found.on_its_way), fact(_t("Taken in cash"), found.cash)),
            terms ? h("p.hint", _t("Commission: %(terms)s", { terms })) : null),
        h("section.card",
            h("h2", _t("Statements")),
            found.statements.length ? h("ul.rows", found.statements.map(row)) : h("p.empty", _t("Nothing was paid out yet."))),
    ];
}

const row = (one) =>
    h("li.order.statement", h("span.middle", h("b", ltr(one.name)), h("small", when(one.at)), one.number ? h("small", ltr(`+${one.number}`)) : null, h("small", _t("%(received)s received, %(commission)s commission", { received: money(one.received), commission: money(one.commission) }))),
        h("span.end", h("b", money(one.amount)), h(`em.badge.${one.state}`, STATE()[one.state])));
