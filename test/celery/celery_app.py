"""The Celery application of the tests: its tasks, as a worker and as a caller know them."""

import os
import time

from celery import Celery

app = Celery("celery_app", broker=os.environ["BROKER_URL"], backend=os.environ["RESULT_URL"])
app.conf.update(
    accept_content=["json", "yaml"],
    broker_transport_options={"visibility_timeout": 3600, "global_keyprefix": os.environ.get("KEY_PREFIX", "")},
    worker_prefetch_multiplier=1,
    # On a busy machine a new process of the pool needs longer than four seconds; given up, it takes its task with it.
    worker_proc_alive_timeout=60,
    task_queue_max_priority=int(os.environ.get("MAX_PRIORITY", 0)) or None,
    task_acks_late=os.environ.get("ACKS_LATE") == "1",
)


@app.task(name="py.echo")
def echo(*args, **kwargs):
    return {"args": args, "kwargs": kwargs}


@app.task(name="py.fail")
def fail(text):
    raise ValueError(text)


@app.task(name="py.flaky", bind=True, max_retries=3)
def flaky(self, times):
    if self.request.retries < times:
        raise self.retry(exc=RuntimeError("not yet"), countdown=0.1)
    return self.request.retries


@app.task(name="py.slow")
def slow(seconds):
    time.sleep(seconds)
    return "slept"


@app.task(name="shared.slow")
def shared(wait_ms):
    return "python"


@app.task(name="py.repr")
def represent(*args, **kwargs):
    return repr((args, kwargs))


@app.task(name="py.time")
def now(_name):
    return time.time()


@app.task(name="py.request", bind=True)
def request(self):
    """What a task sees of how it was called."""
    seen = ("id", "timelimit", "shadow", "expires", "root_id", "parent_id", "group", "ignore_result", "headers")
    found = {name: getattr(self.request, name, None) for name in seen}
    found["priority"] = self.request.delivery_info.get("priority")
    found["tenant"] = getattr(self.request, "x-tenant", None)
    found["numbers"] = getattr(self.request, "numbers", None)
    return found


@app.task(name="py.add")
def add(*numbers):
    return sum(numbers)


@app.task(name="py.sum")
def total(numbers):
    return sum(numbers)


@app.task(name="py.list")
def to_list(*values):
    return list(values)


@app.task(name="py.progress", bind=True)
def progress(self, path):
    """In a state of its own until somebody writes a file."""
    self.update_state(state="PROGRESS", meta={"done": 1})
    deadline = time.time() + 30
    while not os.path.exists(path) and time.time() < deadline:
        time.sleep(0.02)
