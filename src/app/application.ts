import {
  BackgroundWorker,
  Router,
  type BackgroundChannels,
  type BackgroundWorkerOptions,
  type Route,
} from "../channels/index.ts";
import { TidingsError } from "../core/errors.ts";
import { assertKnownOptions, optionNames } from "../core/options.ts";
import { assertChannelName } from "../layers/index.ts";
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
  /** Background consumers, by the name of the channel that feeds them. */
  readonly channels?: BackgroundChannels | undefined;
  /** Loads the modules that define tasks; a worker calls it, a server does not need to. */
  readonly tasks?: (() => Promise<unknown>) | undefined;
}

/** What the command line serves and works for: the default export of a main module. */
export interface Application {
  readonly kind: "application";
  readonly app: App;
  readonly http: FetchHandler | undefined;
  readonly router: Router;
  readonly channels: BackgroundChannels;
  /** Makes what runs its background consumers; `tidings runworker` does. */
  createBackgroundWorker(
    options?: Omit<BackgroundWorkerOptions, "channels" | "getLayer">,
  ): BackgroundWorker;
  loadTasks(): Promise<void>;
}

const NAMES = optionNames<ApplicationOptions>({
  app: true,
  http: true,
  routes: true,
  channels: true,
  tasks: true,
});

/**
 * Puts an application together for `tidings dev | serve | worker | runworker`.
 *
 * @throws {TidingsError} ROUTE_INVALID when two routes have the same path, LAYER_INVALID_NAME when
 *   a background consumer's name is no channel name, APP_INVALID_DEFINITION when a definition names a
 *   layer that the app does not have, OPTION_INVALID for an option that nobody knows.
 */
export function application(options: ApplicationOptions): Application {
  assertKnownOptions("an application", options, NAMES);
  const { app, http, routes = [], channels = {}, tasks } = options;
  const router = new Router(routes);
  for (const { definition } of router.routes) {
    app.getLayer(definition.layer);
    if (definition.kind === "feed" && definition.history) app.getRecordedGroups(definition.layer);
  }
  for (const [name, { layer }] of Object.entries(channels)) {
    assertChannelName(name);
    app.getLayer(layer);
  }
  return {
    kind: "application",
    app,
    http,
    router,
    channels,
    createBackgroundWorker: (settings) =>
      new BackgroundWorker({ ...settings, channels, getLayer: (name) => app.getLayer(name) }),
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
