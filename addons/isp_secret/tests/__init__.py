from . import test_secret
