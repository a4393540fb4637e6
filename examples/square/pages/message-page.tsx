import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

import type { Env } from "../env.ts";
import { page } from "./page.tsx";

/** What a page says that has nothing else to show. */
export interface MessagePageOptions {
  readonly status: ContentfulStatusCode;
  readonly title: string;
  readonly text: string;
}

/** Answers with a short message: as a page for people, as JSON for scripts. */
export function messagePage(
  context: Context<Env>,
  { status, title, text }: MessagePageOptions,
): Response | Promise<Response> {
  if (wantsJson(context)) return context.json({ error: { code: title, message: text } }, status);
  return page(
    context,
    { title, status },
    <div class="message">
      <p class="message-status" aria-hidden="true">
        {status}
      </p>
      <h1>{title}</h1>
      <p>{text}</p>
      <p>
        <a class="button" href="/">
          Back to the square
        </a>
      </p>
    </div>,
  );
}

/** Whether a script asks, which our own pages' scripts say by `Accept: application/json`. */
export function wantsJson(context: Context<Env>): boolean {
  return context.req.header("accept")?.includes("application/json") ?? false;
}
