"""The catalogue in the back office: products one by one, many at once, and from files; their categories."""

from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from django.conf import settings
from django.contrib import admin, messages
from django.core.signing import BadSignature
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.product import bulk, image_urls, imports, operations, queries
from apps.product.admin_list import ProductPaginator, found_by, listing_of
from apps.product.forms import (
    CategoryChoiceForm,
    CategoryForm,
    ImportForm,
    PercentForm,
    ProductForm,
    categories_to_choose,
)
from apps.product.models import Category, Product
from apps.product.search_terms import plain
from shared.admin import options
from shared.admin.figures import MOST, Figure, figure
from shared.admin.options import COUNTED, ReadOnlyAdmin, only_posted
from shared.admin.spreadsheets import UnreadableFile, csv_answer, read_csv
from shared.http.problems import Problem

EXPORTED = COUNTED  # products of one file
NONE = "none"  # the category of products that are in none
FORMS: dict[str, type[Form]] = {
    "change_price": PercentForm,
    "put_into": CategoryChoiceForm,
    "take_out_of": CategoryChoiceForm,
}


class InCategory(admin.SimpleListFilter):
    """Filters products by category."""

    title = "category"
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every category, and what is in none."""
        return [*categories_to_choose(), (NONE, "(in none)")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        """The products of the chosen category."""
        chosen = self.value()
        if not chosen:
            return queryset
        if chosen == NONE:
            return queryset.filter(categories=[])
        if not queries.ID.fullmatch(chosen):
            return queryset.none()
        return queryset.filter(categories__contains=[ObjectId(chosen)])


def _counted(products: QuerySet[Product]) -> Figure:
    found = listing_of(products).count_to(at_most=MOST + 1)
    return Figure(min(found, MOST), found > MOST)


@figure("uncategorised")
def uncategorised() -> Figure:
    """Sold, and in no category: customers find them by searching alone."""
    return _counted(Product.objects.filter(is_active=True, categories=[]))


@figure("archived")
def archived() -> Figure:
    """Archived products."""
    return _counted(Product.objects.filter(is_active=False))


class _ByOperations(ReadOnlyAdmin[Any]):
    """Rows that a form makes and changes, through operations (`apps.product.forms`)."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Managers may; the operation checks the rest."""
        return self.admin_site.has_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Managers may; the operation checks the rest."""
        return self.admin_site.has_permission(request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; None also where what the address names is no id."""
        if not queries.ID.fullmatch(object_id):
            return None
        return super().get_object(request, object_id, from_field)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """As Django's, without its `atomic`: it is no transaction on MongoDB, and forbids the operation's own to end."""
        return self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined,no-any-return]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing: the form's operation has done it, in a transaction of its own."""

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *place: Any
    ) -> HttpResponse | None:
        """As Django's; what is no id cannot be chosen."""
        if all(queries.ID.fullmatch(each) for each in request.POST.getlist("_selected_action")):
            return super().response_action(request, queryset, *place)
        messages.error(request, "What was chosen is not there.")
        return HttpResponseRedirect(request.get_full_path())


@admin.register(Product)
class ProductAdmin(_ByOperations):
    """The list of products, one of them with its form, and what can be done to many."""

    form = ProductForm
    paginator = ProductPaginator
    list_display = ("thumbnail", "title", "cost", "category_names", "is_active", "stock", "updated_at")
    list_display_links = ("title",)
    list_filter = ("is_active", InCategory, "created_at")
    ordering = ("-created_at", "-pk")
    sortable_by = ("title", "cost")  # what an index sorts
    search_fields = ("name",)
    search_help_text = (
        "As in the shop: beginnings of words of the name or the description; or an id, or a slug"
    )
    actions = ("archive", "bring_back", "change_price", "put_into", "take_out_of", "export")
    change_list_template = "admin/product/list.html"
    change_form_template = "admin/product/product.html"
    fields = (
        "name", "slug", "description", ("price", "currency"), "categories", "image", "thumbnail", "is_active",
        "stock", "version", "created_at", "updated_at", "seen",
    )  # fmt: skip
    readonly_fields = ("thumbnail", "stock", "version", "created_at", "updated_at")

    @admin.display(description="picture")
    def thumbnail(self, product: Product) -> SafeString | str:
        """A small picture, where its address is one that a picture may have."""
        address = image_urls.stored(product.image) if product.image else None
        if address is None:
            return ""
        return format_html(
            '<img class="thumbnail" src="{}" alt="{}" loading="lazy" width="48" height="48">',
            image_urls.in_width(address, min(image_urls.WIDTHS)).removeprefix(settings.GATEWAY_URL),
            f"Picture of {product.name}",
        )

    @admin.display(description="name", ordering="name_key")
    def title(self, product: Product) -> str:
        """The product's name."""
        return product.name

    @admin.display(description="price", ordering="price")
    def cost(self, product: Product) -> str:
        """The amount with its currency."""
        return bulk.price_of(product)

    @admin.display(description="categories")
    def category_names(self, product: Product) -> str:
        """Their names; the list looked them up for all its rows together."""
        known = getattr(product, "known_categories", {})
        return ", ".join(known[key].name for key in product.categories if key in known)

    @admin.display(description="stock")
    def stock(self, product: Product) -> SafeString | str:
        """Where its level is: the stock service knows it, and has no copy here."""
        if not product.pk:
            return ""
        return format_html('<a href="/admin/stock/stockitem/{}/change/">level</a>', product.pk)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With the categories of the page's products, in one query."""
        changes = super().get_changelist_instance(request)
        known = queries.categories_of(changes.result_list)
        for product in changes.result_list:
            product.known_categories = known
        return changes

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        """By the index of words, by id, or by slug."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if queries.ID.fullmatch(term):
            return queryset.filter(pk=ObjectId(term)), False
        if "-" in term and (by_slug := queryset.filter(slug=term)).exists():
            return by_slug, False
        return queryset.filter(found_by(term)), False

    @admin.action(description="Archive…")
    def archive(self, request: HttpRequest, products: QuerySet[Product]) -> HttpResponse | None:
        """Archive the selected products, after a preview."""
        return self._preview(request, products, "archive")

    @admin.action(description="Restore…")
    def bring_back(self, request: HttpRequest, products: QuerySet[Product]) -> HttpResponse | None:
        """Restore the selected products, after a preview."""
        return self._preview(request, products, "bring_back")

    @admin.action(description="Change prices by percentage…")
    def change_price(self, request: HttpRequest, products: QuerySet[Product]) -> HttpResponse | None:
        """Change the prices of the selected products by a percentage, after a preview."""
        return self._preview(request, products, "change_price")

    @admin.action(description="Add to a category…")
    def put_into(self, request: HttpRequest, products: QuerySet[Product]) -> HttpResponse | None:
        """In addition to those that they are in."""
        return self._preview(request, products, "put_into")

    @admin.action(description="Remove from a category…")
    def take_out_of(self, request: HttpRequest, products: QuerySet[Product]) -> HttpResponse | None:
        """Remove the selected products from a category, after a preview; their other categories stay."""
        return self._preview(request, products, "take_out_of")

    @admin.action(description=f"Export as CSV ({EXPORTED:,} at most)")
    def export(self, request: HttpRequest, products: QuerySet[Product]) -> HttpResponseBase:
        """A file that can be changed and sent back."""
        found = listing_of(products)[0:EXPORTED]
        return csv_answer("products.csv", imports.COLUMNS, imports.exported(found))

    def get_urls(self) -> list[URLPattern]:
        """The addresses of confirmed bulk changes and of the CSV import."""
        wrapped = self.admin_site.admin_view
        return [
            path("many/", wrapped(only_posted(self.many)), name="product_product_many"),
            path("import/", wrapped(self.import_file), name="product_product_import"),
            *super().get_urls(),
        ]

    def _preview(self, request: HttpRequest, products: QuerySet[Product], action: str) -> HttpResponse | None:
        """What would become of each product, after a question about how much or which."""
        chosen = listing_of(products)[0 : options.MOST + 1]
        if len(chosen) > options.MOST:
            most = f"{options.MOST:,} products at once are the most: search or filter for fewer."
            messages.error(request, most)
            return None
        page: dict[str, Any] = {"title": bulk.CHANGES[action].question, "chosen": len(chosen)}
        parameter = ""
        if action in FORMS:
            form = FORMS[action](request.POST if "asked" in request.POST else None)
            page |= {
                "form": form,
                "action": action,
                "ids": request.POST.getlist("_selected_action"),
                "everything": request.POST.get("select_across") == "1",
                "address": request.get_full_path(),
            }
            if not form.is_valid():
                return self._page(request, "admin/product/many.html", page)
            parameter = str(next(iter(form.cleaned_data.values())))
        rows = bulk.previewed(action, parameter, chosen)
        return self._page(
            request,
            "admin/product/many.html",
            page | self._report(rows, bulk.agreement(action, parameter, rows)),
        )

    def many(self, request: HttpRequest) -> HttpResponse:
        """Carry out a bulk change whose preview was confirmed."""
        try:
            action, rows = bulk.agreed(request.POST.get("agreement", ""))
        except BadSignature:
            messages.error(request, "What was agreed to cannot be read any more: choose the products again.")
            return HttpResponseRedirect(reverse("admin:product_product_changelist"))
        return self._carried_out(request, rows, bulk.CHANGES[action].done)

    def import_file(self, request: HttpRequest) -> HttpResponse:
        """Products from a file: the form, what the file would do, and what it did."""
        page = {
            "title": "Import products (CSV)",
            "importing": True,
            "columns": imports.COLUMNS,
            "most": options.MOST,
        }
        if "agreement" in request.POST:
            try:
                rows = imports.agreed(request.POST["agreement"])
            except BadSignature:
                late = "What was agreed to cannot be read any more: send the file again."
                return self._page(
                    request, "admin/product/many.html", page | {"wrong": [late], "form": ImportForm()}
                )
            return self._carried_out(request, rows, "imported")
        if request.method != "POST":
            return self._page(request, "admin/product/many.html", page | {"form": ImportForm()})
        form = ImportForm(request.POST, request.FILES)
        if not form.is_valid():
            wrong = [str(error) for errors in form.errors.values() for error in errors]
            return self._page(
                request, "admin/product/many.html", page | {"wrong": wrong, "form": ImportForm()}
            )
        try:
            rows = imports.checked(read_csv(form.cleaned_data["file"], (), options.MOST, imports.COLUMNS))
            report = self._report(rows, imports.agreement(rows))
        except UnreadableFile as error:
            report = {"wrong": [str(error)]}
        return self._page(request, "admin/product/many.html", page | report | {"form": ImportForm()})

    def _carried_out(self, request: HttpRequest, rows: Sequence[bulk.Row], done: str) -> HttpResponse:
        count = bulk.carry_out(rows)
        if count:
            messages.success(request, f"{count} {'product' if count == 1 else 'products'} {done}.")
        failed = [row for row in rows if row.errors]
        if not failed:
            return HttpResponseRedirect(reverse("admin:product_product_changelist"))
        title = f"{len(failed)} {'product' if len(failed) == 1 else 'products'} could not be {done}"
        return self._page(
            request, "admin/product/many.html", {"title": title, "rows": failed, "failed": True}
        )

    def _report(self, rows: Sequence[bulk.Row], agreement: str) -> dict[str, Any]:
        todo = sum(row.is_to_do for row in rows)
        wrong = sum(bool(row.errors) for row in rows)
        return {
            "rows": [row for row in rows if row.errors or row.is_to_do],
            "todo": todo,
            "wrong_rows": wrong,
            "same": len(rows) - todo - wrong,
            "agreement": agreement if todo else "",
        }

    def _page(self, request: HttpRequest, template: str, page: dict[str, Any]) -> TemplateResponse:
        return TemplateResponse(
            request, template, {**self.admin_site.each_context(request), "opts": self.opts, **page}
        )


@admin.register(Category)
class CategoryAdmin(_ByOperations):
    """Categories: add, rename, delete; each leads to its products."""

    form = CategoryForm
    list_display = ("name", "slug", "products")
    ordering = ("name_key", "pk")
    search_fields = ("name",)
    fields = ("name", "slug", "products", "seen")
    readonly_fields = ("products",)
    sortable_by = ()

    @admin.display(description="products")
    def products(self, category: Category) -> SafeString | str:
        """A link to those that are in it."""
        if not category.pk:
            return ""
        address = reverse("admin:product_product_changelist")
        return format_html('<a href="{}?category={}">its products</a>', address, category.pk)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Category], search_term: str
    ) -> tuple[QuerySet[Category], bool]:
        """By a part of the name, without case and accents."""
        term = plain(search_term)
        return (queryset.filter(name_key__contains=term) if term else queryset), False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Managers may; the operation checks the rest."""
        return self.admin_site.has_permission(request)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the page says before: the products stay."""
        told = [f"{each}: {_products_in(each)}" for each in objs]
        return told, {"categories": len(told)}, set(), []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """As Django's; what the operation refuses is told."""
        try:
            # Without `atomic`, as above.
            return self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined,no-any-return]
        except Problem as problem:
            messages.error(request, str(problem.detail))
            return HttpResponseRedirect(reverse("admin:product_category_changelist"))

    def delete_model(self, request: HttpRequest, obj: Category) -> None:
        """Its products are taken out first, each with its event."""
        operations.delete_category(str(obj.pk))


def _products_in(category: Category) -> str:
    inside = listing_of(Product.objects.filter(categories__contains=[category.pk])).count_to(at_most=COUNTED)
    if not inside:
        return "no product is in it"
    count = f"more than {COUNTED - 1:,}" if inside == COUNTED else f"{inside:,}"
    return f"{count} {'product leaves it and stays' if inside == 1 else 'products leave it and stay'} in the catalogue"
