/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
// The rule of engine/segments.py, for the screen while somebody types. tests/data/segments.json holds both to it.

const GSM = new Set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
);
const EXTENDED = new Set("^{}\\[~]|€\f");

/**
 * How many SMS a text takes.
 *
 * @param {String} text
 * @returns {{encoding: "gsm"|"ucs2", units: Number, parts: Number, room: Number}} length in units of the alphabet, SMS it
 *   takes, and the units those hold
 */
export function segments(text) {
    const letters = [...text];
    const gsm = letters.every((letter) => GSM.has(letter) || EXTENDED.has(letter));
    const sizes = letters.map((letter) => (gsm ? (EXTENDED.has(letter) ? 2 : 1) : letter.length));
    const [single, part] = gsm ? [160, 153] : [70, 67];
    const units = sizes.reduce((sum, size) => sum + size, 0);
    const encoding = gsm ? "gsm" : "ucs2";
    if (units <= single) {
        return { encoding, units, parts: units ? 1 : 0, room: single };
    }
    let parts = 1;
    let room = part;
    for (const size of sizes) {
        if (size > room) {
            parts += 1;
            room = part;
        }
        room -= size;
    }
    return { encoding, units, parts, room: parts * part };
}
