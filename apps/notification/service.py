"""What the notification service is, needs and hears."""

from shared.declaration import CONSUMER, Evidence, Process, Service

PUSH = ("notification.before-push", "notification.after-push")

SERVICE = Service(
    name="notification",
    port=8005,
    server="channels",
    redis=3,  # which carries what sockets are told
    database="postgres",
    processes=(
        Process("api"),
        Process(
            "consumer", stores=("redis",), passes=(*CONSUMER, *PUSH), not_under_load=("dead-letter.sent",)
        ),
    ),
    listens_to=(
        "order.confirmed.v1",
        "order.rejected.v1",
        "order.cancelled.v1",
        "order.shipped.v1",
        "order.delivered.v1",
    ),
    crash_points={
        "notification.before-push": "notifications are committed, nobody was told over Redis",
        "notification.after-push": "the announcement is on its way",
    },
    tags={"notifications": "What the caller was told about their orders (notification service)."},
    evidence=Evidence(
        of_orders={
            "told": """
                SELECT order_id, jsonb_object_agg(event, times) FROM (
                    SELECT order_id, event, count(*) AS times FROM notification_notification GROUP BY 1, 2
                ) AS event GROUP BY 1 ORDER BY 1
            """
        },
        invariants={
            "every customer was told once": """
                SELECT format('customer %s: %s notifications, numbered %s to %s', customer_id, count(*), min(id), max(id))
                FROM notification_notification
                GROUP BY customer_id HAVING count(*) <> max(id) OR min(id) <> 1
            """
        },
    ),
)
