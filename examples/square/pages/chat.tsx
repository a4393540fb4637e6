import { Hono } from "hono";

import type { Env } from "../env.ts";
import { ROOMS } from "../rooms.ts";
import { emptyChat } from "../views/chat-state.ts";
import { ChatView } from "../views/chat-view.tsx";
import { page } from "./page.tsx";

/** The page of the chat. The chat itself is `chat.ts`. */
export const chatPage: Hono<Env> = new Hono<Env>();

chatPage.get("/chat", (context) => {
  const { user } = context.var;
  if (!user) return page(context, { title: "Chat" }, <SignInFirst />);
  const state = emptyChat(user.name, ROOMS);
  return page(
    context,
    { title: "Chat", script: "chat", state },
    <>
      <h1 class="visually-hidden">Chat</h1>
      <noscript>
        <p class="problem">The chat is a live connection, which needs JavaScript.</p>
      </noscript>
      <div id="live">
        <ChatView state={state} />
      </div>
    </>,
  );
});

function SignInFirst() {
  return (
    <>
      <div class="page-head">
        <h1>Chat</h1>
        <p>Several rooms over one connection, who is here, and what was said before you came.</p>
      </div>
      <div class="invite">
        <p>The chat wants to know who speaks. Sign in, and come back here.</p>
        <a class="button" href="/sign-in?next=/chat">
          Sign in to chat
        </a>
      </div>
    </>
  );
}
