/* The app: which screen is shown, and what happens when it starts. */

import { give, order, unsyncedList } from "./give.js";
import { given, token } from "./given.js";
import { home } from "./home.js";
import { moneyScreen } from "./money.js";
import { app, call, HOME, keepMe, keepSyncing, listen, Out, remember, trySync } from "./net.js";
import { unsynced } from "./queue.js";
import { devices, guests, offers, settings } from "./settings.js";
import { setup } from "./setup.js";
import { sign } from "./sign.js";
import { forget, read, write } from "./store.js";
import { h, icon } from "./ui.js";
import { _t, lang, preferred, speak } from "./words.js";

const screen = document.getElementById("screen");
const toHome = () => {
    location.hash = "#/home";
};
const back = () => history.back();

const SCREENS = {
    home: () => home(),
    give: () => give(),
    order: (uuid) => order(uuid),
    given: () => given(),
    token: (id) => token(id),
    unsynced: () => unsyncedList(),
    money: () => moneyScreen(),
    settings: () => settings(draw),
    set: (what) => ({ offers, guests, devices })[what]?.() || setup(draw, back, what),
};
const TABS = () => [["home", "home", _t("Home")], ["give", "plus", _t("Give")], ["given", "list", _t("Given")], ["settings", "cog", _t("Settings")]];

function draw() {
    document.querySelector("nav")?.remove();
    document.querySelectorAll("dialog, .toast").forEach((node) => node.remove());
    if (!app.me) {
        return show(sign(enter, draw, app.note));
    }
    if (!app.site) {
        return show(h("p.empty", _t("You have no hotspot here (any more). Call us.")));
    }
    if (app.site.state === "new") {
        return show(setup(draw, () => { toHome(); draw(); }));
    }
    const [name, argument] = location.hash.replace(/^#\//, "").split("/");
    show((SCREENS[name] || SCREENS.home)(argument));
    document.body.append(bar(name || "home"));
}

function show(node) {
    screen.replaceChildren(node);
    scrollTo(0, 0);
}

function bar(current) {
    const count = unsynced(app.local).length;
    const tabs = TABS().map(([name, picture, text]) => h("a", { href: `#/${name}`, "aria-current": name === current ? "page" : null }, icon(picture), h("span", text), name === "home" && count ? h("em.count", String(count)) : null));
    return h("nav", { "aria-label": _t("Menu") }, tabs);
}

/** Somebody is logged in: show a hotspot of theirs, keep for the time without a network who it is. */
async function enter(me) {
    await keepMe(me);
    app.note = "";
    const slug = await read(`site/${me.user}`);
    app.site = me.sites.find((site) => site.slug === slug) || me.sites[0] || null;
    if (app.site) {
        await remember();
    }
    draw();
    trySync();
}

/** No more logged in. What was given and not told stays, and is told when the same owner logs in again. */
async function leave(note = "") {
    const count = app.local ? unsynced(app.local).length : 0;
    app.note = count ? _t("Log in again: %(count)s given codes are not yet told to the server.", { count }) : note;
    app.me = app.site = app.local = null;
    await forget("me");
    draw();
}

async function start() {
    await speak(preferred());
    const kept = await read("me");
    if (kept) {
        await enter(kept);
    }
    try {
        const me = await call("me");
        const before = JSON.stringify(app.site);
        await keepMe(me);
        app.site = me.sites.find((site) => site.slug === app.site?.slug) || me.sites[0] || null;
        if (!kept) {
            await enter(me);
        } else if (JSON.stringify(app.site) !== before) {
            draw();
        }
    } catch (error) {
        // Without a network what is kept is shown; who was logged out meanwhile was told so by `call`.
        if (!kept) {
            await leave(error instanceof Out ? "" : error.message);
        }
    }
    keepSyncing();
}

const chip = h("div.net", { role: "status" });
function net() {
    chip.textContent = app.up ? "" : _t("No network");
    document.body.classList.toggle("down", !app.up);
}

listen((what) => {
    if (what === "out") {
        leave();
    } else if (what === "net") {
        net();
        if (app.up) {
            trySync();
        }
    } else if (what === "sync" && app.local) {
        document.querySelector("nav .count")?.remove();
    } else if (what.startsWith("site ")) {
        write(`site/${app.me.user}`, what.slice(5)).then(() => enter(app.me)).then(toHome);
    }
});

addEventListener("hashchange", draw);
addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    app.install = event;
});
addEventListener("offline", () => {
    app.up = false;
    net();
});
document.body.append(chip);
if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register(`${HOME}/sw.js`, { scope: HOME }).catch((error) => console.info(`No service worker: ${error.message}`));
}
document.documentElement.lang = lang();
start();
