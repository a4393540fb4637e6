import { runAs } from "../../current-task.ts";
import type { Interruption } from "../interruption.ts";
import type { TaskReport } from "../report.ts";
import type { PoolCall, PoolChild, TaskPool } from "./pool.ts";
import { toCurrentTask, type TaskVoice } from "./to-current-task.ts";

/**
 * Tasks on this process's event loop: as many at once as wait for something.
 *
 * A function that goes on when it is overdue cannot be ended: what it still does is not recorded.
 */
export class AsyncPool implements TaskPool {
  readonly kind = "async";
  #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    return this.#size;
  }

  get children(): readonly PoolChild[] {
    return [];
  }

  async start(): Promise<void> {}

  run({ definition, message, facts, report, interruption }: PoolCall): unknown {
    const { args, kwargs } = message;
    return runAs(
      () => toCurrentTask(message, facts, toVoice(report, interruption)),
      () => definition.run(args, kwargs),
    );
  }

  resize(size: number): void {
    this.#size = size;
  }

  async stop(): Promise<void> {}
}

function toVoice(report: TaskReport, interruption: Interruption): TaskVoice {
  return {
    get signal() {
      return interruption.signal;
    },
    progress: report.progress.bind(report),
    updateState: report.updateState.bind(report),
    log: report.log.bind(report),
    noteChild: report.noteChild.bind(report),
    fail: interruption.fail.bind(interruption),
  };
}
