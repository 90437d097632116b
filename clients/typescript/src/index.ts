export type { components, operations, paths } from "./api.js";
export { Loom, type LoomOptions, type Render } from "./client.js";
export type { RenderEvent } from "./events.js";
export type { RequestOptions } from "./operation.js";
export { ConnectionError, LoomError, type Problem } from "./problem.js";
