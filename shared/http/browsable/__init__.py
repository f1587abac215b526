"""The API as pages for people: what is there as tables, and a form for everything that the caller may do.

A view says with `form` what only it knows of an operation, and may have:

- `page_links`: method, `data -> Iterable[Lead]`: where else a person may want to go from here;
- `page_data`: method, what an address without GET is about, as data or, with its entity tag, as an answer;
- `links`: name of a member -> address, `{…}` of which are members of the same object;
- `row_links`: label -> address, for each row of a list;
- `columns`: which members a list shows, for lists of long things;
- `query_serializer`: what the query of a list may hold, where no `filterset_class` says so.
"""

from shared.http.browsable.declared import Choices, Form, Lead, form

__all__ = ["Choices", "Form", "Lead", "form"]
