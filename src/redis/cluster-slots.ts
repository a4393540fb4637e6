import type { RedisAddress } from "./redis-url.ts";
import type { RedisArgument, RedisReply } from "./redis.ts";

const SLOT_COUNT = 16_384;

/** Which node of a cluster holds which slot. */
export class ClusterSlots {
  readonly #owners = new Map<number, RedisAddress>();

  /** Reads the reply of CLUSTER SLOTS; `asked` is the node that gave it. */
  static from(reply: RedisReply, asked: RedisAddress): ClusterSlots {
    const slots = new ClusterSlots();
    for (const range of toList(reply)) {
      const [first, last, owner] = toList(range);
      const [host, port] = toList(owner ?? null);
      // "An empty string means the host that the client used" (CLUSTER SLOTS).
      const address = { host: String(host ?? "") || asked.host, port: Number(port) };
      for (let slot = Number(first); slot <= Number(last); slot++) slots.move(slot, address);
    }
    return slots;
  }

  ownerOf(slot: number): RedisAddress | undefined {
    return this.#owners.get(slot);
  }

  /** Every node that holds a slot. */
  get owners(): readonly RedisAddress[] {
    const owners = new Map<string, RedisAddress>();
    for (const owner of new Set(this.#owners.values())) owners.set(formatAddress(owner), owner);
    return [...owners.values()];
  }

  /** Learns from `MOVED`, until the next reading of all slots. */
  move(slot: number, owner: RedisAddress): void {
    this.#owners.set(slot, owner);
  }
}

/** Returns the slot of a key: CRC16 of what stands between the first braces, or of all of it. */
export function slotOf(key: RedisArgument): number {
  const bytes = Buffer.from(key);
  const open = bytes.indexOf("{");
  const close = open < 0 ? -1 : bytes.indexOf("}", open + 1);
  return crc16(close > open + 1 ? bytes.subarray(open + 1, close) : bytes) % SLOT_COUNT;
}

export function formatAddress({ host, port }: RedisAddress): string {
  return `${host}:${port}`;
}

/** Reads `MOVED 42 10.0.0.1:7001` and `ASK 42 10.0.0.1:7001`. */
export function parseRedirect(reply: string): { slot: number; owner: RedisAddress } | undefined {
  const [, slot, host, port] = /^(?:MOVED|ASK) (\d+) (\S*):(\d+)$/.exec(reply) ?? [];
  if (slot === undefined || !host) return undefined;
  return { slot: Number(slot), owner: { host, port: Number(port) } };
}

/** CRC-16/XMODEM, as the cluster specification asks for. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  }
  return crc & 0xffff;
}

function toList(reply: RedisReply): readonly RedisReply[] {
  return Array.isArray(reply) ? reply : [];
}
