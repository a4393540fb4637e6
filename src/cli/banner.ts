import type { AppDrivers, Application } from "../app/index.ts";
import type { Logger } from "../core/logger.ts";
import type { Worker } from "../tasks/index.ts";

/** What there is to say of a server; a process may say it for another. */
export interface ServerDescription {
  readonly application: string;
  readonly url: string;
  readonly routes: readonly { readonly kind: string; readonly path: string }[];
  readonly drivers: AppDrivers;
  /** How many processes it is made of, if there are several. */
  readonly workers?: number | undefined;
}

/** Describes the server of an application. */
export function describeServer({ app, router }: Application, url: string): ServerDescription {
  const routes = router.routes.map(({ definition, path }) => ({
    kind: definition.kind,
    path: path.path,
  }));
  return { application: app.name, url, routes, drivers: app.drivers };
}

/** Says where a server listens, what is there, and on which drivers; in a terminal as a table. */
export function printServerBanner(description: ServerDescription, logger: Logger): void {
  const { application, url, routes, drivers, workers } = description;
  if (!process.stdout.isTTY) {
    logger.info(description, "server started");
    return;
  }
  print([
    ["", ""],
    [application, url],
    ...routes.map(({ kind, path }): Row => [
      kind,
      kind === "consumer" ? url.replace(/^http/, "ws") + path : url + path,
    ]),
    ...Object.entries(drivers),
    ...(workers === undefined ? [] : [["workers", String(workers)] as const]),
    ["", ""],
  ]);
}

/** Says which tasks a worker carries out, from which queues. */
export function printWorkerBanner({ app }: Application, worker: Worker, logger: Logger): void {
  const { broker, results } = app.drivers;
  const { name, concurrency, autoscale, pool, timeLimits, queues } = worker;
  logger.info(
    {
      application: app.name,
      worker: name,
      pool,
      concurrency,
      ...(autoscale && { autoscale }),
      ...timeLimits,
      queues,
      tasks: app.tasks.names,
      broker,
      results,
    },
    "worker started",
  );
}

/** Says which channels feed background consumers, and from which layer. */
export function printBackgroundBanner(
  { app, channels }: Pick<Application, "app" | "channels">,
  names: readonly string[],
  logger: Logger,
): void {
  const read = Object.entries(channels)
    .filter(([name]) => names.includes(name))
    .map(([name, { concurrency, handlers }]) => ({
      name,
      concurrency,
      events: [...handlers.keys()],
    }));
  const { layer } = app.drivers;
  logger.info({ application: app.name, channels: read, layer }, "runworker started");
}

type Row = readonly [string, string];

function print(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(([label]) => label.length));
  for (const [label, value] of rows) {
    process.stdout.write(label ? `  ${label.padEnd(width)}  ${value}\n` : "\n");
  }
}
