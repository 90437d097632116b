import type { paths } from "./api.js";

// Types that read what an operation takes and answers from the generated ones.

export type Method = "get" | "post" | "put" | "patch" | "delete";

/** The paths that take a method. */
export type PathOf<M extends Method> = { [P in keyof paths]: paths[P] extends Record<M, object> ? P : never }[keyof paths];

type Operation<M extends Method, P extends PathOf<M>> = paths[P][M & keyof paths[P]];

type Parameters<O, In extends string> = O extends { parameters: infer A } ? (In extends keyof A ? A[In] : undefined) : undefined;

/** A field that may be left out when all of what it holds may be. */
type Field<Name extends string, T> = [T] extends [undefined]
  ? { [K in Name]?: undefined }
  : undefined extends T
    ? { [K in Name]?: T }
    : {} extends T
      ? { [K in Name]?: T }
      : { [K in Name]: T };

type Content<T> = T extends { content: { "application/json": infer J } } ? J : undefined;

type Body<O> = O extends { requestBody: infer B } ? Content<B> : O extends { requestBody?: infer B } ? Content<NonNullable<B>> | undefined : undefined;

/** What every request may be told. */
export interface RequestOptions {
  /** Ends the request, with its retries. */
  signal?: AbortSignal;
  /** The key of a POST, the same over its retries. By default a new one. */
  idempotencyKey?: string;
  headers?: Record<string, string>;
}

/** What a request of an operation takes. */
export type Input<M extends Method, P extends PathOf<M>> = RequestOptions &
  Field<"path", Parameters<Operation<M, P>, "path">> &
  Field<"query", Parameters<Operation<M, P>, "query">> &
  Field<"body", Body<Operation<M, P>>>;

type Responses<O> = O extends { responses: infer R } ? R : never;

/** What an operation answers. */
export type Output<M extends Method, P extends PathOf<M>> = {
  [S in keyof Responses<Operation<M, P>> & (200 | 201 | 202 | 204)]: Content<Responses<Operation<M, P>>[S]>;
}[keyof Responses<Operation<M, P>> & (200 | 201 | 202 | 204)];

/** The paths of lists. */
export type ListPath = {
  [P in PathOf<"get">]: Output<"get", P> extends { items: unknown; next_cursor: string | null } ? P : never;
}[PathOf<"get">];

/** What a list has. */
export type Item<P extends ListPath> = Output<"get", P> extends { items: (infer T)[] } ? T : never;
