const MAX_ATTEMPTS = 5;
const WINDOW_MS = 60_000;
/** Beyond this many names the oldest is forgotten, so that made-up names cannot fill the memory. */
const MAX_NAMES = 1_000;

const failures = new Map<string, { readonly since: number; count: number }>();

/** Whether a name has had too many wrong passwords within a minute. */
export function isBlocked(name: string, now: number = Date.now()): boolean {
  const failure = failures.get(name.toLowerCase());
  return failure !== undefined && failure.count >= MAX_ATTEMPTS && now - failure.since < WINDOW_MS;
}

/** Notes a wrong password. */
export function countFailure(name: string, now: number = Date.now()): void {
  const key = name.toLowerCase();
  const failure = failures.get(key);
  if (failure && now - failure.since < WINDOW_MS) {
    failure.count += 1;
    return;
  }
  failures.delete(key);
  failures.set(key, { since: now, count: 1 });
  if (failures.size <= MAX_NAMES) return;
  const [oldest] = failures.keys();
  if (oldest !== undefined) failures.delete(oldest);
}
