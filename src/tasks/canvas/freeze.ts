import type { TaskChild } from "../results/task-record.ts";
import { Signature } from "../signature.ts";
import { derivedId } from "./derived-id.ts";
import { flatten, toTasks } from "./members.ts";

/**
 * Gives every task of a signature its id, and every group: its own, or else one that is made from `seed`.
 *
 * The same seed gives the same ids.
 */
export function freeze(signature: Signature, seed: string): Signature {
  switch (signature.kind) {
    case "chain":
      return signature.withKwargs({ tasks: freezeSteps(signature, seed) });
    case "group":
      return withId(signature, derivedId(seed)).withKwargs({
        tasks: toTasks(signature).map((task, index) => freeze(task, `${seed}/${index}`).toJSON()),
      });
    case "chord": {
      const { header, body } = signature.kwargs;
      return signature.withKwargs({
        header: freeze(toHeader(header), `${seed}/header`).toJSON(),
        body: freeze(
          withId(Signature.from(body), signature.text("task_id")),
          `${seed}/body`,
        ).toJSON(),
      });
    }
    default:
      return withId(signature, derivedId(seed));
  }
}

/** What stands for a frozen signature in the results of others: a task, or the members of a group. */
export function resultOf(signature: Signature): TaskChild {
  switch (signature.kind) {
    case "chain": {
      const last = toTasks(signature).at(-1);
      return last ? resultOf(last) : { id: "" };
    }
    case "chord":
      return resultOf(Signature.from(signature.kwargs["body"]));
    case "group":
      return {
        id: signature.text("task_id") ?? "",
        // "Nested group in a header is unrolled."
        members: flatten([signature]).map(resultOf),
      };
    default:
      return { id: signature.text("task_id") ?? "" };
  }
}

/** "`chain.apply_async(task_id=X)` gives X to the last task." */
function freezeSteps(chain: Signature, seed: string): readonly Signature["kwargs"][] {
  const steps = toTasks(chain);
  return steps.map((step, index) => {
    const own = index === steps.length - 1 ? withId(step, chain.text("task_id")) : step;
    return freeze(own, `${seed}/${index}`).toJSON();
  });
}

function withId(signature: Signature, id: string | undefined): Signature {
  if (id === undefined || signature.text("task_id") !== undefined) return signature;
  return signature.withOptions({ task_id: id });
}

/** "header: group sig or list". */
function toHeader(header: unknown): Signature {
  if (!Array.isArray(header)) {
    const signature = Signature.from(header);
    if (signature.kind === "group") return signature;
  }
  const tasks = toTasks(header).map((task) => task.toJSON());
  return new Signature({ task: "celery.group", kwargs: { tasks }, kind: "group" });
}
