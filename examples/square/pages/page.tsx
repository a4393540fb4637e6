import type { Context } from "hono";
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";

import type { Env } from "../env.ts";
import { Frame } from "./frame.tsx";

/** What a page is, beside its content. */
export interface PageOptions {
  readonly title: string;
  /** The client script that brings the page to life. */
  readonly script?: string | undefined;
  /** What that script starts from. */
  readonly state?: unknown;
  /** @default 200 */
  readonly status?: ContentfulStatusCode | undefined;
}

/** Answers with a whole page. */
export async function page(
  context: Context<Env>,
  { title, script, state, status = 200 }: PageOptions,
  children: Child,
): Promise<Response> {
  const { user, assets } = context.var;
  const frame = (
    <Frame
      title={title}
      user={user}
      path={context.req.path}
      style={assets.url("styles")}
      script={script === undefined ? undefined : assets.url(script)}
      state={state}
    >
      {children}
    </Frame>
  );
  return context.html(html`<!doctype html>${frame}`, status, {
    "cache-control": "no-store",
  });
}
