import { consumer, feed, forward, refresh, type Connection } from "tidings";
import { toPresenceGroup } from "tidings/presence";

import { app } from "./app.ts";
import { chatEvents, clientMessages } from "./chat-messages.ts";
import { addMessage, messagesAfter } from "./messages.ts";
import { findRoom, refusal } from "./rooms.ts";
import { sessionGroup, sessions } from "./sessions.ts";

/** Everybody who is in any room. */
const EVERYBODY = "chat";

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
        await app.presence.track(connection, EVERYBODY);
        await app.presence.track(connection, groupOf(room.name), user.name);
      }
      const { messages, isComplete } = messagesAfter(room.name, after);
      const people = await peopleIn(groupOf(room.name));
      connection.send({ type: "room.opened", room: room.name, people, messages, isComplete });
    },

    async leave(connection, { room }) {
      const { user, state } = connection;
      if (!user || !state.rooms.delete(room)) return;
      await connection.groupDiscard(groupOf(room));
      await app.presence.untrack(connection, groupOf(room));
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
    async "session.ended"(connection) {
      const groups = [EVERYBODY, ...Array.from(connection.state.rooms, groupOf)];
      for (const group of groups) await app.presence.untrack(connection, group);
      connection.close(4401, "you have signed out");
    },
  },
});

// Told once, however many servers there are: the rooms hear who comes and goes.
app.presence.onChange(({ kind, group, member }) => {
  if (group === EVERYBODY) return;
  if (kind === "updated") return;
  const change = kind === "joined" ? "arrived" : "left";
  void announce(group, String(member.data), change);
});

/** How many people are in the chat: what the front page shows. */
export const people = feed({
  path: "/people",
  group: toPresenceGroup(EVERYBODY),
  snapshot: async () => ({ count: (await app.presence.read(EVERYBODY)).count }),
  on: { "presence.changed": refresh() },
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

/** The names of those in a room, in the order of the alphabet. */
async function peopleIn(group: string): Promise<readonly string[]> {
  const { members } = await app.presence.read(group);
  return members?.map(({ data }) => String(data)).toSorted() ?? [];
}

async function announce(group: string, name: string, change: "arrived" | "left"): Promise<void> {
  const room = group.slice(groupOf("").length);
  const event = { room, name, change, people: await peopleIn(group), at: Date.now() };
  await app.layer.groupSend(group, { type: "chat.people", ...event });
}
