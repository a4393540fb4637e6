import type { Application } from "../app/index.ts";
import type { Logger } from "../core/logger.ts";
import type { Worker } from "../tasks/index.ts";

/** Says where a server listens, what is there, and on which drivers; in a terminal as a table. */
export function printServerBanner({ app, router }: Application, url: string, logger: Logger): void {
  const routes = router.routes.map(({ definition }) => ({
    kind: definition.kind,
    path: definition.path.path,
  }));
  if (!process.stdout.isTTY) {
    logger.info({ application: app.name, url, routes, drivers: app.drivers }, "server started");
    return;
  }
  print([
    ["", ""],
    [app.name, url],
    ...routes.map(({ kind, path }): Row => [
      kind,
      kind === "consumer" ? url.replace(/^http/, "ws") + path : url + path,
    ]),
    ...Object.entries(app.drivers),
    ["", ""],
  ]);
}

/** Says which tasks a worker carries out, from which queues. */
export function printWorkerBanner({ app }: Application, worker: Worker, logger: Logger): void {
  const { broker, results } = app.drivers;
  const { name, concurrency, queues } = worker;
  logger.info(
    {
      application: app.name,
      worker: name,
      concurrency,
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
