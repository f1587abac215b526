"""Kafka in KRaft mode: broker and controller in one process, topics made by us and never by accident."""

import base64
import subprocess
import uuid
from pathlib import Path

from launcher.addresses import port_of
from launcher.artifacts import fetch
from launcher.class_archives import Archive
from launcher.errors import LauncherError
from launcher.instance import Instance
from launcher.java import java
from launcher.stores.base import specification as base_specification
from launcher.supervisor.specification import Probe, Specification
from launcher.system import store

NAME = "kafka"
PORT_OF_DETOUR = 8292  # launcher/faults/detours.py: nobody is there but in fault tests
JVM = ("-Xms128m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:MaxMetaspaceSize=128m")


def settings(instance: Instance) -> dict[str, str]:
    """The broker's configuration."""
    port, (controller, behind) = port_of(instance, NAME), map(instance.port, store(NAME).also)
    detour = instance.port(PORT_OF_DETOUR)
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},DETOUR://127.0.0.1:{behind}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},DETOUR://127.0.0.1:{detour}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT",
        "log.dirs": str(instance.data / NAME),
        # One broker: its inner topics cannot have more replicas than that.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(6 * 1024 * 1024),
        "log.segment.bytes": str(64 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.threads": "1",
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    }


def prepare(instance: Instance) -> None:
    """Write the configuration, and format the data directory if that was not done."""
    properties = "".join(f"{name}={value}\n" for name, value in settings(instance).items())
    _configuration(instance).write_text(properties)
    (instance.config / "log4j2-kafka.xml").write_text(_LOGGING)
    if not (instance.data / NAME / "meta.properties").exists():
        _format(instance)


def _format(instance: Instance) -> None:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
    tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(_configuration(instance))]
    # A program that runs for a second gains nothing from the optimising compiler.
    command = [*_java(instance, "-XX:TieredStopAtLevel=1"), *tool]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LauncherError(
            f"Kafka's data directory could not be made:\n{done.stdout}{done.stderr}",
            "Is there room on the disk? `manage_all.py reset` removes what is there.",
        )


def specification(instance: Instance) -> Specification:
    """The broker as the supervisor runs it."""
    options = class_archive(instance).options()
    command = [*_java(instance, *options), "kafka.Kafka", str(_configuration(instance))]
    return base_specification(instance, NAME, command, ready=Probe("tcp", port_of(instance, NAME)))


def class_archive(instance: Instance) -> Archive:
    """What halves the processor time of the broker's start."""
    return Archive(NAME, (*JVM, "-cp", f"{fetch(NAME)}/*"), instance.state / "kafka.classes")


def _java(instance: Instance, *options: str) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={instance.config / 'log4j2-kafka.xml'}"
    return [java(), *JVM, *options, logging, "-cp", f"{fetch(NAME)}/*"]


def _configuration(instance: Instance) -> Path:
    return instance.config / "kafka.properties"


_LOGGING = """<Configuration status="warn">
  <Appenders>
    <Console name="console"><PatternLayout pattern="%d{ISO8601} %-5p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="warn"><AppenderRef ref="console"/></Root>
    <Logger name="kafka.server.KafkaRaftServer" level="info"/>
  </Loggers>
</Configuration>
"""
