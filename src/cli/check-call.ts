import { TidingsError } from "../core/errors.ts";
import { didYouMean } from "../core/nearest-name.ts";
import type { SendTaskOptions, Tasks } from "../tasks/index.ts";

/** A call as the command line says it. */
export interface CheckedCall {
  readonly name: string;
  readonly args?: readonly unknown[] | undefined;
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  readonly serializer?: SendTaskOptions["serializer"];
  /** Whether a task may be sent that the application does not have. */
  readonly unregistered?: boolean | undefined;
}

/**
 * Checks a call as the application's own calls are, and that its own workers read it.
 *
 * @throws {TidingsError} TASK_NOT_REGISTERED for a task that it does not have, unless that was said.
 * @throws {TidingsError} OPTION_INVALID for a serializer that its workers do not accept.
 */
export async function checkCall(
  { runtime: { definitions, format } }: Pick<Tasks, "runtime">,
  { name, args = [], kwargs = {}, serializer, unregistered }: CheckedCall,
): Promise<void> {
  const definition = definitions.get(name);
  if (definition) {
    assertAccepted(serializer, format.accept);
    return await definition.checkCall(args, kwargs);
  }
  if (unregistered) return;
  throw new TidingsError(
    "TASK_NOT_REGISTERED",
    `the application has no task ${JSON.stringify(name)}${didYouMean(name, definitions.keys())}; \`tidings list\` names its tasks, and --unregistered sends those of others`,
  );
}

function assertAccepted(
  serializer: SendTaskOptions["serializer"],
  accept: readonly string[] = [],
): void {
  if (serializer === undefined || accept.includes(serializer)) return;
  throw new TidingsError(
    "OPTION_INVALID",
    `expected \`--serializer\` to be ${accept.join(" or ")}, which the application's workers accept, got ${serializer}; \`accept\` of its \`taskSettings\` may name more`,
  );
}
