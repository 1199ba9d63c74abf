<<<<<<< HEAD
from . import usage
=======
from . import api
>>>>>>> 1b031e8 (API for equipment (keys, rights, limits, log, OpenAPI 3.1, fuzzed); outages with who was on line, SMS and credits; live bandwidth by one poll a router; map of load)
