// Every endpoint through the types that openapi-typescript makes of the description. A wrong path, parameter or field of
// an answer does not compile. Prints the operations that were called, one a line.
import { openAsBlob, readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { paths } from "./service.js";

const client = createClient<paths>({
  baseUrl: process.env.SERVICE!,
  headers: { "X-API-Key": process.env.KEY! },
});
const base64 = readFileSync("photo.jpg").toString("base64");

async function form(...names: string[]): Promise<FormData> {
  const data = new FormData();
  for (const name of names) data.append(name, await openAsBlob(`${name === "image" ? "photo" : name}.jpg`));
  return data;
}

function called<T>(operation: string, answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) throw new Error(`${operation}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  console.log(operation);
  return answer.data;
}

// The types know a file as a string, as the description does: the form itself is what is sent.
const grade = called("grade", await client.POST("/v1/palsy/grade", { params: { query: { heatmap: false } }, body: (await form("image")) as never }));
if (!("grade" in grade) || grade.grade.label.length === 0) throw new Error("no grade");
const examination = called("assess", await client.POST("/v1/palsy/assess", { body: (await form("rest", "full_smile")) as never }));
if (!("evidence" in examination)) throw new Error("no examination");
const clip = new FormData();
clip.append("clip", await openAsBlob("visit.webm"));
const visit = called("video", await client.POST("/v1/palsy/video", { body: clip as never }));
if (typeof visit === "string" || !("clip" in visit) || visit.clip.segments[0]!.pose !== "full_smile") throw new Error("no movement");
const rest = await form("image");
const look = called("look", await client.POST("/v1/palsy/look", { params: { query: { pose: "rest" } }, body: rest as never }));
if (look.measures.mm_per_unit < 1 || look.made !== null) throw new Error("no look");
const comparison = called("compare_examinations", await client.POST("/v1/palsy/compare", { body: { before: examination, after: examination } }));
if (!("changes" in comparison) || comparison.changes.some((change) => change.delta !== 0)) throw new Error("an examination differs from itself");
const emotion = called("classify", await client.POST("/v1/microexpression/classify", { body: (await form("onset", "apex")) as never }));
if ((emotion.emotion.probability ?? 0) <= 0) throw new Error("no emotion");
const frames = new FormData();
for (const name of ["onset", "onset", "apex", "onset"]) frames.append("frame", await openAsBlob(`${name}.jpg`));
const spotted = called("classify_clip", await client.POST("/v1/microexpression/clip", { params: { query: { fps: 25 } }, body: frames as never }));
if (typeof spotted === "string" || !("curve" in spotted) || spotted.curve.motion.length !== 4) throw new Error("no curve");
const models = called("list_models", await client.GET("/v1/models"));
if (models.models.length < 2) throw new Error("no models");
called("get_model", await client.GET("/v1/models/{task}", { params: { path: { task: "palsy" } } }));
const records = called("read_audit", await client.GET("/v1/audit", { params: { query: { limit: 3 } } }));
if (records.records.length !== 3) throw new Error("no records");
called("get_code_system", await client.GET("/v1/fhir/CodeSystem/facial-palsy"));
called("server_metadata", await client.GET("/v2"));
called("server_live", await client.GET("/v2/health/live"));
called("server_ready", await client.GET("/v2/health/ready"));
const path = { model_name: "palsy" };
const model = called("model_metadata", await client.GET("/v2/models/{model_name}", { params: { path } }));
const version = { ...path, model_version: model.versions[0]! };
called("version_metadata", await client.GET("/v2/models/{model_name}/versions/{model_version}", { params: { path: version } }));
called("model_ready", await client.GET("/v2/models/{model_name}/ready", { params: { path } }));
called("version_ready", await client.GET("/v2/models/{model_name}/versions/{model_version}/ready", { params: { path: version } }));
const body = {
  inputs: [{ name: "image", datatype: "BYTES" as const, shape: [1], parameters: { content_type: "base64" }, data: [base64] }],
  outputs: [{ name: "expected" }],
};
const inferred = called("infer", await client.POST("/v2/models/{model_name}/infer", { params: { path }, body }));
if (typeof inferred === "string" || inferred.outputs[0]!.name !== "expected") throw new Error("no output");
called("infer_version", await client.POST("/v2/models/{model_name}/versions/{model_version}/infer", { params: { path: version }, body }));
called("livez", await client.GET("/livez"));
called("readyz", await client.GET("/readyz"));
called("metrics", await client.GET("/metrics", { parseAs: "text" }));
