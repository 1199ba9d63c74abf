# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "ISP: mobile money",
    "summary": "Wallet payments settle debts, renew prepaid lines and bring services back; asked for at the cash desk",
    "version": "19.0.1.0.0",
    "development_status": "Alpha",
    "category": "Services/ISP",
    "author": "Juba Net contributors",
    "website": "https://github.com/jubanet/isp",
    "license": "AGPL-3",
    "depends": ["isp_cash", "isp_momo"],
    "auto_install": True,
    "data": [
        "security/ir.model.access.csv",
        "security/isp_billing_momo_rules.xml",
        "report/isp_billing_momo_reports.xml",
        "wizards/isp_wallet_ask_views.xml",
        "views/isp_cash_views.xml",
        "views/isp_subscription_views.xml",
        "views/payment_transaction_views.xml",
        "views/res_config_settings_views.xml",
    ],
    "assets": {"web.assets_backend": ["isp_billing_momo/static/src/wallet_wait.js"]},
}
