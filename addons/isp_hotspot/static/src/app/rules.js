/* What is typed, judged before it is sent. The server judges by the same rules (engine/form.py): a test holds both together. */

/** "" when a WPA2 password may be so; else why not: letters, short, long. */
export function wifiFault(text) {
    if (!/^[ -~]*$/.test(text)) {
        return "letters";
    }
    return text.length < 8 ? "short" : text.length > 63 ? "long" : "";
}

const COMMON = /^(pass(word)?|qwert[yz]?|admin|welcome|letmein|iloveyou|abc|juba|wifi|internet|southsudan)[\d\W_]*$/i;

/** "" when it is good enough to log in with; else why not: short, long, number, simple. */
export function passwordFault(text, login) {
    const digits = text.replace(/\D/g, "");
    if (text.length < 8 || text.length > 128) {
        return text.length < 8 ? "short" : "long";
    }
    if (digits.length >= 7 && (login || "").replace(/\D/g, "").includes(digits.slice(-7))) {
        return "number";
    }
    return new Set(text).size < 5 || COMMON.test(text) || (/^\d+$/.test(text) && text.length < 12) ? "simple" : "";
}

/** Bytes of a WiFi name: at most 32. */
export const ssidBytes = (text) => new TextEncoder().encode(text.trim()).length;

const DIGITS = /[\u0660-\u0669\u06f0-\u06f9]/g;
/** Arabic digits as European ones: a keyboard in Arabic types those. */
export const latin = (text) => text.replace(DIGITS, (digit) => String(digit.charCodeAt(0) & 15));

/** Whether this may be a telephone number of here: 0921234567, 921234567, +211921234567. */
export function isPhone(text) {
    return /^(\+?211|00211|0)?9\d{8}$/.test(latin(text).replace(/[\s().-]/g, ""));
}

/** Whether MoMo money can be sent to it. */
export function isMtn(text) {
    return /^(\+?211|00211|0)?9[29]\d{7}$/.test(latin(text).replace(/[\s().-]/g, ""));
}

/** A whole number as typed, or null. */
export function whole(text, least, most) {
    const typed = latin(String(text ?? "")).replace(/[\s,]/g, "");
    const number = /^\d{1,12}$/.test(typed) ? Number(typed) : null;
    return number !== null && number >= least && number <= most ? number : null;
}
