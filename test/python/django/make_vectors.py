"""Prints what Django and Python write, for the unit tests of src/identity/django.

    /usr/bin/python3 test/python/django/make_vectors.py > test/python/django/vectors.json
"""

import base64
import json
import pickle
import sys
import time
import zlib
from unittest import mock

import django
from django.conf import settings

NOW = 1_790_000_000
KEY = "a key for tests of this project only"
OLD_KEY = "the key before"

SIGNED_IN = {
    "_auth_user_id": "7",
    "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
    "_auth_user_hash": "0" * 64,
}
LARGE = {**SIGNED_IN, "note": "grüße, \u2028 " * 40}

PLAIN = {
    "nothing": None,
    "booleans": [True, False],
    "integers": [0, 255, 256, 65535, 65536, -1, -(2**31), 2**31, 2**53, -(2**63), 2**64, 2**2100],
    "floats": [0.5, -1e300, 1e-300],
    "texts": ["", "ascii", "grüße 😀", "x" * 300],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "dicts": [{}, {1: "one", (1, 2): "pair"}],
    "many": list(range(1100)),
    "shared": [SIGNED_IN, SIGNED_IN],
}
BINARY = {"bytes": [b"", b"\x00\xff", b"y" * 300]}
SETS = {"sets": [set(), {1}, frozenset({"a"})]}
MUTABLE = {"bytearray": bytearray(b"z" * 10)}


class Call:
    def __reduce__(self):
        return (print, ("executed",))


def session(data, key=KEY, algorithm="sha256", engine="db"):
    from importlib import import_module

    store = import_module("django.contrib.sessions.backends." + engine).SessionStore()
    with mock.patch("time.time", return_value=NOW):
        settings.SECRET_KEY = key
        settings.DEFAULT_HASHING_ALGORITHM = algorithm
        try:
            if engine == "signed_cookies":
                store._session_cache = data
                return store._get_session_key()
            return store.encode(data)
        finally:
            settings.SECRET_KEY = KEY
            settings.DEFAULT_HASHING_ALGORITHM = "sha256"


def auth_hash(password, algorithm="sha256"):
    from django.contrib.auth.base_user import AbstractBaseUser

    settings.DEFAULT_HASHING_ALGORITHM = algorithm
    try:
        return AbstractBaseUser.get_session_auth_hash(mock.Mock(password=password))
    finally:
        settings.DEFAULT_HASHING_ALGORITHM = "sha256"


def pickles(value, protocols):
    return {str(protocol): encode(pickle.dumps(value, protocol)) for protocol in protocols}


def encode(data):
    return base64.b64encode(data).decode()


def refused():
    import datetime
    import decimal

    hostile = {"call": Call(), "date": datetime.datetime(2030, 1, 1), "decimal": decimal.Decimal(1)}
    made = {
        f"{name} in protocol {protocol}": encode(pickle.dumps({"it": value}, protocol))
        for name, value in hostile.items()
        for protocol in range(2, 6)
    }
    made["protocol 0"] = encode(pickle.dumps(SIGNED_IN, 0))
    made["protocol 1"] = encode(pickle.dumps(SIGNED_IN, 1))
    made["out of band"] = encode(
        pickle.dumps(pickle.PickleBuffer(b"x"), 5, buffer_callback=lambda buffer: None)
    )
    return made


def main():
    settings.configure(
        SECRET_KEY=KEY,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        USE_TZ=True,
    )
    django.setup()
    vectors = {
        "django": django.get_version(),
        "python": sys.version.split()[0],
        "key": KEY,
        "oldKey": OLD_KEY,
        "signedAt": NOW * 1000,
        "sessionData": {
            "plain": session(SIGNED_IN),
            "short": session({"a": 1}),
            "compressed": session(LARGE),
            "sha1": session(SIGNED_IN, algorithm="sha1"),
            "oldKey": session(SIGNED_IN, key=OLD_KEY),
        },
        "cookies": {
            "plain": session(SIGNED_IN, engine="signed_cookies"),
            "short": session({"a": 1}, engine="signed_cookies"),
            "compressed": session(LARGE, engine="signed_cookies"),
            "sha1": session(SIGNED_IN, algorithm="sha1", engine="signed_cookies"),
            "oldKey": session(SIGNED_IN, key=OLD_KEY, engine="signed_cookies"),
        },
        "hashes": {
            "password": "md5$salt$0123456789",
            "sha256": auth_hash("md5$salt$0123456789"),
            "sha1": auth_hash("md5$salt$0123456789", "sha1"),
        },
        "pickles": {
            "plain": pickles(PLAIN, range(2, 6)),
            "binary": pickles(BINARY, range(3, 6)),
            "sets": pickles(SETS, range(4, 6)),
            "mutable": pickles(MUTABLE, [5]),
            "session": pickles(SIGNED_IN, range(2, 6)),
            "zlib": encode(zlib.compress(pickle.dumps(SIGNED_IN, 5), 6)),
        },
        "refusedPickles": refused(),
    }
    print(json.dumps(vectors, indent=2))


if __name__ == "__main__":
    main()
