import { TidingsError } from "../core/errors.ts";

/** The parameters that a path names: `"/chat/:room/:page<int>"` gives `{ room: string; page: number }`. */
export type PathParams<TPath extends string> = {
  readonly [TParam in ParamsOf<TPath> as TParam["name"]]: TParam["value"];
};

interface Param<TName extends string, TValue> {
  readonly name: TName;
  readonly value: TValue;
}

type ParamsOf<TPath extends string> = TPath extends `${infer TSegment}/${infer TRest}`
  ? ParamOf<TSegment> | ParamsOf<TRest>
  : ParamOf<TPath>;

type ParamOf<TSegment extends string> = TSegment extends `:${infer TName}<${infer TKind}>`
  ? Param<TName, TKind extends "int" ? number : string>
  : TSegment extends `:${infer TName}`
    ? Param<TName, string>
    : never;

/** Parameters whose names are not known to the compiler. */
export type Params = Readonly<Record<string, string | number>>;

/** A path that can be compared with that of a request. */
export interface CompiledPath {
  readonly path: string;
  /** Returns the decoded parameters, or `undefined` when the path is another one. */
  match(pathname: string): Params | undefined;
}

/** One part between slashes: a text, or a parameter with what may stand there. */
interface Segment {
  readonly text: string;
  readonly name: string | undefined;
  readonly kind: Kind;
}

/** Turns a decoded segment into the parameter's value; `undefined` when it does not fit. */
type Convert = (text: string) => string | number | undefined;

const KINDS = {
  str: (text) => text || undefined,
  int: (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
  slug: (text) => (/^[\w-]+$/.test(text) ? text : undefined),
  uuid: (text) => (/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/.test(text) ? text : undefined),
  path: (text) => text || undefined,
} as const satisfies Record<string, Convert>;
type Kind = keyof typeof KINDS;

const PARAMETER = /^:([a-zA-Z_]\w*)(?:<(\w+)>)?$/;
const TEXT = /^[\w\-.~@%]*$/;

/**
 * Compiles a path whose segments are texts or `:parameters`.
 *
 * A parameter matches one segment that is not empty; `:name<kind>` only what fits: `int` (a number of
 * at most 15 digits), `slug`, `uuid` (in lower case), or `path`, which comes last and matches all that
 * is left, slashes included. A segment that is no valid percent-encoding matches nothing.
 *
 * @throws {TidingsError} ROUTE_INVALID when the path is no such path.
 * @see https://docs.djangoproject.com/en/5.2/topics/http/urls/#path-converters
 */
export function compilePath(path: string): CompiledPath {
  // Whoever writes without types may have left it out.
  const parts = typeof path === "string" ? path.split("/") : [];
  const segments = parts.map((part, index) => toSegment(part, index === parts.length - 1));
  const names = segments.map((segment) => segment?.name).filter((name) => name !== undefined);
  if (
    parts.length === 0 ||
    !path.startsWith("/") ||
    !segments.every((segment) => segment !== undefined)
  ) {
    throw new TidingsError(
      "ROUTE_INVALID",
      `expected a path like \`/chat/:room\` or \`/topics/:id<int>\`, got ${JSON.stringify(path)}`,
    );
  }
  if (new Set(names).size !== names.length) {
    throw new TidingsError("ROUTE_INVALID", `path \`${path}\` names a parameter twice`);
  }
  return { path, match: (pathname) => matchSegments(segments, pathname.split("/")) };
}

function toSegment(part: string, isLast: boolean): Segment | undefined {
  const [, name, kind = "str"] = PARAMETER.exec(part) ?? [];
  if (name === undefined) {
    return TEXT.test(part) ? { text: part, name: undefined, kind: "str" } : undefined;
  }
  if (!isKind(kind) || (kind === "path" && !isLast)) return undefined;
  return { text: part, name, kind };
}

function isKind(text: string): text is Kind {
  return Object.hasOwn(KINDS, text);
}

function matchSegments(
  expected: readonly Segment[],
  actual: readonly string[],
): Params | undefined {
  const takesRest = expected.at(-1)?.kind === "path";
  if (takesRest ? actual.length < expected.length : actual.length !== expected.length) {
    return undefined;
  }
  const params: Record<string, string | number> = {};
  for (const [index, { text, name, kind }] of expected.entries()) {
    const part = kind === "path" ? actual.slice(index).join("/") : (actual[index] ?? "");
    if (name === undefined) {
      if (text !== part) return undefined;
      continue;
    }
    const value = KINDS[kind](decode(part));
    if (value === undefined) return undefined;
    params[name] = value;
  }
  return params;
}

/** A malformed escape is no parameter: nothing takes the empty text that stands for it. */
function decode(part: string): string {
  try {
    return part.includes("%") ? decodeURIComponent(part) : part;
  } catch {
    return "";
  }
}
