import type { User } from "./users.ts";

/** A place to talk. */
export interface Room {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly staffOnly: boolean;
}

/** Every room there is. */
export const ROOMS: readonly Room[] = [
  {
    name: "lobby",
    title: "Lobby",
    about: "Say hello. Everybody passes through here.",
    staffOnly: false,
  },
  {
    name: "help",
    title: "Help",
    about: "Questions, answers, and the questions behind them.",
    staffOnly: false,
  },
  {
    name: "workshop",
    title: "Workshop",
    about: "What is being built, and how it is going.",
    staffOnly: false,
  },
  {
    name: "staff",
    title: "Office",
    about: "For those who keep the square swept.",
    staffOnly: true,
  },
];

export function findRoom(name: string): Room | undefined {
  return ROOMS.find((room) => room.name === name);
}

/** Why somebody may not enter a room, in words for that person; `null` if they may. */
export function refusal(room: Room, user: User): string | null {
  return room.staffOnly && !user.staff
    ? `The ${room.title.toLowerCase()} is for staff, and you are not staff.`
    : null;
}
