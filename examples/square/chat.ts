import { consumer, feed, forward, refresh, type Connection } from "tidings";

import { app } from "./app.ts";
import { chatEvents, clientMessages } from "./chat-messages.ts";
import { addMessage, messagesAfter } from "./messages.ts";
import { Presence } from "./presence.ts";
import { findRoom, refusal } from "./rooms.ts";
import { sessionGroup, sessions } from "./sessions.ts";

const presence = new Presence();

/** The chat: any number of rooms over one WebSocket. */
export const chat = consumer({
  path: "/ws/chat",
  receives: clientMessages,
  events: chatEvents,
  state: () => ({ rooms: new Set<string>() }),

  async connect(connection) {
    const session = await sessions.load(connection.request);
    if (!connection.user || !session) return connection.reject(4401, "sign in first");
    await connection.groupAdd(sessionGroup(session));
  },

  receive: {
    async join(connection, { room: name, after }) {
      const { user, state } = connection;
      const room = findRoom(name);
      if (!user) return;
      if (!room)
        return refuse(connection, name, {
          code: "UNKNOWN_ROOM",
          message: `There is no room "${name}".`,
        });
      const reason = refusal(room, user);
      if (reason !== null) return refuse(connection, name, { code: "STAFF_ONLY", message: reason });
      // Group first, history second: what is said in between comes twice rather than never.
      await connection.groupAdd(groupOf(room.name));
      if (!state.rooms.has(room.name)) {
        state.rooms.add(room.name);
        if (presence.enter(room.name, user.name)) await announce(room.name, user.name, "arrived");
      }
      const { messages, isComplete } = messagesAfter(room.name, after);
      const people = presence.people(room.name);
      connection.send({ type: "room.opened", room: room.name, people, messages, isComplete });
    },

    async leave(connection, { room }) {
      const { user, state } = connection;
      if (!user || !state.rooms.delete(room)) return;
      await connection.groupDiscard(groupOf(room));
      if (presence.leave(room, user.name)) await announce(room, user.name, "left");
    },

    async say(connection, { room, text }) {
      const { user, state } = connection;
      if (!user) return;
      if (!state.rooms.has(room)) {
        return refuse(connection, room, {
          code: "NOT_IN_ROOM",
          message: `Join ${findRoom(room)?.title ?? room} first.`,
        });
      }
      const message = addMessage(room, user, text);
      await connection.groupSend(groupOf(room), { type: "chat.message", ...message });
    },
  },

  on: {
    "chat.message": forward(),
    "chat.people": forward(),
    "session.ended": (connection) => connection.close(4401, "you have signed out"),
  },

  async disconnect({ user, state }) {
    if (!user) return;
    for (const room of state.rooms) {
      if (presence.leave(room, user.name)) await announce(room, user.name, "left");
    }
  },
});

/** How many people are in the chat: what the front page shows. */
export const people = feed({
  path: "/people",
  group: "people",
  snapshot: () => ({ count: presence.count }),
  on: { "people.changed": refresh() },
});

function refuse(
  connection: Pick<Connection, "send">,
  room: string,
  reason: {
    readonly code: "UNKNOWN_ROOM" | "STAFF_ONLY" | "NOT_IN_ROOM";
    readonly message: string;
  },
): void {
  connection.send({ type: "room.refused", room, ...reason });
}

function groupOf(room: string): string {
  return `chat_${room}`;
}

async function announce(room: string, name: string, change: "arrived" | "left"): Promise<void> {
  const event = { room, name, change, people: presence.people(room), at: Date.now() };
  await app.layer.groupSend(groupOf(room), { type: "chat.people", ...event });
  await app.layer.groupSend("people", { type: "people.changed" });
}
