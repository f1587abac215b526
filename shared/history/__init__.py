"""Who changed what: a line for every change that a person or a command made, in the service's own store (ADR 0021).

`shared.history.record` writes it in the change's own transaction; the admin shows it (`shared.history.admin`).
"""
