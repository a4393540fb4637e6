import { expectTypeOf, test } from "vitest";
import { z } from "zod";

import { backgroundConsumer, type BackgroundContext } from "./background-consumer.ts";

const events = {
  "task.resize": z.object({ file: z.string(), width: z.number() }),
  "task.tick": z.object({}),
};

test("the schemas type what the handlers get", () => {
  backgroundConsumer({
    events,
    on: {
      "task.resize": (context, event) => {
        expectTypeOf(context).toEqualTypeOf<BackgroundContext>();
        expectTypeOf(event.type).toEqualTypeOf<"task.resize">();
        expectTypeOf(event.width).toEqualTypeOf<number>();
        // @ts-expect-error -- the schema has no such field
        return event.height;
      },
      "task.tick": (_context, event) => expectTypeOf(event.type).toEqualTypeOf<"task.tick">(),
    },
  });
});

test("every event needs its handler", () => {
  // @ts-expect-error -- nothing handles `task.tick`
  const incomplete = backgroundConsumer({ events, on: { "task.resize": () => undefined } });
  expectTypeOf(incomplete.kind).toEqualTypeOf<"background-consumer">();
});
