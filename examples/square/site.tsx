import { Hono } from "hono";
import { csrf } from "hono/csrf";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";

import { loadAssets } from "./assets.ts";
import type { Env } from "./env.ts";
import { FAVICON } from "./favicon.ts";
import { board } from "./pages/board.tsx";
import { chatPage } from "./pages/chat.tsx";
import { deliveries } from "./pages/deliveries.tsx";
import { home } from "./pages/home.tsx";
import { jobsPage } from "./pages/jobs.tsx";
import { messagePage } from "./pages/message-page.tsx";
import { isTooLarge } from "./pages/read-fields.ts";
import { signIn } from "./pages/sign-in.tsx";
import { sessions, userOf } from "./sessions.ts";

/** The pages. Feeds and the chat's connection are not here: they are routes of Tidings (main.ts). */
export const site: Hono<Env> = new Hono<Env>();

site.use(
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
    // The square is at home on http://localhost, where this header would lock people out.
    strictTransportSecurity: false,
    referrerPolicy: "same-origin",
  }),
);
// Refuses every form that another site sends: browsers say in their headers where a form comes from.
site.use(csrf());
site.use(async (context, next) => {
  const session = await sessions.load(context.req.raw);
  context.set("user", session && userOf(session.data));
  context.set("assets", await loadAssets());
  await next();
});

site.get("/favicon.svg", (context) =>
  context.body(FAVICON, 200, { "content-type": "image/svg+xml" }),
);
site.get("/assets/:file", (context) => {
  return context.var.assets.respond(context.req.param("file")) ?? context.notFound();
});
for (const pages of [home, signIn, chatPage, board, deliveries, jobsPage]) site.route("/", pages);

site.notFound((context) =>
  messagePage(context, {
    status: 404,
    title: "Nothing stands here",
    text: "There is no page at this address. It may have moved, or the address has a slip in it.",
  }),
);

site.onError(async (error, context) => {
  if (isTooLarge(error)) throw error;
  // What fails before the second `use` has run has neither user nor assets yet.
  context.set("user", null);
  context.set("assets", await loadAssets());
  if (error instanceof HTTPException && error.status === 403) {
    return messagePage(context, {
      status: 403,
      title: "This form came from elsewhere",
      text: "The square takes forms only from its own pages. Go there and send it again.",
    });
  }
  if (error instanceof HTTPException && error.status === 400) {
    return messagePage(context, {
      status: 400,
      title: "This form cannot be read",
      text: "Go back, load the page again, and send it once more.",
    });
  }
  console.error(error);
  return messagePage(context, {
    status: 500,
    title: "Something broke on our side",
    text: "Nothing you did. It has been noted; try again in a moment.",
  });
});
