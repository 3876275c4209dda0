// The page on which every call can be tried: Swagger UI, with nothing asked of anybody but this server.

// Swagger UI has its dark theme under a class of the root element.
const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", theme);
theme();

const place = document.querySelector("#api");

const ui = SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  // It would be asked of swagger.io.
  validatorUrl: null,
  // Tokens are kept in memory alone.
  persistAuthorization: false,
  deepLinking: true,
  filter: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  onComplete: authorize,
});

/** Takes a token from where the server gives one to anybody. */
async function authorize() {
  const { token } = place.dataset;
  const answer = token && await fetch(token, { cache: "no-store" }).catch(() => null);
  if (answer?.ok) {
    const value = await answer.text();
    ui.authActions.authorize({ token: { name: "token", schema: { type: "http", scheme: "bearer" }, value } });
  }
}
