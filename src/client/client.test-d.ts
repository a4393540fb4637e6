import { describe, expectTypeOf, test } from "vitest";

import { connect, connectFeeds, follow, followTask, type FollowedTask } from "./index.ts";

interface Chat {
  readonly kind: "consumer";
  readonly types?: {
    readonly receives: { readonly text: string };
    readonly events:
      | { readonly type: "said"; readonly text: string }
      | { readonly type: "left"; readonly name: string };
    readonly replies: undefined;
  };
}

interface Topics {
  readonly types?: { readonly data: readonly string[] };
}

interface Clock {
  readonly types?: { readonly data: number };
}

describe("connect", () => {
  test("takes the types of messages and events from the consumer", () => {
    const room = connect<Chat>("/ws/chat");
    room.on("said", (event) => expectTypeOf(event.text).toEqualTypeOf<string>());
    room.on("left", (event) => expectTypeOf(event.name).toEqualTypeOf<string>());
    room.on("error", ({ code, issues }) => {
      expectTypeOf(code).toEqualTypeOf<string>();
      expectTypeOf(issues[0]).toEqualTypeOf<
        { readonly path: string; readonly message: string } | undefined
      >();
    });
    expectTypeOf(room.send).parameter(0).toEqualTypeOf<{ readonly text: string }>();
    // @ts-expect-error the consumer has no such event
    room.on("shouted", () => {});
    // @ts-expect-error the consumer takes a text
    void room.send({ txt: "hi" });
    // @ts-expect-error a feed is no consumer
    connect<Topics>("/topics");
  });

  test("takes and gives everything where the consumer is not known", () => {
    const room = connect("/ws/chat");
    room.on("anything", (event) => expectTypeOf(event["field"]).toEqualTypeOf<unknown>());
    void room.send({ anything: 1 });
  });
});

describe("follow", () => {
  test("takes the type of the data from the feed", () => {
    const [topics, either, unknown] = [
      follow<Topics>("/t"),
      follow<Topics | Clock>("/t"),
      follow("/t"),
    ];
    type Data<T> = T extends AsyncIterable<{ readonly data: infer TData }> ? TData : never;
    expectTypeOf<Data<typeof topics>>().toEqualTypeOf<readonly string[]>();
    expectTypeOf<Data<typeof either>>().toEqualTypeOf<readonly string[] | number>();
    expectTypeOf<Data<typeof unknown>>().toEqualTypeOf<unknown>();
    follow("/t", { over: connectFeeds("/feeds", { transport: ["sse", "poll"] }) });
    // @ts-expect-error a consumer's connection has no feeds
    follow("/t", { over: connect("/ws/chat") });
    // @ts-expect-error there is no such transport
    follow("/t", { transport: "pigeon" });
    // @ts-expect-error a consumer is no feed
    follow<Chat>("/ws/chat");
  });
});

describe("followTask", () => {
  test("yields records of the task", () => {
    expectTypeOf(followTask("id")).toEqualTypeOf<AsyncGenerator<FollowedTask, void>>();
  });
});

interface Rooms {
  readonly types?: {
    readonly receives: { readonly type: "join"; room: string } | { readonly type: "leave" };
    readonly events: { readonly type: "said" };
    readonly replies: { readonly join: { readonly members: number } };
  };
}

test("a reply has the type that the consumer promises for its message", () => {
  const rooms = connect<Rooms>("/ws/rooms");
  expectTypeOf(rooms.request({ type: "join", room: "lobby" })).resolves.toEqualTypeOf<{
    readonly members: number;
  }>();
  // @ts-expect-error -- there is no such message
  void rooms.request({ type: "shout" });
});
