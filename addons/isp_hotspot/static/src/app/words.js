/* Texts in the reader's language. English stands in the code; another language is one small file, kept by the worker. */

const page = globalThis.document?.documentElement;
export const languages = page ? JSON.parse(page.dataset.languages || "[]") : [["en_US", "English"]];
let words = {};
let code = "en_US";

/** The text in the reader's language; `%(name)s` in it is replaced. */
export function _t(text, values = {}) {
    return (words[text] || text).replace(/%\((\w+)\)s/g, (_found, name) => values[name] ?? "");
}

export const lang = () => code;
/** For Intl: European digits, as codes and prices are printed with them. */
export const locale = () => `${code.split("_")[0]}-u-nu-latn`;

export function preferred() {
    const known = languages.map(([name]) => name);
    const kept = localStorage.getItem("wifi.lang");
    const spoken = navigator.languages.map((name) => known.find((one) => one.split("_")[0] === name.split("-")[0]));
    return known.includes(kept) ? kept : spoken.find(Boolean) || known[0] || "en_US";
}

/** Change the language: texts, direction, and what is asked of the server. Without its file the texts stay English. */
export async function speak(name) {
    const short = name.split("_")[0];
    if (short === "en") {
        words = {};
    } else {
        try {
            words = await (await fetch(`${page.dataset.files}/${short}.json`)).json();
        } catch {
            words = {};
        }
    }
    code = name;
    localStorage.setItem("wifi.lang", name);
    page.lang = short;
    page.dir = ["ar", "fa", "he", "ur"].includes(short) ? "rtl" : "ltr";
}
