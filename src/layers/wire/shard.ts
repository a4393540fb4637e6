import { crc32 } from "node:zlib";

/** "2^12 slots" are what the hosts share. */
const SLOT_COUNT = 4096;

/**
 * Returns which of several Redis hosts holds a name, as channels_redis computes it.
 *
 * The low 12 bits of the CRC-32 of the name choose a slot; each host has an equal run of slots.
 */
export function shardIndex(name: string, hosts: number): number {
  return Math.floor((crc32(name) & (SLOT_COUNT - 1)) / (SLOT_COUNT / hosts));
}
