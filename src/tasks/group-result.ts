import { AsyncResult, type GetOptions, type ResultSource } from "./async-result.ts";
import type { TaskChild } from "./results/task-record.ts";

/** The tasks of a group that was saved, and what becomes of them. */
export class GroupResult {
  readonly id: string;
  /** The members in their order: tasks, and groups inside the group. */
  readonly members: readonly (AsyncResult | GroupResult)[];

  constructor({ id, members = [] }: TaskChild, source: ResultSource) {
    this.id = id;
    this.members = members.map((member) =>
      member.members ? new GroupResult(member, source) : new AsyncResult(member.id, source),
    );
  }

  /**
   * Waits for all members to end, and returns their results in order, those of groups as lists.
   *
   * @throws {TidingsError} what {@link AsyncResult.get} throws, of the first member that failed.
   */
  async get(options: GetOptions = {}): Promise<readonly unknown[]> {
    return await Promise.all(this.members.map((member): Promise<unknown> => member.get(options)));
  }

  /** How many of its tasks have succeeded. */
  async completedCount(): Promise<number> {
    const counts = await Promise.all(
      this.members.map(async (member) => {
        if (member instanceof GroupResult) return await member.completedCount();
        return (await member.state()) === "SUCCESS" ? 1 : 0;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Forgets the records of its tasks. */
  async forget(): Promise<void> {
    await Promise.all(this.members.map((member) => member.forget()));
  }
}
