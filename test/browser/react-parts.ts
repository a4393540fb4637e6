import { consumer, feed, forward, refresh } from "tidings";
import { z } from "zod";

/** What the page of `react-page.ts` follows and talks to, new for each run. */
export function createParts() {
  const items = ["first"];
  const connections = { opened: 0, closed: 0 };
  const list = feed({
    path: "/list",
    group: "list",
    snapshot: () => [...items],
    on: { "list.changed": refresh() },
  });
  const chat = consumer({
    path: "/chat",
    receives: z.object({ text: z.string() }),
    events: { said: z.object({ text: z.string() }) },
    async connect(connection) {
      connections.opened += 1;
      await connection.groupAdd("chat");
    },
    disconnect: () => void (connections.closed += 1),
    receive: (connection, { text }) => connection.groupSend("chat", { type: "said", text }),
    on: { said: forward() },
  });
  return { items, connections, list, chat };
}

export type Chat = ReturnType<typeof createParts>["chat"];
export type List = ReturnType<typeof createParts>["list"];
