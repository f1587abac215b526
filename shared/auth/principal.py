"""The caller that a verified access token names."""

from dataclasses import dataclass, field

CUSTOMER = "customer"
MANAGER = "manager"


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller.

    `subject` is Keycloak's `sub`: the id of the customer in every service. `roles` are the realm roles
    and nothing else. `expires_at` is in seconds since the epoch. `token` is the access token as it came,
    to be handed on in the one call that a service makes for its caller. `email` is what Keycloak knows, empty
    where it names none: an address that somebody gave, not one that is proven to be theirs.
    """

    subject: str
    username: str
    roles: frozenset[str]
    expires_at: float
    token: str = field(repr=False)
    email: str = field(default="", repr=False)

    @property
    def is_authenticated(self) -> bool:
        """Always true: what DRF and its browsable API ask of a user."""
        return True

    @property
    def is_manager(self) -> bool:
        """Whether the caller runs the shop."""
        return MANAGER in self.roles

    @property
    def is_customer(self) -> bool:
        """Whether the caller may shop: the role `manager` includes `customer`."""
        return CUSTOMER in self.roles or self.is_manager

    @property
    def role(self) -> str:
        """The role that says most, for people to read; empty without one."""
        if self.is_manager:
            return MANAGER
        return CUSTOMER if self.is_customer else ""

    def get_username(self) -> str:
        """The name that Django's and DRF's pages show."""
        return self.username

    def __str__(self) -> str:
        return self.username
