import {
  application,
  createApp,
  createServer,
  type App,
  type ApplicationOptions,
  type Server,
  type ServerOptions,
} from "tidings";

import type { Logger } from "../../src/core/logger.ts";

/** A line that something logged. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A server on a free port, with everything in memory. */
export interface TestServer extends AsyncDisposable {
  readonly app: App;
  readonly server: Server;
  readonly url: string;
  readonly webSocketUrl: string;
  readonly log: readonly LogLine[];
}

/** Starts a server for one test. */
export async function serve(
  options: (app: App) => Omit<ApplicationOptions, "app">,
  limits: ServerOptions["limits"] = {},
): Promise<TestServer> {
  const app = createApp({ name: "test", broker: "memory:" });
  const log: LogLine[] = [];
  const server = createServer(application({ app, ...options(app) }), {
    port: 0,
    limits,
    logger: collectLog(log),
  });
  await server.start();
  return {
    app,
    server,
    url: `http://127.0.0.1:${server.port}`,
    webSocketUrl: `ws://127.0.0.1:${server.port}`,
    log,
    async [Symbol.asyncDispose]() {
      await server.stop({ signal: AbortSignal.timeout(2_000) });
      await app.close();
    },
  };
}

function collectLog(log: LogLine[]): Logger {
  const level = (name: string) => (fields: object, message: string) =>
    void log.push({ level: name, message, fields: { ...fields } });
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}
