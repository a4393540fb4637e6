"""Builds Celery's workflows from JSON: ["chain", …], ["group", …], ["chord", [header], body],
["chunks", task, items, size], or a signature."""

from celery import chain, chord, group
from celery.canvas import chunks

from celery_app import app


def build(part):
    if isinstance(part, dict):
        queue = "python" if part["task"].startswith("py.") else "celery"
        signature = app.signature(
            part["task"],
            args=part.get("args", []),
            queue=queue,
            immutable=part.get("immutable", False),
            **part.get("options", {}),
        )
        for errback in part.get("link_error", []):
            signature.link_error(build(errback))
        for callback in part.get("link", []):
            signature.link(build(callback))
        return signature
    kind, *parts = part
    if kind == "chord":
        header, body = parts
        return chord([build(one) for one in header], build(body))
    if kind == "chunks":
        task, items, size = parts
        return chunks(app.signature(task), items, size).group()
    return {"chain": chain, "group": group}[kind](*[build(one) for one in parts])


# Celery tells one object for each id of its end: whoever asks for a result must have that one.
known = {}


def start(part):
    """Sends it; returns the ids of what it results in."""
    result = build(part).apply_async()
    results = result.results if hasattr(result, "results") else [result]
    known.update({one.id: one for one in [result, *results]})
    return [one.id for one in results]


def start_saved(part):
    """Sends a group, and saves which results it has."""
    result = build(part).apply_async()
    known[result.id] = result
    result.save()
    return result.id
