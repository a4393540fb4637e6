"""A channel layer of channels_redis, driven over standard input and output, one JSON object a line.

    python3 channels_peer.py core '{"hosts": ["redis://127.0.0.1:6379"]}'

A line `{"id": 1, "op": "send", "args": [...]}` is answered with `{"id": 1, "result": ...}` or
`{"id": 1, "error": "..."}`; requests run at the same time. `work` receives from a channel for ever and
writes `{"worked": message}` for each message.
"""

import asyncio
import json
import sys

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer


def to_json(value):
    """JSON has one kind of number and no bytes: what it cannot tell apart is marked."""
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"$int": str(value)}
    if isinstance(value, float):
        return {"$float": repr(value)}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value


def from_json(value):
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if isinstance(value, dict):
        if "$bytes" in value:
            return bytes.fromhex(value["$bytes"])
        if "$int" in value:
            return int(value["$int"])
        if "$float" in value:
            return float(value["$float"])
        if "$map" in value:
            return {key: from_json(item) for key, item in value["$map"]}
        return {key: from_json(item) for key, item in value.items()}
    return value


def write(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


class Peer:
    def __init__(self, layer):
        self.layer = layer
        self.workers = {}

    async def handle(self, request):
        try:
            result = await self.run(request["op"], from_json(request["args"]))
            write({"id": request["id"], "result": to_json(result)})
        except Exception as error:
            write({"id": request["id"], "error": f"{type(error).__name__}: {error}"})

    async def run(self, op, args):
        if op == "work":
            self.workers[args[0]] = asyncio.ensure_future(self.work(args[0]))
            return None
        return await getattr(self.layer, op)(*args)

    async def work(self, channel):
        while True:
            write({"worked": to_json(await self.layer.receive(channel))})


async def main():
    layers = {"core": RedisChannelLayer, "pubsub": RedisPubSubChannelLayer}
    peer = Peer(layers[sys.argv[1]](**json.loads(sys.argv[2])))
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    write({"ready": True})
    tasks = set()
    while line := await reader.readline():
        task = asyncio.ensure_future(peer.handle(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
