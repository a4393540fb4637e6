import { expectTypeOf, test } from "vitest";
import { z } from "zod";

import { consumer } from "./consumer.ts";
import { feed } from "./feed.ts";
import { forward } from "./forward.ts";

test("types flow from the path and the schemas to every handler", () => {
  const chat = consumer({
    path: "/ws/chat/:room/:user",
    receives: z.object({ message: z.string().transform((text) => text.length) }),
    events: { "chat.message": z.object({ user: z.string() }), "chat.left": z.object({}) },
    state: () => ({ count: 0 }),
    connect(connection) {
      expectTypeOf(connection.params).toEqualTypeOf<{
        readonly room: string;
        readonly user: string;
      }>();
      expectTypeOf(connection.state).toEqualTypeOf<{ count: number }>();
      // @ts-expect-error -- the path names no such parameter
      void connection.params.other;
      void connection.groupSend("g", { type: "chat.left" });
      // @ts-expect-error -- the event's schema wants a user
      void connection.groupSend("g", { type: "chat.message" });
      // @ts-expect-error -- there is no such event
      void connection.groupSend("g", { type: "chat.unknown" });
    },
    receive(_connection, message) {
      expectTypeOf(message).toEqualTypeOf<{ message: number }>();
    },
    on: {
      "chat.message": (_connection, event) => {
        expectTypeOf(event.type).toEqualTypeOf<"chat.message">();
        expectTypeOf(event.user).toEqualTypeOf<string>();
      },
      "chat.left": forward(),
    },
  });
  type Types = NonNullable<(typeof chat)["types"]>;
  expectTypeOf<Types["receives"]>().toEqualTypeOf<{ message: string }>();
});

test("a feed's data is what its snapshot or generator yields", () => {
  const topics = feed({ path: "/topics/:id", snapshot: async ({ params }) => [params.id] });
  expectTypeOf<NonNullable<(typeof topics)["types"]>["data"]>().toEqualTypeOf<string[]>();
});

test("each kind of message has the types of its own schemas, and path parameters theirs", () => {
  const rooms = consumer({
    path: "/teams/:team<int>/rooms/:room<slug>/:rest<path>",
    receives: {
      join: z.object({ room: z.string().transform((text) => text.length) }),
      leave: z.object({}),
    },
    replies: { join: z.object({ members: z.number().default(0) }) },
    receive: {
      join(connection, message) {
        expectTypeOf(connection.params).toEqualTypeOf<{
          readonly team: number;
          readonly room: string;
          readonly rest: string;
        }>();
        expectTypeOf(message.type).toEqualTypeOf<"join">();
        expectTypeOf(message.room).toEqualTypeOf<number>();
        return {};
      },
      leave(_connection, message) {
        expectTypeOf(message.type).toEqualTypeOf<"leave">();
      },
    },
  });
  type Types = NonNullable<(typeof rooms)["types"]>;
  expectTypeOf<Types["receives"]>().toEqualTypeOf<
    ({ readonly type: "join" } & { room: string }) | { readonly type: "leave" }
  >();
  expectTypeOf<Types["replies"]>().toEqualTypeOf<{ readonly join: { members: number } }>();

  const receives = { join: z.object({ room: z.string() }) };
  const replies = { join: z.object({ members: z.number() }) };
  // @ts-expect-error -- the reply has no members
  consumer({ path: "/x", receives, replies, receive: { join: () => ({}) } });
  // @ts-expect-error -- `leave` has no schema
  consumer({ path: "/x", receives, receive: { join: () => undefined, leave: () => undefined } });
  // @ts-expect-error -- `join` has no handler
  consumer({ path: "/x", receives, receive: {} });
});
