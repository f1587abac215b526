"""What can go wrong with a saga or a dead letter."""

from shared.http.problems import Problem


class SagaFinished(Problem):
    """There is nothing to wake."""

    slug = "saga-finished"
    status_code = 409
    title = "The saga has ended"


class DeadLetterSettled(Problem):
    """It was replayed or discarded before."""

    slug = "dead-letter-settled"
    status_code = 409
    title = "The dead letter is dealt with"


class KafkaAway(Problem):
    """The message could not be sent."""

    slug = "kafka-unavailable"
    status_code = 503
    title = "Kafka cannot be reached"
    default_detail = "Kafka did not take the message. Nothing was changed; try again shortly."
