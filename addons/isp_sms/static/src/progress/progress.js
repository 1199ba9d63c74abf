/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
import { Component, onMounted, onWillUnmount } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const EVERY = 3000;
const BUSY = ["previewing", "running", "stopping"];

/**
 * The progress of work in the background. While somebody looks at it and it goes on, the record is read anew every three
 * seconds; never over what is being typed, and no further when the server does not answer: the next try is a minute later.
 */
export class SmsProgress extends Component {
    static template = "isp_sms.Progress";
    static props = { ...standardFieldProps };

    setup() {
        onMounted(() => this.plan(EVERY));
        onWillUnmount(() => clearTimeout(this.timer));
    }

    plan(wait) {
        this.timer = setTimeout(() => this.look(), wait);
    }

    async look() {
        let wait = EVERY;
        const record = this.props.record;
        try {
            if (this.busy && !document.hidden && record.resId && !(await record.isDirty())) {
                await record.load();
            }
        } catch {
            wait = 20 * EVERY;
        }
        if (!this.__owl__ || this.__owl__.status < 2) {
            this.plan(wait);
        }
    }

    get busy() {
        return BUSY.includes(this.props.record.data.state);
    }

    get percent() {
        return Math.max(0, Math.min(100, Math.floor(this.props.record.data[this.props.name] || 0)));
    }
}

registry.category("fields").add("isp_sms_progress", {
    component: SmsProgress,
    displayName: _t("Progress, read anew while it goes on"),
    supportedTypes: ["float", "integer"],
});
