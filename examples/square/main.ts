import { allowedOrigins, application, sessionAuth, taskFeed, use } from "tidings";

import { app } from "./app.ts";
import { topics } from "./board.ts";
import { chat, people } from "./chat.ts";
import { clock } from "./clock.ts";
import { jobs } from "./jobs.ts";
import { pulse } from "./pulse.ts";
import { sessions, userOf } from "./sessions.ts";
import { site } from "./site.tsx";

export default application({
  app,
  http: site.fetch,
  routes: [
    use(
      [allowedOrigins(), sessionAuth(sessions, { user: userOf })],
      [chat, people, topics, clock, pulse, jobs, taskFeed(app)],
    ),
  ],
  tasks: () => import("./tasks.ts"),
});
