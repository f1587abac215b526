"""The fault kit: `manage_all.py chaos` breaks a running platform under load and holds it to its promises.

`load` buys, `record` keeps what each client was told, `schedule` draws faults from a seed, `inject` does them,
`answers` compares what clients were told with what the databases say. `network` is for tests: a store's address
that refuses, delays, or does the work and loses the answer.
"""
