"""Django's error handlers, for a `urls.py` to import: problem documents also where no view was reached."""

handler400 = "shared.http.problems.bad_request"
handler404 = "shared.http.problems.not_found"
handler500 = "shared.http.problems.server_error"
