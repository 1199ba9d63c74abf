/* What the app knows, and how it asks the server. */

import * as queue from "./queue.js";
import { read, update, write } from "./store.js";
import { _t, lang } from "./words.js";

export const HOME = document.documentElement.dataset.home;
export const COMPANY = document.documentElement.dataset.company;

/** me: who is logged in; site: the hotspot that is shown; local: what this telephone gave and holds; up: the server answered last time. */
export const app = { me: null, site: null, local: null, up: true };

/** A UUID; browsers make them by themselves on https only. */
export function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    return [...bytes].map((byte, i) => ([4, 6, 8, 10].includes(i) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
}

const listeners = new Set();
/** Call `listener(what)` when something changed: "net", "sync", "out". Gives the way to stop it. */
export function listen(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
}
export const tell = (what) => listeners.forEach((listener) => listener(what));

/** No answer came: nobody knows whether the server did it. */
export class Away extends Error {}
/** Not logged in (any more). */
export class Out extends Error {}
/** The server's no, in words. `answer` is all it said. */
export class Refused extends Error {
    constructor(answer) {
        super(answer.error);
        this.answer = answer;
    }
}

function setUp(up) {
    if (app.up !== up) {
        app.up = up;
        tell("net");
    }
}

/** Ask the server. Throws Away, Out or Refused. */
export async function call(name, params = {}, seconds = 25) {
    let found;
    try {
        const response = await fetch(`${HOME}/api/${name}`, {
            method: "POST",
            headers: { "Content-Type": "application/json", "X-Lang": lang() },
            body: JSON.stringify({ jsonrpc: "2.0", params: { site: app.site?.slug, ...params } }),
            signal: AbortSignal.timeout(seconds * 1000),
        });
        found = await response.json();
    } catch {
        setUp(false);
        throw new Away(_t("No network."));
    }
    setUp(true);
    if (found.error?.code === 100) {
        if (app.me) {
            tell("out");
        }
        throw new Out(_t("Log in again."));
    }
    if (found.error) {
        throw new Refused({ error: _t("Something went wrong at our end. Try again, or call us.") });
    }
    if (found.result?.error) {
        throw new Refused(found.result);
    }
    return found.result ?? {};
}

/** The hotspot is so from now on: here, and for the time without a network. */
export function keepSite(site) {
    app.site = site;
    return keepMe({ ...app.me, sites: app.me.sites.map((one) => (one.slug === site.slug ? site : one)) });
}

export function keepMe(me) {
    app.me = me;
    return write("me", { ...me, csrf: undefined });
}

/** Where the own things are kept: what one owner gave is never told in another's name. */
const place = () => `local/${app.me.user}/${app.site.slug}`;

/** Change what this telephone keeps, in one step. */
export async function change(what) {
    app.local = await update(place(), (found) => what(found || queue.fresh(uuid())));
    return app.local;
}

export async function remember() {
    app.local = (await read(place())) || (await change((state) => state));
    return app.local;
}

export const forgetHere = () => update(place(), () => undefined);

let running = null;
/** Tell the server what was given, get the reserve filled up. One at a time, also of two tabs. */
export function sync() {
    running ??= locked(work).finally(() => {
        running = null;
    });
    return running;
}

const locked = (what) => (navigator.locks ? navigator.locks.request("wifi-sync", what) : what());

async function work() {
    if (!app.me || !app.site) {
        return;
    }
    for (;;) {
        const local = await remember();
        const sent = queue.outgoing(local, Date.now());
        const answer = await call("sync", { device: local.device, name: agent(), ...sent }, 40);
        await change((state) => queue.take(state, answer));
        tell("sync");
        if (sent.items.length < 40 || !answer.items.some((item) => item.state !== "later")) {
            return;
        }
    }
}

/** What this telephone is called in the list of telephones. */
function agent() {
    const found = /\(([^)]*)\)/.exec(navigator.userAgent)?.[1].split(";") || [];
    return (found.find((part) => /android|iphone|windows|mac|linux/i.test(part)) || "").trim() + (found[2] ? ` ${found[2].trim()}` : "");
}

let pause = 15;
/** Every now and then while something is not told yet: less often the longer the server is away. */
export function keepSyncing() {
    const step = async () => {
        if (app.me && app.site && app.local && queue.waiting(app.local).length) {
            try {
                await sync();
                pause = 15;
            } catch {
                pause = Math.min(pause * 2, 240);
            }
        }
        setTimeout(step, pause * 1000);
    };
    setTimeout(step, pause * 1000);
    addEventListener("online", () => trySync());
    document.addEventListener("visibilitychange", () => document.hidden || trySync());
}

/** Sync without caring what comes of it: the next time does it. */
export async function trySync() {
    try {
        await sync();
    } catch (error) {
        if (![Away, Out, Refused].includes(error.constructor)) {
            throw error;
        }
    }
}
