"""The whole contract as two documents: `gateway/openapi.json` for HTTP, `docs/asyncapi.json` for Kafka.

`python manage_all.py schema` writes them from the code: the views of every service, the gateway's route table, and
`shared/contracts`. With them it writes what follows from the services' declarations: compose.yaml, databases.sql, tables of
the documents, and lists in k8s/. The static checks of `manage_all.py test` make them anew and fail where they differ.
"""
