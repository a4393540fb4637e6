import { connect } from "tidings/client";

import type { chat } from "../../chat.ts";
import type { ChatState } from "../../views/chat-state.ts";
import { ChatView } from "../../views/chat-view.tsx";
import { changeRoom, opened, peopleChanged, said } from "../chat-changes.ts";
import { showStatus } from "../chat-status.ts";
import { byId, mount } from "../mount.tsx";
import { loadOpenRooms, saveOpenRooms } from "../open-rooms.ts";
import { stickToEnd } from "../stick-to-end.ts";

/** What was said waits so long for a connection; a person has patience. */
const SAY_TIMEOUT_MS = 60_000;

const saved = loadOpenRooms();
const view = mount(ChatView);
view.set({ current: saved.current });
const scrollToEnd = stickToEnd(byId("live"), "#log");

/** The rooms that this tab wants to be in, whether or not it is connected at the moment. */
const wanted = new Set(saved.open);
const connection = connect<typeof chat>("/ws/chat");

function roomOf(name: string): ChatState["rooms"][number] | undefined {
  return view.state.rooms.find((room) => room.name === name);
}

function join(room: string, timeoutMs?: number): void {
  const after = roomOf(room)?.lastId ?? 0;
  // When it cannot be sent, the connection is down; "open" joins again.
  connection.send({ type: "join", room, after }, { timeoutMs }).catch(() => {});
}

showStatus(connection, (status) => {
  view.set({ status });
  if (status.kind !== "open") return;
  view.set({ problem: null });
  for (const room of wanted) join(room);
});

connection.on("room.opened", (event) => {
  view.set(changeRoom(view.state, event.room, (room) => opened(room, event)));
});
connection.on("room.refused", ({ room, code, message }) => {
  if (code === "NOT_IN_ROOM") return view.set({ problem: message });
  wanted.delete(room);
  save();
  view.set(changeRoom(view.state, room, () => ({ isOpen: false, refused: message })));
});
connection.on("error", ({ message }) => view.set({ problem: message }));
connection.on("chat.message", (message) => {
  const isUnread = message.room !== view.state.current && message.user !== view.state.me;
  view.set(changeRoom(view.state, message.room, (room) => said(room, message, isUnread)));
  showUnread();
});
connection.on("chat.people", (event) => {
  view.set(changeRoom(view.state, event.room, (room) => peopleChanged(room, event, view.state.me)));
});

function enter(name: string): void {
  view.set({
    current: name,
    problem: null,
    ...changeRoom(view.state, name, () => ({ unread: 0 })),
  });
  if (!roomOf(name)?.isOpen) {
    wanted.add(name);
    join(name);
  }
  save();
  showUnread();
  scrollToEnd();
}

function leave(name: string): void {
  wanted.delete(name);
  save();
  connection.send({ type: "leave", room: name }).catch(() => {}); // down: nobody is in it anyway
  view.set(changeRoom(view.state, name, () => ({ isOpen: false, people: [], unread: 0 })));
  showUnread();
}

function save(): void {
  saveOpenRooms({ current: view.state.current, open: [...wanted] });
}

function showUnread(): void {
  const unread = view.state.rooms.reduce((sum, room) => sum + room.unread, 0);
  document.title = unread > 0 ? `(${unread}) Chat · The square` : "Chat · The square";
}

byId("live").addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("button") : null;
  const { room, leave: left } = button?.dataset ?? {};
  if (room !== undefined) enter(room);
  if (left !== undefined) leave(left);
});

byId("live").addEventListener("keydown", (event) => {
  const { target, key, shiftKey, isComposing } = event;
  if (!(target instanceof HTMLTextAreaElement) || key !== "Enter" || shiftKey || isComposing)
    return;
  event.preventDefault();
  target.form?.requestSubmit();
});

byId("live").addEventListener("submit", (event) => {
  event.preventDefault();
  void say();
});

async function say(): Promise<void> {
  const field = byId("text");
  if (!(field instanceof HTMLTextAreaElement)) return;
  const text = field.value.trim();
  if (text === "") return;
  const unsent = { room: view.state.current, text };
  field.value = "";
  view.set({ problem: null, unsent: [...view.state.unsent, unsent] });
  scrollToEnd();
  const timeoutMs = SAY_TIMEOUT_MS;
  // The connection that comes next may be another one, that is in no room yet.
  if (connection.status !== "open") join(unsent.room, timeoutMs);
  try {
    await connection.send({ type: "say", ...unsent }, { timeoutMs });
  } catch (thrown) {
    field.value = [field.value.trim(), text].filter((part) => part !== "").join("\n");
    const reason = thrown instanceof Error ? thrown.message : "it was not sent";
    view.set({ problem: `Your text is in the field again: ${reason}.` });
  } finally {
    view.set({ unsent: view.state.unsent.filter((each) => each !== unsent) });
  }
}
