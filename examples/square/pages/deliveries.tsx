import { Hono } from "hono";

import type { Env } from "../env.ts";
import { DeliveriesView, emptyDeliveries } from "../views/deliveries-view.tsx";
import { page } from "./page.tsx";

/** The page that shows one feed over every delivery. */
export const deliveries: Hono<Env> = new Hono<Env>();

deliveries.get("/deliveries", (context) => {
  const state = emptyDeliveries("pulse", new URL(context.req.url).origin);
  return page(
    context,
    { title: "Deliveries", script: "deliveries", state },
    <>
      <div class="page-head">
        <h1>Deliveries</h1>
        <p>
          One feed, one URL, followed in all five ways at once, and as the client chooses. The
          request says how it wants to be answered; the events and their cursors are the same. Cut
          the network and see each one come back with what it missed. Each row shows the last thirty
          seconds.
        </p>
      </div>
      <noscript>
        <p class="problem">
          Following a feed live needs JavaScript; the commands for a terminal below do not.
        </p>
      </noscript>
      <div id="live">
        <DeliveriesView state={state} />
      </div>
    </>,
  );
});
