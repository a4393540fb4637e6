const MAX_ATTEMPTS = 5;
const WINDOW_MS = 60_000;
/** Beyond this many the oldest is forgotten, so that made-up names cannot fill the memory. */
const MAX_ENTRIES = 10_000;

/** Who signs in, and from where: what somebody else tries elsewhere does not lock a name's owner out. */
export interface Claimant {
  readonly name: string;
  readonly address: string;
}

const attempts = new Map<string, { readonly since: number; count: number }>();

/**
 * Counts an attempt to sign in; returns whether it may go on.
 *
 * Called before the password is checked, so that attempts at the same moment count as well. After
 * five, a name is refused from that address until a minute has passed since the first.
 */
export function countAttempt(claimant: Claimant, now: number = Date.now()): boolean {
  const key = keyOf(claimant);
  const entry = attempts.get(key);
  if (entry && now - entry.since < WINDOW_MS) {
    entry.count += 1;
    return entry.count <= MAX_ATTEMPTS;
  }
  attempts.delete(key); // an old entry must not keep its place in the order
  attempts.set(key, { since: now, count: 1 });
  if (attempts.size > MAX_ENTRIES) {
    const [oldest] = attempts.keys();
    if (oldest !== undefined) attempts.delete(oldest);
  }
  return true;
}

/** Forgets the attempts of somebody who has given the right password. */
export function forgetAttempts(claimant: Claimant): void {
  attempts.delete(keyOf(claimant));
}

function keyOf({ name, address }: Claimant): string {
  return `${address} ${name.toLowerCase()}`;
}
