# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "SMS through your own gateways",
    "summary": "Kannel and others, each message once, a log that stays with delivery reports and costs",
    "version": "19.0.1.0.0",
    "development_status": "Alpha",
    "category": "Marketing/SMS",
    "author": "Juba Net contributors",
    "website": "https://github.com/jubanet/isp",
    "license": "AGPL-3",
    "depends": ["sms", "phone_validation", "isp_secret"],
    "external_dependencies": {"python": ["phonenumbers", "smpplib"]},
    "data": [
        "security/isp_sms_groups.xml",
        "security/ir.model.access.csv",
        "security/isp_sms_rules.xml",
        "data/ir_cron_data.xml",
        "views/isp_sms_gateway_views.xml",
        "views/isp_sms_message_views.xml",
        "views/isp_sms_cost_views.xml",
        "views/isp_sms_receipt_views.xml",
        "views/res_config_settings_views.xml",
        "views/res_partner_views.xml",
        "views/menus.xml",
    ],
    "assets": {
        "web.assets_backend": ["isp_sms/static/src/sms_widget/*"],
    },
}
