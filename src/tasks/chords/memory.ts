import { readTypedJson, writeTypedJson } from "../message/typed-json.ts";
import type { TaskChild } from "../results/task-record.ts";
import { byIndex, type ChordPart, type ChordStore } from "./chord-store.ts";

interface Chord {
  size: number | undefined;
  readonly parts: Map<string, ChordPart>;
  /** The task that was told of the end. */
  finisher: string | undefined;
}

/**
 * Chords in this process's memory.
 *
 * Bound: `capacity` chords and as many groups; the oldest are forgotten.
 */
export class MemoryChords implements ChordStore {
  readonly #chords = new Map<string, Chord>();
  readonly #groups = new Map<string, TaskChild>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  async setSize(groupId: string, size: number): Promise<void> {
    this.#chord(groupId).size = size;
  }

  async addPart(groupId: string, part: ChordPart): Promise<readonly ChordPart[] | null> {
    const chord = this.#chord(groupId);
    // Through JSON, so that a part is the same here as in every other store.
    const result = readTypedJson(writeTypedJson(part.result, "the part of a chord"));
    if (!chord.parts.has(part.id)) chord.parts.set(part.id, { ...part, result });
    if (chord.size === undefined || chord.parts.size < chord.size) return null;
    chord.finisher ??= part.id;
    return chord.finisher === part.id ? [...chord.parts.values()].toSorted(byIndex) : null;
  }

  async forget(groupId: string): Promise<void> {
    this.#chords.delete(groupId);
  }

  async saveGroup(group: TaskChild): Promise<void> {
    this.#groups.set(group.id, structuredClone(group));
    keepBound(this.#groups, this.#capacity);
  }

  async loadGroup(groupId: string): Promise<TaskChild | null> {
    return structuredClone(this.#groups.get(groupId) ?? null);
  }

  #chord(groupId: string): Chord {
    const chord = this.#chords.get(groupId) ?? {
      size: undefined,
      parts: new Map(),
      finisher: undefined,
    };
    this.#chords.set(groupId, chord);
    keepBound(this.#chords, this.#capacity);
    return chord;
  }
}

function keepBound(map: Map<string, unknown>, capacity: number): void {
  for (const key of map.keys()) {
    if (map.size <= capacity) return;
    map.delete(key);
  }
}
