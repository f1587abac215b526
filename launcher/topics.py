"""Make the Kafka topics that the contracts name; those that are there already get today's settings and keep their data.

`python -m launcher.topics ADDRESS` does it for compose.yaml.
"""

import sys

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from launcher.addresses import kafka_address
from launcher.errors import LauncherError
from launcher.instance import Instance
from shared.contracts.topics import DEAD_LETTER_DAYS, PARTITIONS, REPLAYS, RETENTION_DAYS, TOPICS

TIMEOUT_SECONDS = 60.0
DAY_MILLISECONDS = 24 * 3600 * 1000


def create_topics(instance: Instance) -> None:
    """The topics of a platform of ours."""
    create_at(kafka_address(instance))


def create_at(address: str) -> None:
    """Each topic of the contracts, and beside it the one for its dead letters."""
    client = AdminClient({"bootstrap.servers": address, "socket.timeout.ms": 30_000, "log_level": 0})
    try:
        existing = set(client.list_topics(timeout=TIMEOUT_SECONDS).topics)
        missing = [each for each in wanted() if each.topic not in existing]
        for future in (client.create_topics(missing) if missing else {}).values():
            future.result(timeout=TIMEOUT_SECONDS)
        for change in client.incremental_alter_configs([_settings(each) for each in wanted()]).values():
            change.result(timeout=TIMEOUT_SECONDS)
    except (KafkaException, TimeoutError) as error:
        raise LauncherError(
            f"Kafka's topics could not be made: {error}", "See `manage_all.py logs kafka`."
        ) from error


def empty_topics(instance: Instance) -> None:
    """Forget what is on the topics of the contracts, for a platform that has never run. Raises LauncherError."""
    client = AdminClient({"bootstrap.servers": kafka_address(instance), "log_level": 0})
    try:
        existing = set(client.list_topics(timeout=TIMEOUT_SECONDS).topics)
        names = [each.topic for each in wanted() if each.topic in existing]
        for future in (client.delete_topics(names) if names else {}).values():
            future.result(timeout=TIMEOUT_SECONDS)
    except (KafkaException, TimeoutError) as error:
        raise LauncherError(
            f"Kafka's topics could not be emptied: {error}", "See `manage_all.py logs kafka`."
        ) from error
    create_topics(instance)


def wanted() -> list[NewTopic]:
    """Every topic of the contracts, and beside it the one for its dead letters, with its settings."""
    # Whole segments are deleted, by their newest message, and one gathers a week of a quiet topic unless it is told:
    # then messages would come again that the inboxes, which remember for a day more, have forgotten.
    retention = {
        "retention.ms": str(RETENTION_DAYS * DAY_MILLISECONDS),
        "segment.ms": str(DAY_MILLISECONDS // 2),
    }
    letters = {**retention, "retention.ms": str(DEAD_LETTER_DAYS * DAY_MILLISECONDS)}
    compacted = {"cleanup.policy": "compact"}
    for_messages = [
        _new(topic.name, topic.partitions, compacted if topic.compacted else retention)
        for topic in (*TOPICS, *REPLAYS.values())
    ]
    for_letters = [
        *(_new(topic.dead_letter, PARTITIONS, letters) for topic in TOPICS),
        *(_new(topic.dead_letter, topic.partitions, letters) for topic in REPLAYS.values()),
    ]
    return [*for_messages, *for_letters]


def _new(name: str, partitions: int, config: dict[str, str]) -> NewTopic:
    return NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)


def _settings(topic: NewTopic) -> ConfigResource:
    """What the topic is told, for one that an earlier release has made."""
    settings = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in (topic.config or {}).items()
    ]
    return ConfigResource(ResourceType.TOPIC, topic.topic, incremental_configs=settings)


if __name__ == "__main__":
    create_at(sys.argv[1])
