/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

function scaled(number, base, units) {
    let at = 0;
    while (at < units.length - 1 && number >= 999.5) {
        number /= base;
        at++;
    }
    const digits = number >= 100 || at === 0 ? 0 : 1;
    return `${number.toFixed(digits).replace(/\.0$/, "")} ${units[at]}`;
}

/** 12345678 -> "12.3 Mbit/s" */
export function speed(bits) {
    return bits === undefined || bits === null ? "–" : scaled(bits, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]);
}

/** 12345678 -> "12.3 MB" */
export function volume(bytes) {
    return scaled(bytes || 0, 1000, ["B", "kB", "MB", "GB", "TB"]);
}

/** Mikrotik-Rate-Limit, upload first: "1024k/2M …" -> [1024000, 2000000]; null when it is no speed. */
export function parseRate(text) {
    const found = /^(\d+)([kM]?)(?:\/(\d+)([kM]?))?/.exec(text || "");
    if (!found) {
        return null;
    }
    const size = { k: 1e3, M: 1e6 };
    const up = Number(found[1]) * (size[found[2]] || 1);
    return [up, found[3] === undefined ? up : Number(found[3]) * (size[found[4]] || 1)];
}

/** A speed as people say it: "↓ 2 Mbit/s ↑ 1 Mbit/s". */
export class RateField extends Component {
    static template = "isp_network.RateField";
    static props = { ...standardFieldProps };

    get value() {
        return this.props.record.data[this.props.name] || "";
    }

    get rates() {
        const found = parseRate(this.value);
        return found && { up: speed(found[0]), down: speed(found[1]) };
    }
}

registry.category("fields").add("isp_rate", { component: RateField, displayName: _t("Speed"), supportedTypes: ["char"] });

/** A month, which is stored as its first day: "November 2026". */
export class MonthField extends Component {
    static template = "isp_network.MonthField";
    static props = { ...standardFieldProps };

    get value() {
        const day = this.props.record.data[this.props.name];
        return day ? day.toFormat("LLLL yyyy") : "";
    }
}

registry.category("fields").add("isp_month", { component: MonthField, displayName: _t("Month"), supportedTypes: ["date"] });

/** Bytes as people say them: "12.3 GB". */
export class VolumeField extends Component {
    static template = "isp_network.VolumeField";
    static props = { ...standardFieldProps };

    get value() {
        return volume(this.props.record.data[this.props.name]);
    }
}

registry.category("fields").add("isp_volume", { component: VolumeField, displayName: _t("Volume"), supportedTypes: ["integer"] });
registry.category("formatters").add("isp_volume", volume);
