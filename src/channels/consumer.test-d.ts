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
