"""What a saga remembers of its failures, and which definition moved it last."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("saga", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="saga",
            name="version",
            field=models.SmallIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="saga",
            name="failures",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="saga",
            name="retry_at",
            field=models.DateTimeField(null=True),
        ),
    ]
