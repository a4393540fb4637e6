import { Signature } from "../signature.ts";
import type { Place } from "./expand-signature.ts";
import { toTasks } from "./members.ts";

/**
 * Returns the steps of a chain, as they follow each other.
 *
 * Chains inside it are unrolled, and a group with a step after it becomes a chord with that step as its
 * body. The last step stands for the chain: it has its place in a group or chord.
 */
export function toChainSteps(chain: Signature, place: Place): readonly Signature[] {
  const errbacks = Signature.listFrom(chain.list("link_error"));
  const steps = unroll(chain).map((step) =>
    errbacks.reduce((linked, errback) => linked.linkError(errback), step),
  );
  const last = steps.at(-1);
  if (!last) return [];
  const callbacks = Signature.listFrom(chain.list("link"));
  const linked = callbacks.reduce((step, callback) => step.link(callback), last);
  return toChords([...steps.slice(0, -1), linked.withOptions(lastOptions(chain, linked, place))]);
}

function unroll(chain: Signature): readonly Signature[] {
  return toTasks(chain).flatMap((step) => (step.kind === "chain" ? unroll(step) : [step]));
}

/** What it has already stays: its own group. */
function lastOptions(chain: Signature, last: Signature, place: Place): Signature["options"] {
  const chord = place.chord ?? chain.options["chord"] ?? undefined;
  const groupId = last.text("group_id") ?? place.groupId ?? chain.text("group_id");
  const groupIndex = last.number("group_index") ?? place.groupIndex ?? chain.number("group_index");
  return {
    ...(chord === undefined ? {} : { chord }),
    ...(groupId === undefined ? {} : { group_id: groupId }),
    ...(groupIndex === undefined ? {} : { group_index: groupIndex }),
  };
}

function toChords(steps: readonly Signature[]): readonly Signature[] {
  return steps.reduceRight<readonly Signature[]>((after, step) => {
    const [next, ...others] = after;
    if (step.kind !== "group" || !next) return [step, ...after];
    const kwargs = { kwargs: {}, header: step.toJSON(), body: next.toJSON() };
    return [new Signature({ task: "celery.chord", kwargs, kind: "chord" }), ...others];
  }, []);
}
