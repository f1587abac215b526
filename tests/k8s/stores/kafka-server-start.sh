#!/bin/sh
# shellcheck disable=SC2086 # options are separate words
exec java ${KAFKA_HEAP_OPTS:-} -XX:+UseSerialGC -cp '/opt/kafka/libs/*' kafka.Kafka "$@"
