import { TidingsError } from "../core/errors.ts";
import type { ConsumerDefinition } from "./consumer.ts";
import type { FeedDefinition } from "./feed.ts";
import type { Params } from "./path.ts";
import type { Middleware } from "./route-context.ts";

/** What a path can lead to. */
export type Definition = ConsumerDefinition | FeedDefinition;

/** Routes behind middleware. */
export interface RouteGroup {
  readonly kind: "group";
  readonly middleware: readonly Middleware[];
  readonly routes: readonly Route[];
}

/** What an application routes to: consumers, feeds, and groups of them. */
export type Route = Definition | RouteGroup;

/** A definition with all the middleware around it, the outermost first. */
export interface RouteMatch {
  readonly definition: Definition;
  readonly middleware: readonly Middleware[];
  readonly params: Params;
}

/** Puts middleware before routes. The first one that returns a `Response` refuses the request. */
export function use(middleware: readonly Middleware[], routes: readonly Route[]): RouteGroup {
  return { kind: "group", middleware, routes };
}

/**
 * Finds the consumer or feed of a path. The first match wins.
 *
 * @throws {TidingsError} ROUTE_INVALID when two routes have the same path: the second could never be
 *   reached.
 */
export class Router {
  readonly routes: readonly Omit<RouteMatch, "params">[];

  constructor(routes: readonly Route[]) {
    this.routes = flatten(routes, []);
    const paths = new Set<string>();
    for (const { definition } of this.routes) {
      const { path } = definition.path;
      if (paths.has(path))
        throw new TidingsError("ROUTE_INVALID", `two routes have the path \`${path}\``);
      paths.add(path);
    }
  }

  match(pathname: string): RouteMatch | undefined {
    for (const route of this.routes) {
      const params = route.definition.path.match(pathname);
      if (params) return { ...route, params };
    }
    return undefined;
  }
}

function flatten(
  routes: readonly Route[],
  outer: readonly Middleware[],
): readonly Omit<RouteMatch, "params">[] {
  return routes.flatMap((route) =>
    route.kind === "group"
      ? flatten(route.routes, [...outer, ...route.middleware])
      : [{ definition: route, middleware: outer }],
  );
}
