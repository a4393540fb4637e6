import { setImmediate as endOfTurn } from "node:timers/promises";

import { expect, test } from "vitest";

import { silentLogger } from "../core/logger.ts";
import { MemoryLayer } from "../layers/index.ts";
import type { ConnectionPort } from "./connection-port.ts";
import { ConsumerSession } from "./consumer-session.ts";
import { consumer, type ConsumerDefinition } from "./consumer.ts";
import { EventDispatch } from "./event-dispatch.ts";
import { RouteContext } from "./route-context.ts";

/** A port to nobody, which does what a test says when the connection is accepted. */
class Port implements ConnectionPort {
  onAccept = (): void => {};
  accept(): void {
    this.onAccept();
  }
  refuse(): void {}
  send(): void {}
  answer(): void {}
  close(): void {}
  pause(): void {}
  resume(): void {}
}

/** A session of a consumer, and how often it has said that it is over. */
class Rig {
  readonly port = new Port();
  readonly session: ConsumerSession;
  overs = 0;

  constructor(definition: ConsumerDefinition) {
    const request = new Request("http://localhost/x");
    this.session = new ConsumerSession({
      definition,
      dispatch: new EventDispatch(definition, silentLogger),
      context: new RouteContext({ request, params: {}, isUpgrade: true, address: "::1" }),
      layer: new MemoryLayer(),
      logger: silentLogger,
      port: this.port,
      onOver: () => (this.overs += 1),
    });
  }
}

test("a session is over once when its client goes while it is being rejected", async () => {
  const rig = new Rig(consumer({ path: "/x", connect: (connection) => connection.reject(4401) }));
  rig.port.onAccept = () => rig.session.onClose({ code: 1006, reason: "" });
  await rig.session.run();
  await rig.session.whenOver();
  expect(rig.overs).toBe(1);
});

test("a session whose client goes before it opens does not wait for its connect, and never opens", async () => {
  const gate = Promise.withResolvers<void>();
  let disconnects = 0;
  const rig = new Rig(
    consumer({
      path: "/x",
      connect: () => gate.promise,
      disconnect: () => void (disconnects += 1),
    }),
  );
  let accepts = 0;
  rig.port.onAccept = () => (accepts += 1);
  const running = rig.session.run();
  await endOfTurn();
  rig.session.onClose({ code: 1006, reason: "" });
  await rig.session.whenOver();
  gate.resolve();
  await running;
  expect({ accepts, disconnects, overs: rig.overs }).toEqual({
    accepts: 0,
    disconnects: 0,
    overs: 1,
  });
});
