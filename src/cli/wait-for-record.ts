import { isFinal, type TaskRecord, type Tasks } from "../tasks/index.ts";

/** Waits for a task to end, for some seconds or for ever; returns what is known of it then. */
export async function waitForRecord(
  { results }: Tasks,
  id: string,
  wait: number | true,
): Promise<TaskRecord> {
  const signal = wait === true ? undefined : AbortSignal.timeout(wait * 1_000);
  for await (const record of results.watch(id, { signal }))
    if (isFinal(record.state)) return record;
  return await results.get(id);
}
