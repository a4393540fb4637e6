import { createElement, StrictMode, useState, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { connectFeeds } from "tidings/client";
import { useConnection, useFeed, useTask } from "tidings/react";

import type { Chat, List } from "./react-parts.ts";

/** A page with every hook, under strict mode: each component mounts twice. */
function Page(): ReactNode {
  const [isThere, setThere] = useState(true);
  const toggle = { id: "toggle", onClick: () => setThere(!isThere) };
  return createElement(
    "main",
    null,
    createElement("button", toggle, "toggle"),
    isThere && createElement(Live),
  );
}

const over = connectFeeds();

function Live(): ReactNode {
  const { value: items, status } = useFeed<List>("/list");
  const { value: count } = useFeed<List, number>("/list", {
    over,
    reduce: (sum) => sum + 1,
    initial: 0,
  });
  const [said, setSaid] = useState<readonly string[]>([]);
  const room = useConnection<Chat>("/chat", {
    on: { said: ({ text }) => setSaid([...said, text]) },
  });
  const { value: task } = useTask("t1", { over });
  const say = (): void => void room.connection?.send({ text: `hello ${said.length + 1}` });
  return createElement(
    "section",
    null,
    createElement("p", { id: "list" }, `${status}: ${items?.join(", ") ?? "nothing yet"}`),
    createElement("p", { id: "count" }, `${count} events`),
    createElement("p", { id: "task" }, task?.state ?? "unknown"),
    createElement("button", { id: "say", onClick: say }, room.status),
    createElement("p", { id: "said" }, said.join(", ")),
  );
}

const root = document.body.appendChild(document.createElement("div"));
createRoot(root).render(createElement(StrictMode, null, createElement(Page)));
