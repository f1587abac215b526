"""The same saga as a Celery chain, as its documents have it: a task for each step, the next one when it is done."""

import os

import psycopg
from celery import Celery

from benchmarks.peers.sagas.statements import STEPS

app = Celery("chain", broker=os.environ.get("BROKER"), backend=os.environ.get("BACKEND"))
app.conf.update(
    worker_prefetch_multiplier=4,
    task_acks_late=True,  # a killed worker loses no step, as with the others
    result_expires=600,
    broker_connection_retry_on_startup=True,
)
connections: list[psycopg.Connection] = []


@app.task
def step(order: int, name: str) -> int:
    """One statement, one transaction. Returns the order, for the next step."""
    if not connections:
        connections.append(psycopg.connect(os.environ["DATABASE"], autocommit=True))
    done = connections[0].execute(STEPS[name], (order,))
    if done.rowcount != 1:
        raise RuntimeError(f"{name} of {order} changed {done.rowcount} rows")
    return order
