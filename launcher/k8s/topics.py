"""Kafka's topics as objects for Strimzi: `python -m launcher.k8s.topics` writes them where overlays/production has them."""

import yaml

from launcher.instance import Instance
from launcher.k8s.kustomize import MANIFESTS
from launcher.stores.kafka import settings
from launcher.topics import wanted

FILE = MANIFESTS / "overlays/production/topics/topics.yaml"
HEAD = """# Made by `python -m launcher.k8s.topics` from shared/contracts/topics.py. Three copies of each message, and a message is
# written when two have it: one broker may be away, and nothing is lost when it is lost for good.
"""
REPLICAS = 3
IN_SYNC = "2"
LARGEST = settings(Instance())["message.max.bytes"]  # a dead letter carries what was too large for a handler


def text() -> str:
    """The file as it should be."""
    return HEAD + yaml.safe_dump_all(
        (
            {
                "apiVersion": "kafka.strimzi.io/v1",
                "kind": "KafkaTopic",
                "metadata": {
                    "name": each.topic,
                    "namespace": "kafka",
                    "labels": {"strimzi.io/cluster": "shop"},
                },
                "spec": {
                    "partitions": each.num_partitions,
                    "replicas": REPLICAS,
                    "config": {
                        "min.insync.replicas": IN_SYNC,
                        "max.message.bytes": LARGEST,
                        **(each.config or {}),
                    },
                },
            }
            for each in wanted()
        ),
        sort_keys=False,
    )


if __name__ == "__main__":
    FILE.write_text(text())
