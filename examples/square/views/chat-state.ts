import type { Message } from "../messages.ts";
import type { Room } from "../rooms.ts";

/** A line in a room's log: something said, or somebody coming and going. */
export type Line =
  | ({ readonly kind: "message" } & Message)
  | { readonly kind: "notice"; readonly id: string; readonly text: string; readonly at: number };

/** A room as one browser sees it. */
export interface RoomState extends Room {
  /** Whether this browser is in the room; `refused` holds why not, if the server said no. */
  readonly isOpen: boolean;
  readonly refused: string | null;
  readonly lines: readonly Line[];
  readonly people: readonly string[];
  /** The id of the newest message; what to ask for after a break. */
  readonly lastId: number;
  readonly unread: number;
}

/** Something that was said, and of which the server has not said that it has it. */
export interface Unsent {
  readonly room: string;
  readonly text: string;
}

/** The connection, as the page shows it. */
export interface ChatStatus {
  readonly kind: "connecting" | "open" | "waiting" | "closed";
  readonly text: string;
}

/** Everything that the chat page shows. */
export interface ChatState {
  readonly me: string | null;
  readonly status: ChatStatus;
  readonly current: string;
  readonly rooms: readonly RoomState[];
  readonly unsent: readonly Unsent[];
  /** Why something was refused, or not sent. */
  readonly problem: string | null;
}

/** The chat before anything has arrived: every room closed. */
export function emptyChat(me: string | null, rooms: readonly Room[]): ChatState {
  return {
    me,
    status: { kind: "connecting", text: "Connecting…" },
    current: "lobby",
    unsent: [],
    problem: null,
    rooms: rooms.map((room) => ({
      ...room,
      isOpen: false,
      refused: null,
      lines: [],
      people: [],
      lastId: 0,
      unread: 0,
    })),
  };
}
