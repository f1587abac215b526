"""How a process tells what it is doing: logs, trace context, metrics, probes."""
