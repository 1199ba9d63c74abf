import { download } from "@web/core/network/download";
import { getReportUrl } from "@web/webclient/actions/reports/utils";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";

/**
 * Download a report of type "qweb-weasyprint". The server picks the engine by the
 * report, so Odoo's own PDF route serves; only its check for wkhtmltopdf is left out.
 */
async function weasyprintReportHandler(action, options, env) {
    if (action.report_type !== "qweb-weasyprint") {
        return false;
    }
    env.services.ui.block();
    try {
        await download({
            url: "/report/download",
            data: {
                data: JSON.stringify([getReportUrl(action, "pdf"), "qweb-pdf"]),
                context: JSON.stringify({ ...user.context, ...action.context }),
            },
        });
    } finally {
        env.services.ui.unblock();
    }
    return true;
}

registry.category("ir.actions.report handlers").add("qweb-weasyprint", weasyprintReportHandler);
