/* License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl). */
import { SmsWidget } from "@sms/components/sms_widget/fields_sms_widget";
import { patch } from "@web/core/utils/patch";
import { useEffect, useState } from "@odoo/owl";
import { segments } from "./segments";

patch(SmsWidget.prototype, {
    /** Core counts when the field is left: its onInput is bound to nothing. */
    setup() {
        super.setup();
        this.typing = useState({ text: null });
        useEffect(
            (textarea) => {
                const onInput = () => (this.typing.text = textarea.value);
                textarea?.addEventListener("input", onInput);
                return () => textarea?.removeEventListener("input", onInput);
            },
            () => [this.textareaRef.el]
        );
        // What the record says counts again when it has taken the text, or is another one.
        useEffect(
            () => {
                this.typing.text = null;
            },
            () => [this.props.record.id, this.props.record.data[this.props.name]]
        );
    },

    get smsSegments() {
        return segments(this._getValueForSmsCounts(this.typing.text ?? (this.props.record.data[this.props.name] || "")));
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
