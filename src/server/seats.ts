import { BlockList, isIPv6 } from "node:net";
import type { Duplex } from "node:stream";

import type { Refusal, User } from "../channels/index.ts";

/** What {@link Seats} needs. */
export interface SeatsOptions {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxConnectionsPerUser: number;
  readonly userKey: (user: User) => string;
}

/** How long a client that found no room should wait, in seconds. */
const RETRY_AFTER = "5";

/**
 * Counts the connections that stay open: all of them, by address, and by user.
 *
 * A seat is taken before a handshake or a stream is answered, and released once, whatever became of
 * it. Bound: it keeps one number for each address and user that has a connection.
 */
export class Seats {
  readonly #options: SeatsOptions;
  readonly #byAddress = new Map<string, number>();
  readonly #byUser = new Map<string, number>();
  /** Those whose address nobody needs yet: all together are no more than one address may have. */
  readonly #unasked = new Set<Seat>();
  #taken = 0;

  constructor(options: SeatsOptions) {
    this.#options = options;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes a seat for a client, or says why there is none. */
  take(client: Client): Seat | Refusal {
    const { maxConnections, maxConnectionsPerAddress } = this.#options;
    if (this.#taken >= maxConnections) return full();
    const seat = new Seat(this, client);
    if (this.#taken < maxConnectionsPerAddress) this.#unasked.add(seat);
    else {
      for (const other of this.#unasked) this.#countAddress(other);
      this.#unasked.clear();
      if (!this.#countAddress(seat)) return tooMany("of your address");
    }
    this.#taken += 1;
    return seat;
  }

  /** Counts one more connection of a user; returns the key to count it out again. @internal */
  enterUser(user: User): string | Refusal | undefined {
    const { maxConnectionsPerUser, userKey } = this.#options;
    if (maxConnectionsPerUser === Infinity) return undefined;
    const key = userKey(user);
    return countIn(this.#byUser, key, maxConnectionsPerUser) ? key : tooMany("of yours");
  }

  /** Counts a connection out. @internal */
  leave(seat: Seat): void {
    this.#taken -= 1;
    this.#unasked.delete(seat);
    if (seat.addressKey !== undefined) countOut(this.#byAddress, seat.addressKey);
    if (seat.userKey !== undefined) countOut(this.#byUser, seat.userKey);
  }

  #countAddress(seat: Seat): boolean {
    const key = toAddressKey(seat.client.address);
    if (key === undefined) return true;
    if (!countIn(this.#byAddress, key, this.#options.maxConnectionsPerAddress)) return false;
    seat.addressKey = key;
    return true;
  }
}

/** Who takes a seat; the address may cost a system call. */
interface Client {
  readonly address: string;
}

/** One connection that is counted until it is released. */
export class Seat implements Disposable {
  /** @internal */
  readonly client: Client;
  /** What it is counted under. @internal */
  addressKey: string | undefined;
  userKey: string | undefined;
  #seats: Seats | undefined;

  constructor(seats: Seats, client: Client) {
    this.#seats = seats;
    this.client = client;
  }

  /** Counts the connection for its user as well; returns the refusal when there are too many. */
  claim(user: User | null): Refusal | undefined {
    if (!user || !this.#seats) return undefined;
    const entered = this.#seats.enterUser(user);
    if (typeof entered === "object") return entered;
    this.userKey = entered;
    return undefined;
  }

  /** Ends the count. Releasing twice does nothing. */
  [Symbol.dispose](): void {
    this.#seats?.leave(this);
    this.#seats = undefined;
  }
}

/** Releases a seat when its socket closes, as it does however a connection ends. */
export function releaseOnClose(socket: Duplex, seat: Seat): void {
  if (socket.closed) seat[Symbol.dispose]();
  else socket.once("close", () => seat[Symbol.dispose]());
}

/** Counts one more, unless there are `max` already. */
function countIn(counts: Map<string, number>, key: string, max: number): boolean {
  const count = counts.get(key) ?? 0;
  if (count >= max) return false;
  counts.set(key, count + 1);
  return true;
}

function countOut(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

const loopback = new BlockList();
loopback.addAddress("::1", "ipv6");

/** What counts as one client; nothing for those that are not counted: this machine's own. */
function toAddressKey(address: string): string | undefined {
  if (address === "") return undefined;
  if (!isIPv6(address)) return address.startsWith("127.") ? undefined : address;
  return loopback.check(address, "ipv6") ? undefined : firstHalf(address);
}

/** The first 64 bits of an IPv6 address. */
function firstHalf(address: string): string {
  const [left = "", right] = (address.split("%")[0] ?? "").split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = right === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array.from({ length: zeros }, () => "0"), ...tail];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

function full(): Refusal {
  return {
    status: 503,
    code: "SERVER_FULL",
    message: "the server has as many connections as it takes; come back later",
    headers: { "retry-after": RETRY_AFTER },
  };
}

function tooMany(whose: string): Refusal {
  return {
    status: 429,
    code: "REQUEST_TOO_MANY_CONNECTIONS",
    message: `too many connections ${whose} are open; close one, or come back later`,
    headers: { "retry-after": RETRY_AFTER },
  };
}
