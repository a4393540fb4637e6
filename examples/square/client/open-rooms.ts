const KEY = "square.rooms";

/** The rooms that a tab has open, and the one it shows. */
export interface OpenRooms {
  readonly current: string;
  readonly open: readonly string[];
}

/** Reads which rooms this tab had open before it was loaded again. */
export function loadOpenRooms(): OpenRooms {
  const stored: OpenRooms | null = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  return stored ?? { current: "lobby", open: ["lobby"] };
}

export function saveOpenRooms(rooms: OpenRooms): void {
  sessionStorage.setItem(KEY, JSON.stringify(rooms));
}
