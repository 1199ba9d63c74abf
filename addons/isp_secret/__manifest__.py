# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "Secrets at rest",
    "summary": "A field that is stored encrypted and never shown again",
    "version": "19.0.1.0.0",
    "development_status": "Alpha",
    "category": "Technical",
    "author": "Juba Net contributors",
    "license": "AGPL-3",
    "depends": ["base"],
    "external_dependencies": {"python": ["cryptography"]},
}
