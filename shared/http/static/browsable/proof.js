// DRF's csrf.js sends `csrftoken`, which it was given by a page that a service wrote. What proves a session is
// the gateway's cookie of the same name; without one there is no session to prove.
csrftoken = getCookie("csrftoken") || "";
