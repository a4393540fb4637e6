import { once } from "node:events";

import { application, backgroundConsumer, createApp } from "tidings";
import { z } from "zod";

const app = createApp({
  name: "background",
  broker: "memory:",
  ...(process.env["LAYER_URL"] ? { layer: process.env["LAYER_URL"] } : {}),
});

const empty = z.object({});

/** Says on standard output what it does, one line each. */
const work = backgroundConsumer({
  events: {
    "work.n": z.object({ n: z.number() }),
    "work.poison": empty,
    "work.until-stop": empty,
    "work.until-signal": empty,
  },
  on: {
    async "work.n"(_context, { n }) {
      // Handling takes its time, so that the workers have to share.
      await new Promise((resolve) => setTimeout(resolve, 2));
      say(`handled ${n}`);
    },
    "work.poison"() {
      throw new Error("poison");
    },
    async "work.until-stop"() {
      say("waits for the stop");
      await once(process, "SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 50));
      say("finished after the stop");
    },
    async "work.until-signal"({ signal }) {
      say("waits for its signal");
      await once(signal, "abort");
      say("heard its signal");
    },
  },
});
const ping = backgroundConsumer({
  events: { "ping.now": empty },
  on: { "ping.now": () => say("pinged") },
  concurrency: 3,
});

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export default application({
  app,
  channels: process.env["NO_CHANNELS"] ? {} : { work, ping },
  // What a page of this process sends reaches what this process runs.
  async http() {
    await app.layer.send("ping", { type: "ping.now" });
    return new Response("sent");
  },
});
