"""What the saga service is, needs, hears and says."""

from datetime import timedelta

from shared.declaration import CONSUMER, OUTBOX, RELAY, DeadLetters, Evidence, Process, Service

# Passed for sagas that somebody else has locked, or that failed.
WAKE_UP = ("saga.before-wake", "saga.after-wake")
WORKER = ("saga.task-begun", "saga.written", "saga.committed")

SERVICE = Service(
    name="saga",
    port=8006,
    redis=4,  # Celery's broker: wake-ups, which may be lost
    database="postgres",
    processes=(
        Process("api", passes=("replay.sent",), not_under_load=("replay.sent",)),
        Process(
            "consumer",
            stores=("redis",),
            passes=(*CONSUMER, "saga.written", "outbox.committed", *WAKE_UP, *RELAY),
            not_under_load=("dead-letter.sent", *WAKE_UP),
        ),
        Process("worker", passes=(*WORKER, *OUTBOX)),
        Process("beat"),
    ),
    writes=("order.commands", "stock.commands", "basket.commands"),
    listens_to=(
        "order.submitted.v1",
        "order.cancellation-requested.v1",
        "order.confirmed.v1",
        "order.rejected.v1",
        "order.cancelled.v1",
        "stock.reserved.v1",
        "stock.rejected.v1",
        "stock.committed.v1",
        "stock.released.v1",
    ),
    crash_points={
        "replay.sent": "a dead letter is on its way back to its service, it is not marked as replayed",
        "saga.before-wake": "events that could not be applied are committed, Celery is not woken",
        "saga.after-wake": "Celery is woken",
        "saga.task-begun": "a task has begun, nothing is locked",
        "saga.written": "sagas and their commands are written, not committed",
        "saga.committed": "sagas have moved, the task is not acknowledged",
    },
    # From when they came; longer than Kafka keeps them, which would bring them again.
    keeps={"dead letters that are settled": timedelta(days=90)},
    tags={
        "sagas": "Where the placing of each order stands (saga service).",
        "dead-letters": "Messages that a service gave up on, for managers (saga service).",
    },
    evidence=Evidence(
        of_orders={"saga": "SELECT order_id, status, is_stuck, step FROM saga_saga ORDER BY order_id"},
        under_way="""
            SELECT count(*) FROM saga_saga WHERE status IN ('running', 'compensating') AND NOT is_stuck
        """,
        waits={"saga, as events": "SELECT count(*) FROM saga_sagaevent"},
        # Each once: a consumer that has to read its topics anew gives up again what it gave up before.
        dead_letters=DeadLetters(
            waiting="""
                SELECT DISTINCT topic, service, split_part(error, E'\\n', 1) FROM saga_deadletter
                WHERE status = 'waiting' ORDER BY 1, 2, 3
            """,
            headers="SELECT headers FROM saga_deadletter",
        ),
    ),
)
