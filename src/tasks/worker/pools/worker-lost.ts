import { TidingsError } from "../../../core/errors.ts";

/** What ran a task died in the middle of it: the run is lost, as if its worker had died. */
export class WorkerLost extends TidingsError {
  constructor(what: string, how: string) {
    super("TASK_WORKER_LOST", `what ran the task died in the middle of it: ${what}, ${how}`);
  }
}
