"""A small Django site in a process of its own, whose users sign in over HTTP.

Takes one argument, a JSON object: folder, engine, and optionally cache ("redis", "database" or
"file"), redis (a URL), settings (more settings). Prints {"port": …} when it listens on a free port.
"""

import json
import os
import pickle
import sys
import time
from importlib.util import find_spec
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.http import JsonResponse
from django.urls import path


class RedisCache(BaseCache):
    """Keeps values as the Redis cache of Django 4.0 and later does; Debian's Django has none."""

    def __init__(self, location, params):
        super().__init__(params)
        import redis

        self.client = redis.Redis.from_url(location)

    def add(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        return self._set(key, value, timeout, version, nx=True)

    def set(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        self._set(key, value, timeout, version)

    def get(self, key, default=None, version=None):
        value = self.client.get(self.make_key(key, version))
        return default if value is None else pickle.loads(value)

    def delete(self, key, version=None):
        return bool(self.client.delete(self.make_key(key, version)))

    def _set(self, key, value, timeout, version, nx=False):
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return bool(self.client.set(self.make_key(key, version), data, ex=seconds, nx=nx))


def redis_cache():
    own = "django.core.cache.backends.redis"
    return own + ".RedisCache" if find_spec(own) else "django_site.RedisCache"


def cache_settings(config):
    folder = config["folder"]
    return {
        "redis": {"BACKEND": redis_cache(), "LOCATION": config.get("redis", "")},
        "database": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "cache_table",
        },
        "file": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": os.path.join(folder, "cache"),
        },
    }[config.get("cache", "file")]


def configure(config):
    sys.modules["django_site"] = sys.modules["__main__"]
    settings.configure(
        **{
            "ALLOWED_HOSTS": ["*"],
            "SECRET_KEY": "a key for tests of this project only",
            "DATABASES": {
                "default": {
                    "ENGINE": "django.db.backends.sqlite3",
                    "NAME": os.path.join(config["folder"], "site.sqlite3"),
                    "OPTIONS": {"timeout": 20},
                }
            },
            "CACHES": {"default": cache_settings(config)},
            "DEFAULT_AUTO_FIELD": "django.db.models.AutoField",
            "INSTALLED_APPS": [
                "django.contrib.auth",
                "django.contrib.contenttypes",
                "django.contrib.sessions",
            ],
            "MIDDLEWARE": [
                "django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
            ],
            # Slow hashes are not what is tested here.
            "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
            "ROOT_URLCONF": "django_site",
            "SESSION_ENGINE": "django.contrib.sessions.backends." + config["engine"],
            "TIME_ZONE": "UTC",
            "USE_TZ": True,
            **config.get("settings", {}),
        }
    )
    # What Django does itself with a settings module.
    os.environ["TZ"] = settings.TIME_ZONE
    time.tzset()
    django.setup()


def create_database(config):
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    if config.get("cache") == "database":
        call_command("createcachetable")
    for name in ("ada", "grace"):
        User.objects.create_user(name, password="secret of " + name)


def sign_in(request):
    from django.contrib.auth import authenticate, login

    fields = json.loads(request.body)
    user = authenticate(request, username=fields["name"], password=fields["password"])
    if user is None:
        return JsonResponse({"error": "unknown"}, status=403)
    request.session["basket"] = {"items": [1, 2.5, None, True], "note": "grüße, " * 20}
    login(request, user)
    return JsonResponse({"id": user.id})


def sign_out(request):
    from django.contrib.auth import logout

    logout(request)
    return JsonResponse({})


def change(request):
    """Changes a user: {"name": …, "password": …} or {"name": …, "is_active": …}."""
    from django.contrib.auth.models import User

    fields = json.loads(request.body)
    user = User.objects.get(username=fields["name"])
    if "password" in fields:
        user.set_password(fields["password"])
    user.is_active = fields.get("is_active", user.is_active)
    user.save()
    return JsonResponse({})


def who(request):
    return JsonResponse({"name": request.user.username or None})


urlpatterns = [
    path("sign-in", sign_in),
    path("sign-out", sign_out),
    path("change", change),
    path("who", who),
]


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def main():
    config = json.loads(sys.argv[1])
    configure(config)
    create_database(config)
    from django.core.wsgi import get_wsgi_application

    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=QuietHandler)
    print(json.dumps({"port": server.server_port}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
