/** Swagger UI on this service's own document. A key that is entered stays in this page and is gone with it. */
// @ts-expect-error the bundle is a script of its own, before this one
globalThis.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  // Would ask somebody else's server about the document.
  validatorUrl: null,
})
