"""A look-up that Django's backend for MongoDB does not have."""

from django.db.models import Lookup
from django_mongodb_backend.fields import ArrayField


@ArrayField.register_lookup
class HasPrefix(Lookup):
    """`words__has_prefix="esp"`: an element begins with this. The expression is anchored, so an index answers it."""

    lookup_name = "has_prefix"
    prepare_rhs = False

    def as_mql_path(self, compiler: object, connection: object) -> dict[str, object]:
        """MongoDB's own form; words hold letters and digits only, so there is nothing to escape."""
        return {self.lhs.target.column: {"$regex": f"^{self.rhs}"}}
