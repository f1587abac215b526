"""What Keycloak calls the customer, kept with the order for whoever looks it up."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Null in the orders that are there, and in those that old code writes meanwhile."""

    dependencies: ClassVar = [("order", "0003_free_baskets_of_rejected_orders")]
    operations: ClassVar = [
        migrations.AddField("order", "customer_name", models.CharField(max_length=255, null=True)),
        migrations.AddField("order", "customer_email", models.CharField(max_length=254, null=True)),
    ]
