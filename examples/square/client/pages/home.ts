import type { topics } from "../../board.ts";
import type { people } from "../../chat.ts";
import type { clock } from "../../clock.ts";
import type { jobs } from "../../jobs.ts";
import { newestJob, newestNote, peopleHere } from "../../views/home-texts.ts";
import { followFeed } from "../follow-feed.ts";
import { byId } from "../mount.tsx";
import { whileVisible } from "../while-visible.ts";

whileVisible((signal) => {
  followFeed<typeof clock>("/clock", signal, (now) => {
    byId("clock").textContent = new Date(now).toLocaleTimeString("en-GB");
  });
  followFeed<typeof people>("/people", signal, ({ count }) => {
    byId("people").textContent = peopleHere(count);
  });
  followFeed<typeof topics>("/topics", signal, (board) => {
    byId("note").textContent = newestNote(board.topics);
  });
  followFeed<typeof jobs>("/jobs/list", signal, (list) => {
    byId("job").textContent = newestJob(list);
  });
});
