# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "South Sudan - Accounting",
    "summary": "Chart of accounts, dated excise and withholding taxes, whole pounds, states",
    "version": "19.0.1.0.0",
    "category": "Accounting/Localizations/Account Charts",
    "author": "Juba Net contributors",
    "license": "AGPL-3",
    "development_status": "Alpha",
    "countries": ["ss"],
    "depends": ["account"],
    "auto_install": ["account"],
    "data": [
        "data/res_currency_data.xml",
        "data/res_country_state_data.xml",
        "views/account_tax_views.xml",
    ],
}
