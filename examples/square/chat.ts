import { consumer, feed, forward, refresh } from "tidings";

import { app } from "./app.ts";
import { chatEvents, ClientMessage } from "./chat-messages.ts";
import { addMessage, messagesAfter } from "./messages.ts";
import { Presence } from "./presence.ts";
import { findRoom, refusal } from "./rooms.ts";
import { sessionGroup } from "./sessions.ts";

const presence = new Presence();

/** The chat: any number of rooms over one WebSocket. */
export const chat = consumer({
  path: "/ws/chat",
  receives: ClientMessage,
  events: chatEvents,
  state: () => ({ rooms: new Set<string>() }),

  async connect(connection) {
    const session = sessionGroup(connection.request);
    if (!connection.user || session === null) return connection.reject(4401, "sign in first");
    await connection.groupAdd(session);
  },

  async receive(connection, message) {
    const { user, state } = connection;
    const room = findRoom(message.room);
    if (!user) return;
    const refuse = (code: "UNKNOWN_ROOM" | "STAFF_ONLY" | "NOT_IN_ROOM", text: string): void =>
      connection.send({ type: "room.refused", room: message.room, code, message: text });
    if (!room) return refuse("UNKNOWN_ROOM", `There is no room "${message.room}".`);
    const group = groupOf(room.name);

    switch (message.type) {
      case "join": {
        const reason = refusal(room, user);
        if (reason !== null) return refuse("STAFF_ONLY", reason);
        // Group first, history second: what is said in between comes twice rather than never.
        await connection.groupAdd(group);
        if (!state.rooms.has(room.name)) {
          state.rooms.add(room.name);
          if (presence.enter(room.name, user.name)) await announce(room.name, user.name, "arrived");
        }
        const { messages, isComplete } = messagesAfter(room.name, message.after);
        const people = presence.people(room.name);
        connection.send({ type: "room.opened", room: room.name, people, messages, isComplete });
        return;
      }
      case "leave":
        if (!state.rooms.delete(room.name)) return;
        await connection.groupDiscard(group);
        if (presence.leave(room.name, user.name)) await announce(room.name, user.name, "left");
        return;
      case "say":
        if (!state.rooms.has(room.name)) return refuse("NOT_IN_ROOM", `Join ${room.title} first.`);
        await connection.groupSend(group, {
          type: "chat.message",
          ...addMessage(room.name, user, message.text),
        });
    }
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

function groupOf(room: string): string {
  return `chat_${room}`;
}

async function announce(room: string, name: string, change: "arrived" | "left"): Promise<void> {
  const event = { room, name, change, people: presence.people(room), at: Date.now() };
  await app.layer.groupSend(groupOf(room), { type: "chat.people", ...event });
  await app.layer.groupSend("people", { type: "people.changed" });
}
