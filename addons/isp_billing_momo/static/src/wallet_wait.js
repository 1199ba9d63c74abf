import { Component, onMounted, onWillUnmount, xml } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

/** Looks how a request stands while its window is open, slower with time, and loads the window again when that changes. */
export class WalletWait extends Component {
    static template = xml`<span class="o_isp_wallet_wait" t-att-data-state="props.record.data.state"/>`;
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.started = Date.now();
        onMounted(() => this.plan());
        onWillUnmount(() => {
            this.gone = true;
            clearTimeout(this.timer);
        });
    }

    plan() {
        if (!this.gone && this.props.record.data.state === "waiting") {
            this.timer = setTimeout(() => this.look(), Date.now() - this.started < 120000 ? 2500 : 10000);
        }
    }

    async look() {
        try {
            await this.orm.silent.call("isp.wallet.ask", "action_look", [[this.props.record.resId]]);
            if (!this.gone) {
                await this.props.record.load();
            }
        } catch {
            // Away for a moment, or the form was cleaned up; the next look says.
        }
        this.plan();
    }
}

registry.category("view_widgets").add("isp_wallet_wait", { component: WalletWait });
