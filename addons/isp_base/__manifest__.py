# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "ISP: customers, plans, subscriptions",
    "summary": "Subscribers of an internet provider: plans, states with a log, roles, import",
    "version": "19.0.2.0.0",
    "development_status": "Alpha",
    "category": "Services/ISP",
    "author": "Juba Net contributors",
    "website": "https://github.com/jubanet/isp",
    "license": "AGPL-3",
    "application": True,
    "depends": ["contacts", "portal", "product"],
    "external_dependencies": {"python": ["phonenumbers"]},
    "data": [
        "security/isp_groups.xml",
        "security/ir.model.access.csv",
        "security/isp_rules.xml",
        "data/ir_sequence_data.xml",
        "wizards/isp_subscription_state_wizard_views.xml",
        "views/isp_subscription_event_views.xml",
        "views/isp_subscription_views.xml",
        "views/isp_plan_views.xml",
        "views/isp_fup_views.xml",
        "views/res_partner_views.xml",
        "views/menus.xml",
        "data/ir_cron_data.xml",
        "views/isp_import_views.xml",
    ],
    "assets": {
        "web.assets_backend": [
            # Debian's package of Odoo lacks this file; video calls load it by themselves where it exists.
            ("remove", "mail/static/lib/selfie_segmentation/selfie_segmentation.js"),
            "isp_base/static/src/scss/rtl.scss",
        ],
    },
}
