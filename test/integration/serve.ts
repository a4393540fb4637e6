import {
  application,
  createApp,
  createServer,
  type App,
  type AppOptions,
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

/** Options of the server, and of the application's drivers, which are in memory by default. */
interface TestServerOptions extends Omit<ServerOptions, "limits" | "logger" | "port"> {
  readonly drivers?: Partial<AppOptions> | undefined;
}

/** Starts a server for one test. */
export async function serve(
  options: (app: App) => Omit<ApplicationOptions, "app">,
  limits: ServerOptions["limits"] = {},
  { drivers, ...server }: TestServerOptions = {},
): Promise<TestServer> {
  const app = createApp({ name: "test", broker: "memory:", ...drivers });
  const log: LogLine[] = [];
  const running = createServer(application({ app, ...options(app) }), {
    ...server,
    port: 0,
    limits,
    logger: collectLog(log),
  });
  await running.start();
  return {
    app,
    server: running,
    url: `http${server.tls ? "s" : ""}://127.0.0.1:${running.port}`,
    webSocketUrl: `ws${server.tls ? "s" : ""}://127.0.0.1:${running.port}`,
    log,
    async [Symbol.asyncDispose]() {
      await running.stop({ signal: AbortSignal.timeout(2_000) });
      await app.close();
    },
  };
}

function collectLog(log: LogLine[]): Logger {
  const level = (name: string) => (fields: object, message: string) =>
    void log.push({ level: name, message, fields: { ...fields } });
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}
