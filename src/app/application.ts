import { Router, type Route } from "../channels/index.ts";
import { TidingsError } from "../core/errors.ts";
import type { App } from "./create-app.ts";

/** Any handler of the fetch standard: Hono's `site.fetch`, Next's, your own. */
export type FetchHandler = (request: Request) => Response | Promise<Response>;

/** What runs: an application's pages, routes and tasks. */
export interface ApplicationOptions {
  readonly app: App;
  /** Answers every request that no route matches. Without it they are 404. */
  readonly http?: FetchHandler | undefined;
  /** Consumers and feeds, the first match wins. */
  readonly routes?: readonly Route[] | undefined;
  /** Loads the modules that define tasks; a worker calls it, a server does not need to. */
  readonly tasks?: (() => Promise<unknown>) | undefined;
}

/** What the command line serves and works for: the default export of a main module. */
export interface Application {
  readonly kind: "application";
  readonly app: App;
  readonly http: FetchHandler | undefined;
  readonly router: Router;
  loadTasks(): Promise<void>;
}

/**
 * Puts an application together for `tidings dev | serve | worker`.
 *
 * @throws {TidingsError} ROUTE_INVALID when two routes have the same path.
 */
export function application({ app, http, routes = [], tasks }: ApplicationOptions): Application {
  return {
    kind: "application",
    app,
    http,
    router: new Router(routes),
    async loadTasks() {
      await tasks?.();
    },
  };
}

/** Whether a module's default export is an {@link Application}; throws APP_LOAD_FAILED if not. */
export function assertApplication(value: unknown, where: string): Application {
  if (isApplication(value)) return value;
  throw new TidingsError(
    "APP_LOAD_FAILED",
    `expected ${where} to have \`export default application({ … })\``,
  );
}

function isApplication(value: unknown): value is Application {
  return (
    typeof value === "object" && value !== null && "kind" in value && value.kind === "application"
  );
}
