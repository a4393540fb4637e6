/**
 * Who is in which room, in this process.
 *
 * A person with two tabs is one person: they arrive with the first tab and leave with the last.
 */
export class Presence {
  readonly #rooms = new Map<string, Map<string, number>>();

  /** The names of those in a room, in the order of the alphabet. */
  people(room: string): readonly string[] {
    return [...(this.#rooms.get(room)?.keys() ?? [])].toSorted();
  }

  /** How many different people are in any room. */
  get count(): number {
    return new Set([...this.#rooms.values()].flatMap((people) => [...people.keys()])).size;
  }

  /** Notes one more tab of somebody; returns whether it is their first in the room. */
  enter(room: string, name: string): boolean {
    let people = this.#rooms.get(room);
    if (!people) this.#rooms.set(room, (people = new Map()));
    const tabs = people.get(name) ?? 0;
    people.set(name, tabs + 1);
    return tabs === 0;
  }

  /** Notes one tab less; returns whether it was their last in the room. */
  leave(room: string, name: string): boolean {
    const people = this.#rooms.get(room);
    const tabs = people?.get(name) ?? 0;
    if (tabs > 1) {
      people?.set(name, tabs - 1);
      return false;
    }
    return people?.delete(name) ?? false;
  }
}
