from . import msisdn
