"""What managers type about products and categories, judged by the API's own rules and saved by the operations.

A form of the admin that is valid has been carried out: what the operation refuses is an error of the form, so nothing
of what was typed is lost.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms

from apps.product import operations, queries
from apps.product.currencies import CURRENCIES
from apps.product.errors import PictureMissing, SlugTaken, UnknownCategories, texts_of
from apps.product.models import Category, Product
from apps.product.serializers import CategoryInput, ProductInput, show_product
from shared.http.bodies import BodySerializer
from shared.http.preconditions import PreconditionFailed
from shared.http.problems import Problem

MOST_CATEGORIES = 1_000  # in a list to choose from
AS_CHECKBOXES = 40
SHOWN = 200  # characters of a value that is told
EMPTY = "(empty)"


class ChangedMeanwhile(PreconditionFailed):
    """Somebody else changed it after the form was opened; `found` is what it is now."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found


class UnvalidatedCharField(forms.CharField):
    """A text that the API's rules judge, not Django's: nothing is required or trimmed here."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, strip=False, **options)


@dataclass(frozen=True)
class Writes:
    """The two operations that a form is carried out by."""

    create: Callable[[Any], Any]  # its fields
    change: Callable[[str, Any, operations.Precondition], Any]  # the id, its fields, what must hold


class OperationForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that is judged by `rules` and carried out by an operation; `seen` is the state that it was opened on."""

    rules: ClassVar[type[BodySerializer[Any]]]
    shown: ClassVar[tuple[str, ...]]  # the fields of the body
    writes: ClassVar[Writes]
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was = self.instance if self.instance.pk else None
        self.done: Any = None
        self.initial["seen"] = self.state_of(self.was) if self.was else ""

    def state_of(self, found: Any) -> str:
        """What changes whenever `found` does: all that is shown of it."""
        return " ".join(map(str, self.values_of(found).values()))

    def values_of(self, found: Any) -> dict[str, Any]:
        """The fields of `found`, as the form has them."""
        return {name: getattr(found, name) for name in self.shown}

    def body(self) -> dict[str, Any]:
        """What the API would be sent; an empty slug is none."""
        return {
            name: self.cleaned_data[name] for name in self.shown if name != "slug" or self.cleaned_data[name]
        }

    def carry_out(self, fields: Any) -> Any:
        """Create it, or change it if nobody else has meanwhile."""
        if self.was:
            return self.writes.change(str(self.was.pk), fields, self.precondition())
        return self.writes.create(fields)

    def full_clean(self) -> None:
        """Judge what was typed, and where it is good, do it."""
        super().full_clean()
        if not self.is_bound or self.errors:
            return
        body = self.rules(instance=self.was, data=self.body())
        if not body.is_valid():
            self._refuse(body.errors)
            return
        try:
            self.done = self.carry_out(body.validated_data)
        except ChangedMeanwhile as changed:
            self._show_conflict(changed.found)
        except (PictureMissing, SlugTaken, UnknownCategories) as refused:
            self._refuse(refused.detail)
        except Problem as problem:
            self.add_error(None, str(problem.detail))

    def _post_clean(self) -> None:
        """Nothing: the instance is changed by the operation."""

    def _refuse(self, errors: Any) -> None:
        for name, found in errors.items():
            for text in texts_of(found):
                self.add_error(name if name in self.fields else None, text)

    def _show_conflict(self, found: Any) -> None:
        """What is otherwise now, beside what was typed; saved again, what was typed is what counts."""
        now = self.values_of(found)
        data: Any = self.data
        self.data = changed = data.copy()
        changed[self.add_prefix("seen")] = self.state_of(found)
        self.add_error(
            None,
            "Somebody else changed this meanwhile. Nothing of yours is saved yet: what differs is named below. "
            "Save again to put what stands here in its place.",
        )
        for name in self.shown:
            typed, there = self.readable(name, self.cleaned_data.get(name)), self.readable(name, now[name])
            if typed != there:
                self.add_error(name, f"It is now: {there or EMPTY}. You have: {typed or EMPTY}.")

    def readable(self, name: str, value: Any) -> str:
        """A value as people read it."""
        return str(value)[:SHOWN]

    def precondition(self) -> operations.Precondition:
        """That it is what it was when the form was opened."""
        seen = self.cleaned_data["seen"]

        def check(found: Any) -> None:
            if self.state_of(found) != seen:
                raise ChangedMeanwhile(found)

        return check

    def save(self, commit: bool = True) -> Any:
        """What the operation left behind; it is saved."""
        return self.done

    def save_m2m(self) -> None:
        """Nothing is left to be saved."""


def categories_to_choose(kept: Iterable[Any] = ()) -> list[tuple[str, str]]:
    """Categories by name, `MOST_CATEGORIES` of them and those that are `kept` in any case."""
    first: Any = queries.categories()[0:MOST_CATEGORIES]
    known = {str(each.pk): each.name for each in first}
    if others := [each for each in kept if str(each) not in known]:
        known |= {str(each.pk): each.name for each in Category.objects.filter(pk__in=others)}
    return list(known.items())


class ProductForm(OperationForm):
    """A product."""

    rules = ProductInput
    writes = Writes(operations.create_product, operations.change_product)
    shown = ("name", "slug", "description", "price", "currency", "categories", "image", "is_active")

    name = UnvalidatedCharField()
    slug = UnvalidatedCharField(help_text="Its name in addresses; made from the name where it is empty.")
    description = UnvalidatedCharField(widget=forms.Textarea(attrs={"rows": 6, "cols": 60}))
    price = UnvalidatedCharField(
        widget=forms.TextInput(attrs={"inputmode": "decimal"}), help_text="With a point: 12.50"
    )
    currency = forms.ChoiceField(
        choices=[(each, each) for each in sorted(CURRENCIES)], required=False, initial="EUR"
    )
    categories = forms.MultipleChoiceField(required=False)
    image = UnvalidatedCharField(
        label="Picture's address",
        widget=forms.TextInput(attrs={"size": 60}),
        help_text="A public https:// address, or one of this shop's own below /media/.",
    )
    is_active = forms.BooleanField(label="Active", required=False, initial=True, help_text="In the shop.")

    class Meta:
        model = Product
        fields = ("name", "slug", "description", "price", "currency", "categories", "image", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.was:
            self.initial.update(self.values_of(self.was))
        choices = categories_to_choose(self.was.categories if self.was else ())
        widget = forms.CheckboxSelectMultiple if len(choices) <= AS_CHECKBOXES else forms.SelectMultiple
        field: Any = self.fields["categories"]
        field.widget = (
            widget(choices=choices)
            if widget is forms.CheckboxSelectMultiple
            else widget(choices=choices, attrs={"size": 15})
        )
        field.choices = choices

    def state_of(self, found: Any) -> str:
        """Its version."""
        return str(found.version)

    def values_of(self, found: Any) -> dict[str, Any]:
        """As the API shows them, the picture as it is kept."""
        known = show_product(found, queries.categories_of([found]))
        return {
            **{name: known[name] for name in self.shown},
            "categories": [each["id"] for each in known["categories"]],
            "image": found.image,
        }

    def readable(self, name: str, value: Any) -> str:
        """Categories by name."""
        if name == "categories":
            known = dict(self.fields["categories"].choices)  # type: ignore[attr-defined]
            return ", ".join(sorted(known.get(str(each), str(each)) for each in value or ()))
        if name == "is_active":
            return "yes" if value else "no"
        return super().readable(name, value)


class CategoryForm(OperationForm):
    """A category."""

    rules = CategoryInput
    writes = Writes(operations.create_category, operations.change_category)
    shown = ("name", "slug")

    name = UnvalidatedCharField()
    slug = UnvalidatedCharField(help_text="Its name in addresses; made from the name where it is empty.")

    class Meta:
        model = Category
        fields = ("name", "slug")


class PercentForm(forms.Form):
    """So many per cent more or less."""

    percent = forms.DecimalField(
        min_value=-99, max_value=1000, max_digits=6, decimal_places=2, label="Change by per cent"
    )

    def clean_percent(self) -> Any:
        """The number; 0 would change nothing."""
        percent = self.cleaned_data["percent"]
        if not percent:
            raise forms.ValidationError("0 per cent changes nothing.")
        return percent


class CategoryChoiceForm(forms.Form):
    """One category."""

    category = forms.ChoiceField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = categories_to_choose()  # type: ignore[attr-defined]


class ImportForm(forms.Form):
    """A file of products."""

    file = forms.FileField(label="CSV file", widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}))
