/* Small pieces of the screen. Texts go in as text, never as HTML. */

import { app, Away, listen, Out, Refused } from "./net.js";
import { _t, locale } from "./words.js";

/** An element: h("button.big", {onclick}, "Give", child …). Null children are left out. */
export function h(what, props = {}, ...children) {
    const [tag, ...classes] = what.split(".");
    const node = document.createElement(tag || "div");
    node.classList.add(...classes);
    if (props instanceof Node || Array.isArray(props) || typeof props !== "object" || props === null) {
        children.unshift(props);
        props = {};
    }
    for (const [name, value] of Object.entries(props)) {
        if (name.startsWith("on") || name in node) {
            node[name] = value;
        } else if (value !== null && value !== undefined && value !== false) {
            node.setAttribute(name, value);
        }
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
    return node;
}

const SVG = "http://www.w3.org/2000/svg";
function svg(name, attributes, ...children) {
    const node = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    node.append(...children);
    return node;
}

const ICONS = {
    home: "M3 11 12 3l9 8M5 9v11h5v-6h4v6h5V9",
    plus: "M12 4v16M4 12h16",
    list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
    cog: "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4 12h2m12 0h2M12 4v2m0 12v2M6.3 6.3l1.5 1.5m8.4 8.4 1.5 1.5m0-11.4-1.5 1.5m-8.4 8.4-1.5 1.5",
    wifi: "M2 9a15 15 0 0 1 20 0M5.5 12.8a10 10 0 0 1 13 0M9 16.5a5 5 0 0 1 6 0M12 20h.01",
    share: "M12 15V3m0 0L8 7m4-4 4 4M5 12v8h14v-8",
    print: "M7 9V3h10v6M7 17H4V9h16v8h-3M7 14h10v7H7z",
    copy: "M9 9h11v11H9zM5 15H4V4h11v1",
    sms: "M4 4h16v12H9l-5 4z",
    back: "M15 5l-7 7 7 7",
    cash: "M3 6h18v12H3zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
    gift: "M4 11h16v10H4zM3 7h18v4H3zM12 7v14M12 7c-2-5-6-3-4-1 1 1 4 1 4 1zm0 0c2-5 6-3 4-1-1 1-4 1-4 1z",
    phone: "M7 2h10v20H7zM11 18h2",
    eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12Zm10 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
    search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm5-2 5 5",
};

export function icon(name) {
    const path = svg("path", { d: ICONS[name], fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round" });
    return svg("svg", { viewBox: "0 0 24 24", class: `icon ${name}`, "aria-hidden": "true" }, path);
}

/** A QR code of the bits that the server made: {n, b}. */
export function qr({ n, b }) {
    const bits = Uint8Array.from(atob(b), (char) => char.charCodeAt(0));
    let path = "";
    for (let i = 0; i < n * n; i++) {
        if ((bits[i >> 3] >> (7 - (i & 7))) & 1) {
            path += `M${(i % n) + 3} ${Math.floor(i / n) + 3}h1v1h-1z`;
        }
    }
    const size = n + 6;
    const code = svg("svg", { viewBox: `0 0 ${size} ${size}`, class: "qr", role: "img", "shape-rendering": "crispEdges" });
    code.append(svg("rect", { width: size, height: size, fill: "#fff" }), svg("path", { d: path, fill: "#000" }));
    code.setAttribute("aria-label", _t("QR code that logs in by itself"));
    return code;
}

export function money(amount) {
    const { name, decimals } = app.site.currency;
    return `${new Intl.NumberFormat(locale(), { maximumFractionDigits: decimals }).format(amount || 0)} ${name}`;
}

const unit = (count, name) => new Intl.NumberFormat(locale(), { style: "unit", unit: name, unitDisplay: "long" }).format(count);

/** A span in the largest whole unit: 3 hours, 1 month; what is longer than two days and no whole number of them with its hours. */
export function span(seconds) {
    const units = [["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600]];
    if (seconds > 172800 && seconds % 86400 && seconds % 3600 === 0) {
        return `${unit(Math.floor(seconds / 86400), "day")} + ${unit((seconds % 86400) / 3600, "hour")}`;
    }
    const [name, size] = units.find(([, length]) => seconds && seconds % length === 0) || ["minute", 60];
    return unit(Math.ceil(seconds / size), name);
}

/** What is left, for a clock that runs: 2 days 3:05, 1:02:09, 4:07. */
export function left(seconds) {
    const two = (number) => String(number).padStart(2, "0");
    const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
    if (days) {
        return `${unit(days, "day")} ${hours}:${two(minutes)}`;
    }
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

export function bytes(count) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let step = 0;
    while (count >= 1000 && step < 4) {
        count /= 1000;
        step += 1;
    }
    return `\u2066${new Intl.NumberFormat(locale(), { maximumFractionDigits: count < 10 && step ? 1 : 0 }).format(count)}\u00a0${units[step]}\u2069`;
}

/** A moment (seconds since 1970): the time of today, else with the day. */
export function when(stamp) {
    const moment = new Date(stamp * 1000);
    const today = moment.toDateString() === new Date().toDateString();
    return moment.toLocaleString(locale(), today ? { timeStyle: "short" } : { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
}

/** Letters and numbers that are read from left to right in every language. */
export const ltr = (text, what = "bdi") => h(what, { dir: "ltr" }, text);

/** A clock that runs down; stands still where time does not run. */
export function clock(row) {
    const node = h("span.clock");
    if (row.left === null) {
        node.textContent = _t("no end");
    } else if (row.begun && !row.paused && row.counting !== "online") {
        node.dataset.end = Date.now() + row.left * 1000;
        node.textContent = left(row.left);
    } else {
        node.textContent = left(row.left);
    }
    return node;
}

setInterval(() => {
    document.querySelectorAll("[data-end]").forEach((node) => {
        const rest = Math.max(Math.round((node.dataset.end - Date.now()) / 1000), 0);
        node.textContent = rest ? left(rest) : _t("over");
    });
}, 1000);

/** A labelled input. `fault` of it shows a word below: field.say("…"). */
export function field(label, props, hint) {
    const input = h(props.tag || "input", { id: `f${Math.random().toString(36).slice(2)}`, ...props, tag: undefined });
    const below = h("small.hint", { id: `${input.id}h`, role: "status" }, hint || "");
    input.setAttribute("aria-describedby", below.id);
    const box = h("div.field", h("label", { htmlFor: input.id }, label), input, below);
    const say = (text) => {
        box.classList.toggle("bad", Boolean(text));
        below.textContent = text || hint || "";
        if (text) {
            input.focus();
        }
    };
    input.addEventListener("input", () => box.classList.contains("bad") && say(""));
    return Object.assign(box, { input, say });
}

/** A row of which one is chosen. options: [[value, label]]. */
export function choice(options, value, onchange, label) {
    const row = h("div.choice", { role: "radiogroup", "aria-label": label || null });
    const mark = (chosen) => {
        row.value = chosen;
        [...row.children].forEach((button) => button.setAttribute("aria-checked", button.dataset.value === String(chosen)));
    };
    options.forEach(([one, text]) => {
        const press = () => {
            mark(one);
            onchange?.(one);
        };
        row.append(h("button", { type: "button", role: "radio", "data-value": one, onclick: press }, text));
    });
    mark(value);
    return row;
}

/** A button that works while `work` does, and says what went wrong. */
export function action(text, work, style = "button.big") {
    const button = h(style, { type: "button" }, text);
    button.onclick = () => busy(button, work);
    return button;
}

export async function busy(button, work) {
    if (button.disabled) {
        return;
    }
    button.disabled = true;
    button.classList.add("busy");
    try {
        await work();
    } catch (error) {
        toast(error.message, true);
        if (![Away, Out, Refused].includes(error.constructor)) {
            throw error;
        }
    } finally {
        button.disabled = false;
        button.classList.remove("busy");
    }
}

/** A form with one button; Enter does what the button does. */
export function form(work, text, ...children) {
    const button = h("button.big", { type: "submit" }, text);
    const node = h("form", { noValidate: true }, ...children, button);
    node.onsubmit = (event) => {
        event.preventDefault();
        busy(button, work);
    };
    node.button = button;
    return node;
}

/** Draw again at every change, while `node` is on the screen. */
export function listenWhile(node, draw) {
    let shown = false;
    const stop = listen(() => {
        shown ||= node.isConnected;
        node.isConnected || !shown ? draw() : stop();
    });
}

let gone;
export function toast(text, bad = false) {
    document.querySelector(".toast")?.remove();
    clearTimeout(gone);
    const node = h(bad ? "p.toast.bad" : "p.toast", { role: "alert" }, text);
    // What is in a dialog lies above all else.
    (document.querySelector("dialog[open]") || document.body).append(node);
    gone = setTimeout(() => node.remove(), bad ? 7000 : 3500);
}

/** A sheet from below. `build(close)` gives what is in it. */
export function sheet(title, build) {
    const dialog = h("dialog.sheet");
    const close = () => dialog.close();
    dialog.append(h("h2", title), build(close));
    dialog.onclose = () => {
        // What it said last is read after it is gone.
        document.body.append(...dialog.querySelectorAll(".toast"));
        dialog.remove();
    };
    dialog.addEventListener("click", (event) => event.target === dialog && close());
    document.body.append(dialog);
    dialog.showModal();
    return close;
}

/** Ask before something that cannot be taken back. `style` of the button: red, unless nothing is lost by it. */
export function ask(title, text, yes, work, style = "button.big.danger") {
    sheet(title, (close) =>
        h("div", h("p", text), action(yes, async () => {
            await work();
            close();
        }, style), h("button.big.plain", { type: "button", onclick: close }, _t("Leave it")))
    );
}

export async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        // Pages that are not served by https have no clipboard: select it and copy as in old times.
        const area = h("textarea.away", { value: text, readOnly: true });
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
    }
    toast(_t("Copied"));
}

const goBack = () => {
    if (history.length > 1) {
        history.back();
    } else {
        location.hash = "#/home";
    }
};

export const header = (title, back, ...more) =>
    h("header.bar", back ? h("button.icon-only", { type: "button", "aria-label": _t("Back"), onclick: back === true ? goBack : back }, icon("back")) : null, h("h1", title), ...more);
