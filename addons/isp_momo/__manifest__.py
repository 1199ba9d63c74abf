# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "Mobile money",
    "summary": "Pay with MTN MoMo and Orange Money: asked on the phone, read until it is final, booked at once",
    "version": "19.0.1.0.0",
    "development_status": "Alpha",
    "category": "Accounting/Payment Providers",
    "author": "Juba Net contributors",
    "website": "https://github.com/jubanet/isp",
    "license": "AGPL-3",
    "depends": ["account_payment", "isp_secret"],
    "external_dependencies": {"python": ["phonenumbers", "requests"]},
    "data": [
        "security/ir.model.access.csv",
        "security/isp_momo_rules.xml",
        "data/payment_method_data.xml",
        "data/payment_provider_data.xml",
        "data/ir_cron_data.xml",
    ],
    "post_init_hook": "post_init_hook",
    "uninstall_hook": "uninstall_hook",
}
