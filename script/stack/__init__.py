"""What the commands in ``script/`` share: packages, PostgreSQL, FreeRADIUS, Odoo, the proxy.

Standard library only: these modules run on the system's Python before anything is installed.
The tests and the benchmarks import them too, so a service is started in one way everywhere.
"""
