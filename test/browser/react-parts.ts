import { consumer, feed, forward, refresh } from "tidings";
import { z } from "zod";

const items = ["first"];

/** Adds to the list; who follows it is told by `list.changed`. */
export function addItem(item: string): void {
  items.push(item);
}

export const list = feed({
  path: "/list",
  group: "list",
  snapshot: () => [...items],
  on: { "list.changed": refresh() },
});

/** How many connections have been opened, and closed. */
export const connections = { opened: 0, closed: 0 };

export const chat = consumer({
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
