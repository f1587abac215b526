// The page of the API's description. Requests that are tried out go with the session of whoever is signed in.

// What an operation asks for stands beside it, in words: there is nothing to unlock with a click.
function rolesOf(security) {
  const [first] = security?.toJS() ?? [];
  return Object.values(first ?? {}).flat();
}

function platformPlugin({ React }) {
  const h = React.createElement;
  const Roles = React.createContext([]);

  const OperationSummary = Original => props =>
    h(Roles.Provider, { value: rolesOf(props.operationProps.get("security")) }, h(Original, props));

  const lock = h("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": true },
    h("path", { fill: "currentColor", d: "M4 7V5a4 4 0 0 1 8 0v2h1v8H3V7zm2 0h4V5a2 2 0 0 0-4 0z" }));
  const authorizeOperationBtn = () => () =>
    h("span", { className: "who", title: "Who may do this" }, lock, " ", React.useContext(Roles).join(", "));

  // What can go wrong is a line each until somebody wants to see it.
  const response = Original => function Response(props) {
    const [isOpen, setOpen] = React.useState(false);
    if (props.code < 400) return h(Original, props);
    const kinds = [...(props.response.get("description") ?? "").matchAll(/`([a-z-]+)`/g)].map(([, kind]) => kind);
    const names = kinds.flatMap(kind => [" ", h("a", { key: kind, href: `/problems/${kind}` }, kind)]);
    const whole = isOpen && h("table", { className: "responses-table" }, h("tbody", null, h(Original, props)));
    return h("tr", { className: "response" }, h("td", { colSpan: 3 },
      h("details", { className: "failure", onToggle: event => setOpen(event.target.open) },
        h("summary", null, h("strong", null, props.code), ...names), whole)));
  };

  return {
    wrapComponents: { OperationSummary, authorizeOperationBtn, response, AuthorizeBtnContainer: () => () => null },
  };
}

// A session may have ended since the page was loaded.
async function whoIsSignedIn() {
  const answer = await fetch("/session/", { headers: { accept: "application/json" } });
  if (answer.ok && !(await answer.json()).is_signed_in) {
    document.querySelector("#signed-in").hidden = true;
    document.querySelector("#signed-out").hidden = false;
  }
}

SwaggerUIBundle({
  url: "/api/schema/",
  dom_id: "#api",
  deepLinking: true,
  displayOperationId: true,
  docExpansion: "list",
  filter: true,
  validatorUrl: null,
  plugins: [platformPlugin],
  requestInterceptor: request => {
    // The proof that a request comes from a page of ours, for browsers that do not say so themselves.
    const proof = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
    if (proof && new URL(request.url, location).origin === location.origin) request.headers["X-CSRFToken"] = proof;
    return request;
  },
  responseInterceptor: response => {
    if (response.status === 401) whoIsSignedIn();
    return response;
  },
});
