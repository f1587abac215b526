"""Orders are looked up by the beginning of a number, an e-mail address, a user name or the name on the parcel."""

from typing import ClassVar

from django.contrib.postgres.indexes import OpClass
from django.db import migrations, models
from django.db.models.fields.json import KT, KeyTextTransform
from django.db.models.functions import Cast, Right, Upper

from shared.messaging.indexes import AddIndexAgain


def beginnings(expression: str | KeyTextTransform, name: str) -> models.Index:
    """As the model has it today."""
    return models.Index(OpClass(Upper(expression), name="text_pattern_ops"), name=name)


class Migration(migrations.Migration):
    """Nobody waits for the indexes."""

    atomic = False
    dependencies: ClassVar = [("order", "0004_who_ordered")]
    operations: ClassVar = [
        AddIndexAgain(
            "order", models.Index(Right(Cast("id", models.TextField()), 12), name="order_number_tail")
        ),
        AddIndexAgain("order", beginnings("customer_email", "order_customer_email")),
        AddIndexAgain("order", beginnings("customer_name", "order_customer_name")),
        AddIndexAgain("order", beginnings(KT("shipping_address__name"), "order_recipient")),
    ]
