import { TidingsError } from "../core/errors.ts";

/** The options that there are, and what `typeof` may say of each. */
export type OptionTypes<TOptions> = Readonly<Record<keyof TOptions, string>>;

/** Those of every connection. */
export const CONNECTION_OPTIONS = {
  transport: "string or object",
  pollMs: "number",
  token: "function",
  onStatus: "function",
  onTraffic: "function",
} as const;

/**
 * Throws OPTION_INVALID for an option that there is not, or of another type: who writes no TypeScript would
 * wonder for long why nothing happens. Values are not shown: one may be a token.
 */
export function checkOptions<TOptions extends object>(
  options: TOptions,
  types: OptionTypes<TOptions>,
): void {
  const known: Readonly<Record<string, string>> = types;
  for (const [name, value] of Object.entries(options)) {
    const type = known[name];
    const given = value === null ? "null" : typeof value;
    if (value === undefined || type?.includes(given)) continue;
    throw new TidingsError(
      "OPTION_INVALID",
      type === undefined
        ? `there is no option \`${name}\`, only ${Object.keys(known).join(", ")}`
        : `expected \`${name}\` of type ${type}, got ${given}`,
    );
  }
}
