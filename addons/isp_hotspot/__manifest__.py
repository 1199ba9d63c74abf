# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "ISP: WiFi tokens",
    "summary": "Hotspots of the ISP and of any owner of one WiFi network: tokens given away and sold for cash and mobile money",
    "version": "19.0.1.0.0",
    "development_status": "Alpha",
    "category": "Services/ISP",
    "author": "Juba Net contributors",
    "website": "https://github.com/jubanet/isp",
    "license": "AGPL-3",
    "depends": ["isp_network", "isp_billing_momo", "isp_sms", "report_weasyprint"],
    "data": [
        "security/isp_hotspot_groups.xml",
        "security/ir.model.access.csv",
        "security/isp_hotspot_rules.xml",
        "data/ir_cron_data.xml",
        "views/isp_site_views.xml",
        "views/isp_token_views.xml",
        "views/isp_token_order_views.xml",
        "views/captive_templates.xml",
        "views/isp_site_portal_views.xml",
        "views/menus.xml",
    ],
}
