import { TidingsError } from "../core/errors.ts";

/** The parameters that a path names: `"/chat/:room"` gives `{ room: string }`. */
export type PathParams<TPath extends string> = {
  readonly [TName in ParamNames<TPath>]: string;
};

type ParamNames<TPath extends string> = TPath extends `${infer TSegment}/${infer TRest}`
  ? ParamName<TSegment> | ParamNames<TRest>
  : ParamName<TPath>;

type ParamName<TSegment extends string> = TSegment extends `:${infer TName}` ? TName : never;

/** Parameters whose names are not known to the compiler. */
export type Params = Readonly<Record<string, string>>;

/** A path that can be compared with that of a request. */
export interface CompiledPath {
  readonly path: string;
  /** Returns the decoded parameters, or `undefined` when the path is another one. */
  match(pathname: string): Params | undefined;
}

const SEGMENT = /^(?::[a-zA-Z_]\w*|[\w\-.~@%]*)$/;

/**
 * Compiles a path whose segments are texts or `:parameters`.
 *
 * A parameter matches one segment that is not empty. A segment that is no valid percent-encoding
 * matches nothing.
 *
 * @throws {TidingsError} ROUTE_INVALID when the path is no such path.
 */
export function compilePath(path: string): CompiledPath {
  const segments = path.split("/");
  const names = segments.filter((segment) => segment.startsWith(":"));
  if (!path.startsWith("/") || !segments.every((segment) => SEGMENT.test(segment))) {
    throw new TidingsError(
      "ROUTE_INVALID",
      `expected a path like \`/chat/:room\`, got ${JSON.stringify(path)}`,
    );
  }
  if (new Set(names).size !== names.length) {
    throw new TidingsError("ROUTE_INVALID", `path \`${path}\` names a parameter twice`);
  }
  return { path, match: (pathname) => matchSegments(segments, pathname.split("/")) };
}

function matchSegments(expected: readonly string[], actual: readonly string[]): Params | undefined {
  if (expected.length !== actual.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, segment] of expected.entries()) {
    const value = actual[index] ?? "";
    if (!segment.startsWith(":")) {
      if (segment !== value) return undefined;
      continue;
    }
    const decoded = decodeSegment(value);
    if (!decoded) return undefined;
    params[segment.slice(1)] = decoded;
  }
  return params;
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined; // a malformed escape is no parameter
  }
}
