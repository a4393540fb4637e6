import { TidingsError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import { showValue } from "../core/options.ts";
import type { ConsumerDefinition } from "./consumer.ts";
import type { FeedDefinition } from "./feed.ts";
import type { HttpConsumerDefinition } from "./http-consumer.ts";
import { compilePath, type CompiledPath, type Params } from "./path.ts";
import type { Middleware } from "./route-context.ts";

/** What a path can lead to. */
export type Definition = ConsumerDefinition | FeedDefinition | HttpConsumerDefinition;

/** Routes behind middleware, below a prefix, or both. */
export interface RouteGroup {
  readonly kind: "group";
  /** Stands before the paths of the routes; empty when there is none. */
  readonly prefix: string;
  readonly middleware: readonly Middleware[];
  readonly routes: readonly Route[];
}

/** What an application routes to: consumers, feeds, HTTP consumers, and groups of them. */
export type Route = Definition | RouteGroup;

/** A definition at its place: its whole path, and all the middleware around it, the outermost first. */
export interface RoutedDefinition {
  readonly definition: Definition;
  readonly path: CompiledPath;
  readonly middleware: readonly Middleware[];
}

/** Where a request leads to. */
export interface RouteMatch extends RoutedDefinition {
  readonly params: Params;
}

/**
 * Puts middleware before routes. The first one that returns a `Response` refuses the request.
 *
 * @throws {TidingsError} APP_INVALID_DEFINITION for a middleware that is no function, or a route that is
 *   none.
 */
export function use(middleware: readonly Middleware[], routes: readonly Route[]): RouteGroup {
  assertList("the middleware of `use`", middleware);
  for (const [index, pass] of middleware.entries()) {
    if (typeof pass !== "function")
      throw invalid(`middleware ${index + 1} of \`use\` to be a function`, pass);
  }
  assertRoutes("use", routes);
  return { kind: "group", prefix: "", middleware, routes };
}

/**
 * Puts routes below a path: `under("/teams/:team", [chat])`.
 *
 * Parameters of the prefix join those of the routes. Prefixes nest.
 *
 * @throws {TidingsError} ROUTE_INVALID when the prefix is no path, or ends with a slash,
 *   APP_INVALID_DEFINITION for a route that is none.
 */
export function under(prefix: string, routes: readonly Route[]): RouteGroup {
  if (compilePath(prefix).path.endsWith("/") || prefix.includes("<path>")) {
    throw new TidingsError(
      "ROUTE_INVALID",
      `expected a prefix like \`/api\` or \`/teams/:team\`, got ${JSON.stringify(prefix)}`,
    );
  }
  assertRoutes("under", routes);
  return { kind: "group", prefix, middleware: [], routes };
}

/**
 * Finds what a path leads to. The first match wins.
 *
 * @throws {TidingsError} ROUTE_INVALID when two routes have the same path: the second could never be
 *   reached, APP_INVALID_DEFINITION for a route that is none.
 */
export class Router {
  readonly routes: readonly RoutedDefinition[];

  constructor(routes: readonly Route[]) {
    assertRoutes("application", routes);
    this.routes = flatten({ kind: "group", prefix: "", middleware: [], routes });
    const paths = new Set<string>();
    for (const { path } of this.routes) {
      if (paths.has(path.path))
        throw new TidingsError("ROUTE_INVALID", `two routes have the path \`${path.path}\``);
      paths.add(path.path);
    }
  }

  match(pathname: string): RouteMatch | undefined {
    for (const route of this.routes) {
      const params = route.path.match(pathname);
      if (params) return { ...route, params };
    }
    return undefined;
  }
}

const KINDS: ReadonlySet<unknown> = new Set<Route["kind"]>(["consumer", "feed", "http", "group"]);

function assertRoutes(where: string, routes: readonly Route[]): void {
  assertList(`the routes of \`${where}\``, routes);
  for (const [index, route] of routes.entries()) {
    if (isRecord(route) && KINDS.has(route.kind)) continue;
    throw invalid(`route ${index + 1} of \`${where}\` to be a consumer, a feed or a group`, route);
  }
}

function assertList(what: string, list: unknown): void {
  if (!Array.isArray(list)) throw invalid(`${what} to be a list`, list);
}

function invalid(expected: string, value: unknown): TidingsError {
  return new TidingsError(
    "APP_INVALID_DEFINITION",
    `expected ${expected}, got ${showValue(value)}`,
  );
}

function flatten({ prefix, middleware, routes }: RouteGroup): readonly RoutedDefinition[] {
  return routes.flatMap((route) => {
    if (route.kind !== "group") {
      const path = prefix === "" ? route.path : compilePath(prefix + route.path.path);
      return [{ definition: route, path, middleware }];
    }
    return flatten({
      ...route,
      prefix: prefix + route.prefix,
      middleware: [...middleware, ...route.middleware],
    });
  });
}
