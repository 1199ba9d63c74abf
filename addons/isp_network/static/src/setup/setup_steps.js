/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
import { Component, onMounted, onWillUnmount } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const EVERY = 3000;
const ICONS = { good: "fa-check-circle text-success", wait: "fa-clock-o text-muted", bad: "fa-exclamation-circle text-danger" };

/**
 * How far a router has come. While something is awaited and somebody looks, the record is read anew every three seconds; never
 * over what is being typed, and a minute later when the server does not answer.
 */
export class SetupSteps extends Component {
    static template = "isp_network.SetupSteps";
    static props = { ...standardFieldProps };

    setup() {
        this.gone = false;
        onMounted(() => this.plan(EVERY));
        onWillUnmount(() => {
            this.gone = true;
            clearTimeout(this.timer);
        });
    }

    plan(wait) {
        this.timer = setTimeout(() => this.look(), wait);
    }

    async look() {
        let wait = EVERY;
        const record = this.props.record;
        try {
            if (this.moves && !document.hidden && record.resId && !(await record.isDirty())) {
                await record.load();
            }
        } catch {
            wait = 20 * EVERY;
        }
        if (!this.gone) {
            this.plan(wait);
        }
    }

    get steps() {
        return this.props.record.data[this.props.name] || [];
    }

    get moves() {
        return this.steps.some((step) => step.state !== "good");
    }

    icon(step) {
        return ICONS[step.state];
    }

    get words() {
        return { good: _t("Good"), wait: _t("Awaited"), bad: _t("Look at it") };
    }
}

registry.category("fields").add("isp_router_setup_steps", {
    component: SetupSteps,
    displayName: _t("Steps of a router's set-up"),
    supportedTypes: ["json"],
});
