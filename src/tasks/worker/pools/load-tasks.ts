import { TidingsError } from "../../../core/errors.ts";
import { isRecord } from "../../../core/is-record.ts";
import { Tasks } from "../../tasks.ts";

/** What a module of tasks holds. */
export interface LoadedTasks {
  readonly tasks: Tasks;
  close(): Promise<void>;
}

/**
 * Imports a module and returns its tasks: its export `default`, `tasks` or `app`, or what is in there.
 *
 * @throws {TidingsError} APP_LOAD_FAILED when it has none. What the module throws is thrown on.
 */
export async function loadTasks(moduleUrl: string): Promise<LoadedTasks> {
  const loaded: unknown = await import(moduleUrl);
  const exported = isRecord(loaded) ? loaded : {};
  for (const candidate of [exported["default"], exported["tasks"], exported["app"]]) {
    const found = await findTasks(candidate);
    if (found) return found;
  }
  throw new TidingsError(
    "APP_LOAD_FAILED",
    `expected ${moduleUrl} to export tasks, an app or an application: \`export default tasks\``,
  );
}

async function findTasks(value: unknown): Promise<LoadedTasks | undefined> {
  if (value instanceof Tasks) return { tasks: value, close: () => value.close() };
  if (!isRecord(value)) return undefined;
  const { app, tasks, loadTasks: loadModules, close } = value;
  if (typeof loadModules === "function") {
    await Reflect.apply(loadModules, value, []);
    return await findTasks(app);
  }
  if (!(tasks instanceof Tasks)) return undefined;
  const closeAll = typeof close === "function" ? close.bind(value) : () => tasks.close();
  return { tasks, close: async () => void (await closeAll()) };
}
