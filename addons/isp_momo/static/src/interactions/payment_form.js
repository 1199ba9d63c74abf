import { patch } from "@web/core/utils/patch";
import { rpc, RPCError } from "@web/core/network/rpc";
import { _t } from "@web/core/l10n/translation";
import { PaymentForm } from "@payment/interactions/payment_form";

/** Wallets that push a request to a telephone: their inline form has one field, the payer's number. */
patch(PaymentForm.prototype, {
    _walletNumber() {
        const radio = this.el.querySelector('input[name="o_payment_radio"]:checked');
        return radio && this._getInlineForm(radio)?.querySelector('input[name="wallet_msisdn"]');
    },

    async _prepareInlineForm(providerId, providerCode, paymentOptionId, paymentMethodCode, flow) {
        await super._prepareInlineForm(...arguments);
        if (flow !== "token" && this._walletNumber()) {
            this._setPaymentFlow("direct");
        }
    },

    async _initiatePaymentFlow() {
        const number = this._walletNumber();
        if (number && this.paymentContext.flow === "direct" && !number.reportValidity()) {
            this._enableButton();
            return;
        }
        await super._initiatePaymentFlow(...arguments);
    },

    async _processDirectFlow(providerCode, paymentOptionId, paymentMethodCode, processingValues) {
        if (!processingValues.wallet_access_token) {
            await super._processDirectFlow(...arguments);
            return;
        }
        try {
            const { url } = await this.waitFor(
                rpc("/payment/wallet/pay", {
                    reference: processingValues.reference,
                    msisdn: this._walletNumber().value,
                    access_token: processingValues.wallet_access_token,
                })
            );
            window.location = url;
        } catch (error) {
            if (!(error instanceof RPCError)) {
                throw error;
            }
            this._displayErrorDialog(_t("The request was not sent"), error.data.message);
            this._enableButton();
        }
    },
});
