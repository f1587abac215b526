// DRF's csrf.js sends `csrftoken`, which it was given by a page that a service wrote. What proves a session is
// the gateway's cookie of the same name; without one there is no session to prove.
csrftoken = getCookie("csrftoken") || "";

// DRF's ajax-form.js asks for a page as no browser does, and stumbles over an answer without content (204). What it
// gets is shown, so ask as browsers do for what they show; after a 204 it then shows the address as it is now.
var plainAjax = $.ajax;
$.ajax = function (options) {
  var headers = $.extend({}, options.headers, { Accept: "text/html,application/xhtml+xml" });
  return plainAjax.call($, $.extend({}, options, { headers: headers })).then(function (data, status, answer) {
    return $.Deferred().resolve(data, status === "nocontent" ? "success" : status, answer);
  });
};
