import { TidingsError } from "../core/errors.ts";
import type { DeadLetter, DeadLetters } from "../tasks/index.ts";

/** An error shows no more ids than this. */
const MAX_SHOWN = 5;

/**
 * Finds the dead letter of an id, or of the beginning of an id that no other one has.
 *
 * @throws {TidingsError} OPTION_INVALID when several ids begin like that.
 */
export async function findLetter(deadLetters: DeadLetters, id: string): Promise<DeadLetter | null> {
  const exact = await deadLetters.get(id);
  if (exact) return exact;
  const found: DeadLetter[] = [];
  for (let after: string | null | undefined; after !== null && found.length <= MAX_SHOWN;) {
    const page = await deadLetters.list({ after });
    found.push(...page.letters.filter((letter) => letter.id.startsWith(id)));
    after = page.next;
  }
  if (found.length <= 1) return found[0] ?? null;
  const shown = found.slice(0, MAX_SHOWN).map((letter) => letter.id);
  throw new TidingsError(
    "OPTION_INVALID",
    `expected the beginning of one id, but ${JSON.stringify(id)} is that of ${shown.join(", ")}${found.length > MAX_SHOWN ? " and others" : ""}`,
  );
}
