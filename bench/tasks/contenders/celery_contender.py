"""Celery as a contender: a process that sends no-op tasks, or works on them. See orders.ts."""

import json
import os
import sys
import threading
import time

from celery import Celery
from celery.signals import worker_ready

url = sys.argv[1]
app = Celery("bench", broker=url, backend="rpc://" if url.startswith("amqp") else url)
app.conf.update(
    task_acks_late=True,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
if len(sys.argv) > 2:
    app.conf.result_backend = sys.argv[2]


@app.task(name="bench.noop")
def noop():
    return None


def send(order):
    started = time.perf_counter()
    for _ in range(order["count"]):
        noop.delay()
    return order["count"] / (time.perf_counter() - started)


def round_trips(order):
    times = []
    for _ in range(order["count"]):
        started = time.perf_counter()
        noop.delay().get()
        times.append((time.perf_counter() - started) * 1000)
    return times


def work(_):
    """The solo pool: on two cores it is faster than the others."""
    ready = threading.Event()
    worker_ready.connect(lambda **_: ready.set(), weak=False)
    options = ["--quiet", "worker", "--pool", "solo", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    threading.Thread(target=app.worker_main, args=(options,), daemon=True).start()
    ready.wait(30)


ORDERS = {"send": send, "send-many": send, "round-trips": round_trips, "work": work}
# What Celery prints is not an answer.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    order = json.loads(line)
    answers.write(json.dumps(ORDERS[order["do"]](order)) + "\n")
    answers.flush()
