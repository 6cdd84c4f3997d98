// validatorUrl: Swagger UI would else ask swagger.io whether the description is valid.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
