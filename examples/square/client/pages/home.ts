import { follow } from "tidings/client";

import type { topics } from "../../board.ts";
import type { people } from "../../chat.ts";
import type { clock } from "../../clock.ts";
import type { jobs } from "../../jobs.ts";
import { newestJob, newestNote, peopleHere } from "../../views/home-texts.ts";
import { byId } from "../mount.tsx";
import { whileVisible } from "../while-visible.ts";

whileVisible((signal) => {
  const options = { transport: "websocket", signal } as const;
  void (async () => {
    for await (const { data } of follow<typeof clock>("/clock", options)) {
      byId("clock").textContent = new Date(data).toLocaleTimeString("en-GB");
    }
  })();
  void (async () => {
    for await (const { data } of follow<typeof people>("/people", options)) {
      byId("people").textContent = peopleHere(data.count);
    }
  })();
  void (async () => {
    for await (const { data } of follow<typeof topics>("/topics", options)) {
      byId("note").textContent = newestNote(data.topics);
    }
  })();
  void (async () => {
    for await (const { data } of follow<typeof jobs>("/jobs/list", options)) {
      byId("job").textContent = newestJob(data);
    }
  })();
});
