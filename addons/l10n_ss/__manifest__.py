# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "South Sudan - Accounting",
    "summary": "Chart of accounts, dated excise and withholding taxes, certificates, excise return, states",
    "version": "19.0.2.0.0",
    "category": "Accounting/Localizations/Account Charts",
    "author": "Juba Net contributors",
    "license": "AGPL-3",
    "development_status": "Alpha",
    "countries": ["ss"],
    "depends": ["account"],
    "auto_install": ["account"],
    "data": [
        "security/ir.model.access.csv",
        "security/l10n_ss_rules.xml",
        "data/res_currency_data.xml",
        "data/res_country_state_data.xml",
        "data/ir_cron_data.xml",
        "views/account_tax_views.xml",
        "views/account_move_views.xml",
        "views/res_partner_views.xml",
        "views/l10n_ss_certificate_views.xml",
    ],
}
