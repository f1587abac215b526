"""Settings of the saga service: only what differs from the other services."""

from kombu import Queue

from apps.saga.broker import DEADLINES, WAKE_UPS
from apps.saga.service import SERVICE
from shared.settings import Environment, service_settings

environment = Environment.of(SERVICE)
globals().update(
    service_settings(
        SERVICE,
        environment=environment,
        admin=True,
        enums={
            "SagaStatus": "apps.saga.models.SHOWN",
            "SagaStepStatus": "apps.saga.models.StepStatus",
            "DeadLetterStatus": "apps.saga.models.DeadLetter.Status",
        },
    )
)

SWEEP_SECONDS = 2.0  # how long a lost wake-up or a passed deadline may go unseen

CELERY_BROKER_URL = environment.redis_url
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,  # seconds after which a task of a killed worker is given to another
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "max_retries": 1,
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_DEFAULT_QUEUE = WAKE_UPS
# Deadlines do not stand behind wake-ups: a worker takes from its queues in turn.
CELERY_TASK_QUEUES = (Queue(WAKE_UPS), Queue(DEADLINES))
CELERY_TASK_ROUTES = {"apps.saga.tasks.sweep": {"queue": DEADLINES}}
CELERY_BEAT_SCHEDULER = "apps.saga.celery_health:HeartbeatScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = SWEEP_SECONDS
CELERY_BEAT_SCHEDULE = {
    # It never expires, since the next one would stand behind it just as long; not many are let wait (`processes`).
    "sweep": {"task": "apps.saga.tasks.sweep", "schedule": SWEEP_SECONDS},
}
