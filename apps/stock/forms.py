"""What managers type about levels, judged as the API judges it."""

from uuid import uuid4

from django import forms

from apps.stock.operations import MAX_ON_HAND
from apps.stock.serializers import DeltaField
from shared.http.fields import LINE_WITH_TEXT


class OnHandForm(forms.Form):
    """Somebody counted. `seen` is what the page said when the form was filled in."""

    on_hand = forms.IntegerField(min_value=0, max_value=MAX_ON_HAND, label="On hand")
    seen = forms.IntegerField(widget=forms.HiddenInput)


class AdjustmentForm(forms.Form):
    """So many came or went. `key` makes a form that is sent twice count once."""

    delta = forms.IntegerField(min_value=-MAX_ON_HAND, max_value=MAX_ON_HAND, label="Change by")
    reason = forms.RegexField(
        LINE_WITH_TEXT, max_length=200, strip=True, error_messages={"invalid": "Write one line of text."}
    )
    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def clean_delta(self) -> int:
        """The number; 0 would change nothing."""
        delta: int = self.cleaned_data["delta"]
        if not delta:
            raise forms.ValidationError(DeltaField.default_error_messages["zero"])
        return delta


class CountForm(forms.Form):
    """A file of counted products."""

    file = forms.FileField(label="CSV file", widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}))
