import { assertKnownOptions, invalidOption } from "../core/options.ts";
import { assertCallOptions, type CallOptions } from "./call-options.ts";
import { CALL_OPTIONS, SEND_OPTIONS } from "./option-names.ts";
import { NO_OPTIONS, type SendOptions } from "./task.ts";

/** How calls of some tasks are sent, unless the call or its task say otherwise. */
export interface Route extends CallOptions {
  /** The name of a task, with `*` for any characters, or a pattern of names. */
  readonly task: string | RegExp;
}

/** A call that is looked for in the routes. */
export interface RoutedCall {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** What the call and its task say. */
  readonly options: SendOptions;
}

/** Decides for each call; `undefined` leaves it to the routes after it. */
export type RouteFunction = (call: RoutedCall) => CallOptions | undefined;

/** Finds the options of a call. */
export type FindRoute = (call: RoutedCall) => CallOptions;

/**
 * Returns what finds the first route that fits a call.
 *
 * @throws {TidingsError} OPTION_INVALID when a route makes no sense; for what a function returns, at the call.
 */
export function createRouter(routes: readonly (Route | RouteFunction)[]): FindRoute {
  if (!Array.isArray(routes)) throw invalidOption("routes", "a list", routes);
  const finders = routes.map((route) =>
    typeof route === "function" ? toChecked(route) : toFinder(route),
  );
  return (call) => {
    for (const find of finders) {
      const found = find(call);
      if (found) return found;
    }
    return NO_OPTIONS;
  };
}

function toFinder({ task, ...options }: Route): RouteFunction {
  assertKnownOptions("a route", options, CALL_OPTIONS);
  assertCallOptions(options);
  const fits = toPredicate(task);
  return (call) => (fits(call.task) ? options : undefined);
}

function toChecked(route: RouteFunction): RouteFunction {
  return (call) => {
    const options = route(call);
    if (options === undefined) return undefined;
    assertKnownOptions("what a route returns", options, SEND_OPTIONS);
    assertCallOptions(options);
    return options;
  };
}

function toPredicate(task: unknown): (name: string) => boolean {
  // `search` has no memory, where `test` of a global pattern has.
  if (task instanceof RegExp) return (name) => name.search(task) !== -1;
  if (typeof task !== "string" || task === "") {
    throw invalidOption("task", "the name of a task or a pattern", task);
  }
  if (!task.includes("*")) return (name) => name === task;
  const pattern = new RegExp(`^${RegExp.escape(task).replaceAll(String.raw`\*`, ".*")}$`, "s");
  return (name) => pattern.test(name);
}
