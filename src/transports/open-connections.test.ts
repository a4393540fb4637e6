import { once } from "node:events";
import { connect, createServer } from "node:net";

import { expect, test } from "vitest";

import { OpenConnections } from "./open-connections.ts";

test("a process that has stood still reads what has come meanwhile before it looks who is alive", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const accepted = once(server, "connection");
  const client = connect(port, "127.0.0.1");
  const [[socket]] = await Promise.all([accepted, once(client, "connect")]);
  const happened: string[] = [];
  const beaten = Promise.withResolvers<void>();
  const connections = new OpenConnections(50);
  const connection = {
    beat() {
      happened.push("beat");
      beaten.resolve();
    },
    goAway() {},
    destroy() {},
  };
  connections.add(connection);
  socket.on("data", () => happened.push("answer"));
  client.write("it lives");
  const until = performance.now() + 100;
  while (performance.now() < until);
  await beaten.promise;
  expect(happened).toEqual(["answer", "beat"]);
  connections.remove(connection);
  client.destroy();
  server.close();
});
