"""One message of every kind as it once went over the wire: what was sent yesterday must still be understood.

`order.confirmed.v1.json` beside this file holds the headers and the payload of a complete message, and the
fields with what each may be. Tests read yesterday's files with today's classes. After a harmless change, such
as a new optional field, `python -m shared.contracts.golden write` brings the files up to date.
"""
