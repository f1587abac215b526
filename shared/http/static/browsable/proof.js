// DRF's csrf.js sends `csrftoken`, which it was given by a page that a service wrote. What proves a session is
// the gateway's cookie of the same name; without one there is no session to prove.
csrftoken = getCookie("csrftoken") || "";

// DRF's ajax-form.js asks for a page as no browser does. What it gets is shown: ask as browsers do for what they show.
$.ajaxPrefilter(function (options) {
  options.headers = $.extend({}, options.headers, { Accept: "text/html,application/xhtml+xml" });
});
