// The page that shows the API's description. Whoever is signed in may try it out; others give a key under “Authorize”.
"use strict";

const page = document.getElementById("api-docs");
const csrfToken = page.querySelector("[name=csrfmiddlewaretoken]").value;

SwaggerUIBundle({
  url: page.dataset.schema,
  dom_id: "#api-docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // what is described here is nobody else's business
  requestInterceptor(request) {
    if (new URL(request.url, location.href).origin === location.origin) request.headers["X-CSRFToken"] = csrfToken;
    return request;
  },
});
