"""What can go wrong with a saga or a dead letter."""

from shared.http.problems import Problem


class Unwritable(Exception):
    """PostgreSQL did not take a batch of sagas; the transaction is lost."""


class SagaFinished(Problem):
    """There is nothing to wake."""

    slug = "saga-finished"
    status_code = 409
    title = "The saga has ended"


class OfLaterRelease(Problem):
    """The saga was moved by a definition that this process does not have."""

    slug = "saga-of-later-release"
    status_code = 409
    title = "The saga is moved by a later release"
    default_detail = (
        "A later release has moved this saga, and this process leaves it alone. Try again after the upgrade."
    )


class DeadLetterSettled(Problem):
    """It was replayed or discarded before."""

    slug = "dead-letter-settled"
    status_code = 409
    title = "The dead letter is dealt with"


class NobodyToReplayTo(Problem):
    """A dead letter that names no service which could take it again."""

    slug = "nobody-to-replay-to"
    status_code = 409
    title = "No service can take the dead letter again"
    default_detail = "The dead letter names no service that takes messages of its topic. Discard it, or have its sender send it anew."


class KafkaAway(Problem):
    """The message could not be sent."""

    slug = "kafka-unavailable"
    status_code = 503
    title = "Kafka cannot be reached"
    default_detail = "Kafka did not take the message. Nothing was changed; try again shortly."
