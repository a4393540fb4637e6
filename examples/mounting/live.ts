import { allowedOrigins, application, consumer, createApp, feed, forward, use } from "tidings";
import { z } from "zod";

const app = createApp({ name: "mounted", broker: "memory:" });

const chat = consumer({
  path: "/ws/chat",
  receives: z.object({ text: z.string().min(1).max(500) }),
  events: { "chat.said": z.object({ text: z.string() }) },
  connect: (connection) => connection.groupAdd("chat"),
  receive: (connection, { text }) => connection.groupSend("chat", { type: "chat.said", text }),
  on: { "chat.said": forward() },
});
const said = feed({ path: "/said", group: "chat", snapshot: () => ({ listening: true }) });

/** What each of the servers in this folder mounts behind `/live`. */
export const live = application({ app, routes: [use([allowedOrigins()], [chat, said])] });
