import type { Application } from "../app/index.ts";
import type { Logger } from "../core/logger.ts";

/** Says where a server listens, what is there, and on which drivers; in a terminal as a table. */
export function printServerBanner({ app, router }: Application, url: string, logger: Logger): void {
  const routes = router.routes.map(({ definition }) => ({
    kind: definition.kind,
    path: definition.path.path,
  }));
  if (!process.stdout.isTTY) {
    logger.info({ name: app.name, url, routes, drivers: app.drivers }, "server started");
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

/** What a worker works for. */
export interface WorkerBanner {
  readonly concurrency: number;
  readonly queues: readonly string[];
  readonly logger: Logger;
}

/** Says which tasks a worker carries out, from which queues. */
export function printWorkerBanner(
  { app }: Application,
  { concurrency, queues, logger }: WorkerBanner,
): void {
  const tasks = app.tasks.names;
  logger.info(
    {
      name: app.name,
      concurrency,
      queues,
      tasks,
      broker: app.drivers.broker,
      results: app.drivers.results,
    },
    "worker started",
  );
}

type Row = readonly [string, string];

function print(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(([label]) => label.length));
  for (const [label, value] of rows) {
    process.stdout.write(label ? `  ${label.padEnd(width)}  ${value}\n` : "\n");
  }
}
