"""An ASGI site of Django Channels with one chat consumer; CHANNEL_LAYERS comes as JSON."""

import json
import os

import django
from django.conf import settings

settings.configure(CHANNEL_LAYERS=json.loads(os.environ["CHANNEL_LAYERS"]), SECRET_KEY="test")
django.setup()

from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402


class Chat(AsyncJsonWebsocketConsumer):
    groups = ["lobby"]

    async def receive_json(self, content):
        if content.get("direct"):
            event = {"type": "chat.message", "text": content["text"], "from": self.channel_name}
            await self.channel_layer.send(content["direct"], event)
        elif "text" in content:
            event = {"type": "chat.message", "text": content["text"], "from": self.channel_name}
            await self.channel_layer.group_send("lobby", event)
        else:
            await self.send_json({"channel": self.channel_name})

    async def chat_message(self, event):
        await self.send_json({"text": event["text"], "from": event["from"]})


application = ProtocolTypeRouter({"websocket": Chat.as_asgi()})
