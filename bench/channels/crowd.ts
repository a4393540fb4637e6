import { toClientFrame, type ServerFrame } from "./frames.ts";
import { Member } from "./member.ts";
import { FIRST, MAX_MESSAGES } from "./message.ts";
import { wires, type Wire, type WireName } from "./wire.ts";

/** Who connects to a server. */
export interface CrowdOptions {
  readonly port: number;
  /** Where publishers connect; the members' own port when they are members themselves. */
  readonly publisherPort: number;
  readonly wire: WireName;
  /** How many rooms, and how many are in each. */
  readonly rooms: number;
  readonly size: number;
  /** Everybody hears only themselves: there are no rooms. */
  readonly isEcho: boolean;
}

/** Several rooms under way at once; in each, so many messages that not everybody has yet. */
export interface RoundOptions {
  readonly messages: number;
  readonly window: number;
}

interface Room {
  readonly members: readonly Member[];
  readonly publisher: Member;
  sent: number;
  /** Bytes that its members have received together. */
  received: number;
}

/** Handshakes that are under way at a time. */
const CONCURRENCY = 200;
/** Members that read every message, so that nobody wins by sending something else. */
const WITNESSES = 8;
const LOST_AFTER_MS = 20_000;

/** Everybody who is connected to one server: opened, heard, counted. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #wire: Wire;
  readonly #rooms: Room[] = [];
  readonly #roomOf = new Map<Member, Room>();
  readonly #witnessed = new Map<Member, number[]>();
  #frameBytes = 0;
  #onBytes: (member: Member, count: number) => void = () => {};
  #onLost: (error: Error) => void = () => {};

  constructor(options: CrowdOptions) {
    this.#options = options;
    this.#wire = wires[options.wire];
  }

  /** Connects everybody; resolves with the milliseconds until all have joined. */
  async open(): Promise<number> {
    const { rooms, size, port, publisherPort } = this.#options;
    const startedAt = performance.now();
    const members: Member[] = [];
    const opening = Array.from({ length: rooms * size }, (_, index) => index).values();
    const openSome = async (): Promise<void> => {
      for (const index of opening) {
        members[index] = await this.#connect(port, Math.floor(index / size));
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, openSome));
    const elapsedMs = performance.now() - startedAt;
    for (let index = 0; index < rooms; index++) {
      const inside = members.slice(index * size, (index + 1) * size);
      const publisher =
        publisherPort === port ? inside[0] : await this.#connect(publisherPort, index);
      if (!publisher) throw new Error("expected somebody in every room");
      const room: Room = { members: inside, publisher, sent: 0, received: 0 };
      for (const member of inside) this.#roomOf.set(member, room);
      this.#rooms.push(room);
    }
    return elapsedMs;
  }

  /** Sends one message to every room, and sees that it reaches everybody in the same form. */
  async verify(): Promise<void> {
    const all = this.#rooms.flatMap(({ members }) => members);
    const every = Math.ceil(all.length / WITNESSES);
    for (let index = 0; index < all.length; index += every) {
      const member = all[index];
      if (!member) continue;
      const numbers: number[] = [];
      this.#witnessed.set(member, numbers);
      member.witness((frame) => {
        this.#onFrame(frame);
        numbers.push(this.#wire.read(frame.text));
      });
    }
    await this.run({ messages: this.#rooms.length, window: 1 });
  }

  /** Resolves with the milliseconds until every member has every message of its room. */
  async run({ messages, window }: RoundOptions): Promise<number> {
    const perRoom = this.#reset(messages);
    const { size } = this.#options;
    let open = this.#rooms.length;
    const over = this.#track();
    this.#onBytes = (member, count) => {
      const room = this.#roomOf.get(member);
      if (!room) return; // a publisher that only speaks
      room.received += count;
      const toEach = size * this.#frameBytes;
      if (toEach === 0) return;
      while (room.sent < perRoom && room.received >= toEach * (room.sent - window + 1)) {
        this.#publish(room);
      }
      if (room.received === toEach * perRoom && --open === 0) over.resolve();
    };
    const startedAt = performance.now();
    for (const room of this.#rooms) {
      while (room.sent < Math.min(window, perRoom)) this.#publish(room);
    }
    await over.promise;
    const elapsedMs = performance.now() - startedAt;
    this.#check(perRoom);
    return elapsedMs;
  }

  /** Sends at a steady rate into one room; resolves with every delivery's milliseconds. */
  async time(messages: number, intervalMs: number): Promise<Float64Array> {
    this.#reset(messages);
    const [room] = this.#rooms;
    if (!room) throw new Error("expected a room");
    const latencies = new Float64Array(messages * room.members.length);
    const sentAt: number[] = [];
    let taken = 0;
    const over = this.#track();
    this.#onBytes = (member, count) => {
      if (!this.#roomOf.has(member)) return;
      const now = performance.now();
      const before = Math.floor((member.received - count) / this.#frameBytes);
      const after = Math.floor(member.received / this.#frameBytes);
      for (let n = before; n < after; n++) latencies[taken++] = now - (sentAt[n] ?? Number.NaN);
      if (taken === latencies.length) over.resolve();
    };
    const startedAt = performance.now();
    const publish = (): void => {
      sentAt.push(performance.now());
      this.#publish(room);
      const next = startedAt + room.sent * intervalMs - performance.now();
      if (room.sent < messages) setTimeout(publish, Math.max(0, next));
    };
    publish();
    await over.promise;
    this.#check(messages);
    return latencies;
  }

  async close(): Promise<void> {
    const everybody = this.#rooms.flatMap(({ members, publisher }) => [...members, publisher]);
    await Promise.all(everybody.map((member) => member.close()));
  }

  async #connect(port: number, room: number): Promise<Member> {
    const member = new Member({
      port,
      wire: this.#wire,
      room: this.#options.isEcho ? undefined : `room-${room}`,
      onBytes: (self, count) => this.#onBytes(self, count),
      onLost: (error) => this.#onLost(error),
    });
    await member.joined;
    return member;
  }

  #publish(room: Room): void {
    const text = this.#wire.say(FIRST + room.sent++, this.#options.isEcho);
    room.publisher.send(toClientFrame(text));
  }

  #reset(messages: number): number {
    const perRoom = Math.ceil(messages / this.#rooms.length);
    if (perRoom > MAX_MESSAGES) throw new Error(`expected at most ${MAX_MESSAGES} messages a room`);
    for (const room of this.#rooms) {
      room.sent = 0;
      room.received = 0;
      for (const member of room.members) member.received = 0;
    }
    for (const numbers of this.#witnessed.values()) numbers.length = 0;
    return perRoom;
  }

  #onFrame({ bytes }: ServerFrame): void {
    this.#frameBytes ||= bytes;
    if (bytes !== this.#frameBytes) throw new Error("expected frames of one length");
  }

  /** Settles when the round does; a connection that is lost or a message that never comes ends it. */
  #track(): PromiseWithResolvers<void> {
    const over = Promise.withResolvers<void>();
    this.#onLost = over.reject;
    const late = setTimeout(() => {
      const received = this.#rooms.reduce((sum, room) => sum + room.received, 0);
      over.reject(new Error(`messages were lost: ${received / this.#frameBytes} arrived`));
    }, LOST_AFTER_MS);
    void over.promise.catch(() => {}).finally(() => clearTimeout(late));
    return over;
  }

  /** The sum was right; so must be each member's share, and what the witnesses read. */
  #check(perRoom: number): void {
    for (const { members } of this.#rooms) {
      for (const { received } of members) {
        if (received === perRoom * this.#frameBytes) continue;
        throw new Error(
          `expected ${perRoom * this.#frameBytes} bytes at each member, got ${received} at one`,
        );
      }
    }
    for (const numbers of this.#witnessed.values()) {
      const isWhole =
        numbers.length === perRoom && numbers.every((n, index) => n === FIRST + index);
      if (!isWhole) throw new Error(`expected ${perRoom} messages in order, got ${numbers.length}`);
    }
  }
}
