// The API's calls, drawn by Swagger UI from the schema. Nothing is kept: a key that was typed in is gone with the page.
{
  const place = document.querySelector("#swagger-ui");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
  SwaggerUIBundle({
    domNode: place,
    url: place.dataset.schema,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    // It would ask a service elsewhere.
    validatorUrl: null,
    queryConfigEnabled: false,
    persistAuthorization: false,
    // A call is made by its key alone, as everywhere else.
    requestInterceptor: (request) => (request.loadSpec ? request : { ...request, credentials: "omit" }),
  });
}
