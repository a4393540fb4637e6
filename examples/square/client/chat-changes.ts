import type { Message } from "../messages.ts";
import type { ChatState, Line, RoomState } from "../views/chat-state.ts";

/** More lines than this are dropped from the top; the database still has them. */
const MAX_LINES = 500;

/** What the server says when a room opens. */
export interface Opened {
  readonly room: string;
  readonly people: readonly string[];
  readonly messages: readonly Message[];
  readonly isComplete: boolean;
}

/** What the server says when somebody comes or goes. */
export interface PeopleChange {
  readonly room: string;
  readonly people: readonly string[];
  readonly name: string;
  readonly change: "arrived" | "left";
  readonly at: number;
}

/** Changes one room; the others stay as they are. */
export function changeRoom(
  state: ChatState,
  name: string,
  change: (room: RoomState) => Partial<RoomState>,
): Pick<ChatState, "rooms"> {
  return {
    rooms: state.rooms.map((room) => (room.name === name ? { ...room, ...change(room) } : room)),
  };
}

/** A room has opened, or opened again after a break with what was said meanwhile. */
export function opened(
  room: RoomState,
  { people, messages, isComplete }: Opened,
): Partial<RoomState> {
  // After too long a break there would be a hole in the middle; then the newest start afresh.
  const before = isComplete ? room.lines : [];
  return {
    ...addLines(
      { ...room, lines: before },
      messages.map((message) => ({ kind: "message", ...message })),
    ),
    isOpen: true,
    refused: null,
    people,
  };
}

/** Somebody has said something. */
export function said(room: RoomState, message: Message, isUnread: boolean): Partial<RoomState> {
  if (room.lines.some((line) => line.id === message.id)) return {};
  return {
    ...addLines(room, [{ kind: "message", ...message }]),
    unread: room.unread + (isUnread ? 1 : 0),
  };
}

/** Somebody has come or gone. */
export function peopleChanged(
  room: RoomState,
  { people, name, change, at }: PeopleChange,
  me: string | null,
): Partial<RoomState> {
  if (name === me) return { people };
  const notice: Line = {
    kind: "notice",
    id: `${change}-${name}-${at}`,
    text: `${name} ${change}`,
    at,
  };
  return { ...addLines(room, [notice]), people };
}

function addLines(room: RoomState, added: readonly Line[]): Pick<RoomState, "lines" | "lastId"> {
  const known = new Set(room.lines.map((line) => line.id));
  const lines = [...room.lines, ...added.filter((line) => !known.has(line.id))]
    .toSorted((one, other) => one.at - other.at)
    .slice(-MAX_LINES);
  const ids = lines.map((line) => (line.kind === "message" ? line.id : 0));
  return { lines, lastId: Math.max(room.lastId, ...ids) };
}
