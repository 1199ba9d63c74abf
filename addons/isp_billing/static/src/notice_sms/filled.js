/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
// The rule of engine/notice.py: only names are placeholders; what has no sample is counted as it stands.

/**
 * @param {String} text with {placeholders}
 * @param {Object} samples value by placeholder
 * @returns {String} the text as a customer may get it
 */
export function filled(text, samples) {
    return text.replace(/\{([a-z_]+)\}/g, (whole, name) => (Object.hasOwn(samples || {}, name) ? samples[name] : whole));
}
