"""Calls tasks as a Celery client, line by line: what to do comes as JSON, and so does what it came to."""

import io
import json
import sys
from contextlib import redirect_stdout, suppress
from datetime import datetime, timedelta, timezone

from celery.bin.celery import celery
from celery.result import AsyncResult, GroupResult
from kombu import Consumer, Exchange, Queue
from kombu.common import Broadcast

from celery_app import app
from celery_canvas import known, start, start_saved


listening = app.connection_for_read()
heard = []


def hear(body, message):
    heard.append({"body": body, "task": message.headers["task"], "found": message.delivery_info["exchange"]})
    message.ack()


def call(op, *args):
    if op == "send":
        name, positional, named, options = args
        if "expires_in" in options:
            options["expires"] = datetime.now(timezone.utc) + timedelta(seconds=options.pop("expires_in"))
        return app.send_task(name, args=positional, kwargs=named, **options).id
    if op == "get":
        return (known.get(args[0]) or AsyncResult(args[0], app=app)).get(timeout=args[1])
    if op == "canvas":
        return start(args[0])
    if op == "saved group":
        return start_saved(args[0])
    if op == "group":
        return (known.get(args[0]) or GroupResult.restore(args[0], app=app)).get(timeout=args[1])
    if op == "tree":
        result = AsyncResult(args[0], app=app)
        return {"state": result.state, "info": result.info, "children": [child.id for child in result.children or []]}
    if op == "state":
        return AsyncResult(args[0], app=app).state
    if op == "revoke":
        app.control.revoke(args[0], terminate=args[1])
        return None
    if op == "command":
        # As `celery -A celery_app …` in a terminal, without the second that a process takes to start.
        with redirect_stdout(io.StringIO()) as said:
            celery.main(["-A", "celery_app", *args], standalone_mode=False)
        return said.getvalue()
    if op == "bind":
        exchange, kind, key, queue = args
        with app.connection_for_write() as connection:
            priorities = app.conf.task_queue_max_priority
            Queue(queue, Exchange(exchange, kind), key, max_priority=priorities)(connection.default_channel).declare()
        return None
    if op == "listen":
        # As a worker does whose `task_queues` have a `Broadcast`; drained once, it has subscribed.
        consumer = Consumer(listening.default_channel, [Broadcast(args[0], routing_key="celery")], callbacks=[hear])
        consumer.consume()
        with suppress(OSError):
            listening.drain_events(timeout=0.2)
        return None
    if op == "heard":
        while not heard:
            listening.drain_events(timeout=args[0])
        return heard.pop()
    if op == "sweep":
        # What a worker does every hundred seconds, with an hour that is over at once.
        with app.connection_for_read() as connection:
            channel = connection.default_channel
            channel.visibility_timeout = 0
            channel.qos.restore_visible()
        return None
    raise KeyError(op)


for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"]}
    try:
        answer["result"] = call(request["op"], *request["args"])
    except Exception as error:  # told to whoever asked
        answer["error"] = "{}.{}: {}".format(type(error).__module__, type(error).__name__, error)
    print(json.dumps(answer), flush=True)
