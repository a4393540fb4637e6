import type { ClientConnection, Closing, ConsumerTypes, Status } from "../client/index.ts";
import { ExternalStore } from "./external-store.ts";

/** What a component sees of a connection. Replaced as a whole at every change. */
export interface ConnectionState<TConsumer extends ConsumerTypes> {
  readonly status: Status;
  /** Why it is not open, if anybody said so. */
  readonly closing: Closing | undefined;
  /** `undefined` on the server, and before the first component is there. */
  readonly connection: ClientConnection<TConsumer> | undefined;
}

/** A connection to a consumer. */
export class ConnectionStore<TConsumer extends ConsumerTypes> extends ExternalStore<
  ConnectionState<TConsumer>
> {
  readonly #open: () => ClientConnection<TConsumer> | undefined;

  constructor(open: () => ClientConnection<TConsumer> | undefined) {
    super({ status: "connecting", closing: undefined, connection: undefined });
    this.#open = open;
  }

  protected start(): void {
    const connection = this.#open();
    if (!connection) return;
    this.enter({ status: connection.status, closing: undefined, connection });
    connection.onStatus(({ status, ...closing }) => {
      if (this.getSnapshot().connection !== connection) return;
      this.enter({ status, closing, connection });
    });
  }

  protected stop(): void {
    const { connection } = this.getSnapshot();
    this.enter({ status: "connecting", closing: undefined, connection: undefined });
    connection?.close();
  }
}
