// The page of the API's description. Requests that are tried out go with the session of whoever is signed in.
SwaggerUIBundle({
  url: "/api/schema/",
  dom_id: "#api",
  deepLinking: true,
  displayOperationId: true,
  docExpansion: "list",
  filter: true,
  validatorUrl: null,
});
