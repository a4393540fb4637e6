import {
  application,
  createApp,
  type App,
  type AppOptions,
  type Application,
  type ApplicationOptions,
} from "../app/index.ts";
import { ConsumerSession, EventDispatch, RouteContext } from "../channels/index.ts";
import { TidingsError } from "../core/errors.ts";
import { silentLogger, type Logger } from "../core/logger.ts";
import { passRoute } from "../server/index.ts";
import { TestConnection } from "./test-connection.ts";

/** What an application under test is made of; its drivers are in memory unless it says otherwise. */
export interface TestApplicationOptions
  extends Partial<AppOptions>, Omit<ApplicationOptions, "app"> {
  readonly logger?: Logger | undefined;
}

/** How a client asks for a connection. */
export interface TestConnectOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The client's address. @default "127.0.0.1" */
  readonly address?: string | undefined;
}

/** An application in this process, without a server. */
export class TestApplication implements AsyncDisposable {
  readonly app: App;
  readonly application: Application;
  readonly #logger: Logger;
  readonly #dispatches = new Map<object, EventDispatch>();

  constructor({ http, routes, channels, tasks, ...options }: TestApplicationOptions) {
    this.#logger = options.logger ?? silentLogger;
    this.app = createApp({ name: "test", broker: "memory:", ...options });
    this.application = application({ app: this.app, http, routes, channels, tasks });
  }

  /**
   * Connects to the consumer at a path, through its middleware.
   *
   * Refused by a middleware, the connection's `opening` has its status.
   *
   * @throws {TidingsError} REQUEST_NOT_FOUND when no consumer is there.
   */
  async connect(
    path: string,
    { headers = {}, address = "127.0.0.1" }: TestConnectOptions = {},
  ): Promise<TestConnection> {
    const request = new Request(new URL(path, "http://localhost"), { headers });
    const match = this.application.router.match(new URL(request.url).pathname);
    if (match?.definition.kind !== "consumer") {
      throw new TidingsError("REQUEST_NOT_FOUND", `no consumer is at ${path}`);
    }
    const { definition, params } = match;
    const context = new RouteContext({ request, params, isUpgrade: true, address });
    const refusal = await passRoute(match, context);
    const message = await refusal?.text();
    return await TestConnection.open((port) => {
      if (refusal) port.refuse(refusal.status, message ?? "");
      return new ConsumerSession({
        definition,
        context,
        port,
        dispatch: this.#dispatch(definition),
        layer: this.app.getLayer(definition.layer),
        getRecorded: () => this.app.getRecordedGroups(definition.layer),
        logger: this.#logger,
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
  }

  /** One for each consumer, as in a server: what it decides holds for all connections. */
  #dispatch(definition: ConstructorParameters<typeof EventDispatch>[0]): EventDispatch {
    let dispatch = this.#dispatches.get(definition);
    if (!dispatch) {
      dispatch = new EventDispatch(definition, this.#logger);
      this.#dispatches.set(definition, dispatch);
    }
    return dispatch;
  }
}

/**
 * Makes an application with everything in memory, to connect to in tests.
 *
 * @example
 * await using site = testApplication({ routes: [chat] });
 * await using ada = await site.connect("/ws/chat/lobby");
 * ada.send({ message: "hello" });
 * assert.deepEqual(await ada.receive(), { type: "chat.message", message: "hello" });
 */
export function testApplication(options: TestApplicationOptions = {}): TestApplication {
  return new TestApplication(options);
}
