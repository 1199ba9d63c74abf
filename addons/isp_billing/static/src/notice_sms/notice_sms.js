/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
import { registry } from "@web/core/registry";
import { SmsWidget, smsWidget } from "@sms/components/sms_widget/fields_sms_widget";
import { filled } from "./filled";

/** The text of a notice: counted while somebody types, with values as long as they really get in its placeholders. */
export class NoticeSms extends SmsWidget {
    /** @override */
    _getValueForSmsCounts(value) {
        return filled(super._getValueForSmsCounts(value), this.props.record.data.samples);
    }
}

registry.category("fields").add("isp_notice_sms", { ...smsWidget, component: NoticeSms });
