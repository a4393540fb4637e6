"""The same with Channels: AsyncJsonWebsocketConsumer, groups, daphne in front."""

import os

import django
from django.conf import settings

redis_url = os.environ.get("BENCH_REDIS_URL")
layer = (
    {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [redis_url]},
    }
    if redis_url
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
)
settings.configure(ALLOWED_HOSTS=["*"], CHANNEL_LAYERS={"default": layer})
django.setup()

from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

TEXT = "x" * 100


class Room(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room, self.channel_name)

    async def receive_json(self, content):
        await self.channel_layer.group_send(
            self.room, {"type": "said", "n": content["n"], "text": TEXT}
        )

    async def said(self, event):
        await self.send_json(event)


application = ProtocolTypeRouter(
    {"websocket": URLRouter([re_path(r"^rooms/(?P<room>[\w-]+)$", Room.as_asgi())])}
)
