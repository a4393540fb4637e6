const TEXT = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\s*(?:(Z)|([+-]\d\d):?(\d\d)?)?$/;

/**
 * A date of the database in milliseconds since 1970; `undefined` when it is none.
 *
 * Drivers give a `Date` or a text. A text without a zone is in that which the site stores in: UTC, or
 * its `TIME_ZONE` with `USE_TZ = False`.
 */
export function toInstant(value: unknown, timeZone: string): number | undefined {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.getTime();
  const match = typeof value === "string" ? TEXT.exec(value) : null;
  if (!match) return undefined;
  const [, day, time, zulu, hours, minutes = "00"] = match;
  const offset = hours ? `${hours}:${minutes}` : "Z";
  const instant = Date.parse(`${day}T${time}${offset}`);
  if (Number.isNaN(instant)) return undefined;
  return zulu || hours ? instant : fromWallClock(instant, timeZone);
}

/** Whether the runtime knows a time zone by this name. */
export function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false; // it throws a RangeError for a name that it does not know
  }
}

/** When the clocks of a zone show what, read as UTC, would be `wall`. */
function fromWallClock(wall: number, timeZone: string): number {
  // The second step counts near a change of the clocks.
  const guess = wall - offsetAt(wall, timeZone);
  return wall - offsetAt(guess, timeZone);
}

function offsetAt(instant: number, timeZone: string): number {
  if (timeZone === "UTC") return 0;
  const whole = Math.floor(instant / 1000) * 1000;
  const shown = new Date(whole).toLocaleString("sv-SE", { timeZone }).replace(" ", "T");
  return Date.parse(`${shown}Z`) - whole;
}
