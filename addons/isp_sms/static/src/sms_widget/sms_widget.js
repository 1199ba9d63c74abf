/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
import { SmsWidget } from "@sms/components/sms_widget/fields_sms_widget";
import { patch } from "@web/core/utils/patch";
import { segments } from "./segments";

patch(SmsWidget.prototype, {
    get smsSegments() {
        return segments(this._getValueForSmsCounts(this.props.record.data[this.props.name] || ""));
    },

    /** @override: with the extension table, as operators count. */
    get encoding() {
        return this.smsSegments.encoding === "gsm" ? "GSM7" : "UNICODE";
    },

    /** @override */
    get nbrChar() {
        return this.smsSegments.units;
    },

    /** @override */
    get nbrSMS() {
        return this.smsSegments.parts;
    },
});
