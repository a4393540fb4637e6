import { randomBytes } from "node:crypto";

/** The part of a name that is the queue: up to the `!`, with all channels of the process behind it. */
export function queueOf(channel: string): string {
  return channel.slice(0, channel.indexOf("!") + 1) || channel;
}

/** Whether only one process can read the channel. */
export function isSpecific(channel: string): boolean {
  return channel.includes("!");
}

/**
 * Makes the name of a process: as long as Python's, which has 32 hexadecimal digits, but known by its
 * first letter as one of ours.
 */
export function createProcessId(): string {
  return `t${randomBytes(16).toString("hex").slice(1)}`;
}

/** Whether a process of ours reads the queue. */
export function isProcessQueue(queue: string): boolean {
  return /\.t[0-9a-f]{31}!$/.test(queue);
}
