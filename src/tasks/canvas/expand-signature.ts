import { TidingsError } from "../../core/errors.ts";
import type { TaskMessage } from "../message/message.ts";
import type { TaskCall } from "../prepare-call.ts";
import type { TaskChild } from "../results/task-record.ts";
import { fromSignatureOptions } from "../signature-options.ts";
import { Signature } from "../signature.ts";
import { toChainSteps } from "./chain-steps.ts";
import { resultOf } from "./freeze.ts";
import { flatten, toTasks } from "./members.ts";

/** Where in a workflow a signature stands. */
export interface Place {
  /** What comes before its own arguments: the result of the task before it. */
  readonly args: readonly unknown[];
  readonly rootId: string;
  readonly parentId: string;
  /** What comes after it, the next one last. */
  readonly chain?: readonly unknown[] | undefined;
  /** The body of the chord that it is a part of. */
  readonly chord?: unknown;
  readonly groupId?: string | undefined;
  readonly groupIndex?: number | undefined;
}

/** The header of a chord that is about to be sent. */
export interface ChordHeader {
  /** What its results are made of. */
  readonly group: TaskChild;
  /** How many tasks must end before the body is sent. */
  readonly size: number;
}

/** What a signature comes to. */
export interface Expansion {
  /** The calls to send. */
  readonly calls: readonly TaskCall[];
  /** What must be known before they are sent. */
  readonly headers: readonly ChordHeader[];
  /** What the record of who sends them tells of it. */
  readonly children: readonly TaskChild[];
}

export const NOTHING: Expansion = { calls: [], headers: [], children: [] };

/**
 * Returns the calls that a frozen signature stands for: one for a task, each member of a group or of the
 * header of a chord, the first one of a chain.
 *
 * @throws {TidingsError} MESSAGE_INVALID when it cannot be read.
 */
export function expandSignature(signature: Signature, place: Place): Expansion {
  switch (signature.kind) {
    case null:
      return expandTask(signature, place);
    case "chain":
      return expandChain(signature, place);
    case "group":
      return expandGroup(signature, place);
    case "chord":
      return expandChord(signature, place);
    default: {
      const expected = "expected the kind of a signature to be null, chain, group or chord";
      throw new TidingsError("MESSAGE_INVALID", `${expected}, got ${signature.kind}`);
    }
  }
}

/** Puts several expansions together. */
export function join(expansions: readonly Expansion[]): Expansion {
  return {
    calls: expansions.flatMap(({ calls }) => calls),
    headers: expansions.flatMap(({ headers }) => headers),
    children: expansions.flatMap(({ children }) => children),
  };
}

function expandTask(signature: Signature, place: Place): Expansion {
  const { task, kwargs } = signature;
  const { rootId, parentId } = place;
  const own = fromSignatureOptions(signature.options);
  const call: TaskCall = {
    task,
    args: signature.withResult(place.args).args,
    kwargs,
    options: {
      ...own,
      rootId,
      parentId,
      groupId: own.groupId ?? place.groupId,
      groupIndex: own.groupIndex ?? place.groupIndex,
    },
    workflow: {
      embed: {
        callbacks: signature.list("link"),
        errbacks: signature.list("link_error"),
        chain: place.chain ?? signature.list("chain"),
        chord: place.chord ?? signature.options["chord"],
      },
      ...toStamps(signature),
    },
  };
  return { calls: [call], headers: [], children: [resultOf(signature)] };
}

/** "options keys seen: stamped_headers + stamp names". */
function toStamps(signature: Signature): Partial<TaskMessage> {
  const names = signature.list("stamped_headers")?.filter((name) => typeof name === "string");
  if (!names) return {};
  const stamps = Object.fromEntries(names.map((name) => [name, signature.options[name] ?? null]));
  return { stampedHeaders: names, stamps };
}

/** Sends the first step; the others travel with it, the next one last. */
function expandChain(signature: Signature, place: Place): Expansion {
  const [first, ...others] = toChainSteps(signature, place);
  if (!first) return NOTHING;
  const before = place.chain ?? signature.list("chain") ?? [];
  const chain = [...before, ...others.toReversed().map((step) => step.toJSON())];
  const { args, rootId, parentId } = place;
  return expandSignature(first, { args, rootId, parentId, chain });
}

/** "N messages, same `group`, `group_index` 0…": groups inside it are flattened. */
function expandGroup(signature: Signature, place: Place): Expansion {
  const chord = place.chord ?? signature.options["chord"] ?? undefined;
  // As a part of a chord's header it counts under the id of that one.
  const outerId = chord === undefined ? undefined : (place.groupId ?? signature.text("group_id"));
  const outerIndex = place.groupIndex ?? signature.number("group_index");
  const members = flatten([signature]).map((member, index) =>
    expandSignature(member, {
      ...place,
      chord,
      groupId: outerId ?? signature.text("task_id"),
      groupIndex: outerId === undefined ? index : outerIndex,
    }),
  );
  return { ...join(members), children: [resultOf(signature)] };
}

/** Sends its header; each member carries the body, which whoever ends last sends. */
function expandChord(signature: Signature, place: Place): Expansion {
  const header = Signature.from(signature.kwargs["header"]);
  const body = Signature.from(signature.kwargs["body"]);
  const own = body.withOptions(bodyOptions(signature, body, place));
  const { args, rootId, parentId } = place;
  const members = flatten([header]);
  if (members.length === 0) return expandSignature(own, { args: [[]], rootId, parentId });
  const groupId = header.text("task_id");
  const chord = own.toJSON();
  const { calls, headers } = join(
    members.map((member, groupIndex) =>
      expandSignature(member, { args, rootId, parentId, chord, groupId, groupIndex }),
    ),
  );
  const group = resultOf(header);
  const size = members.reduce((sum, member) => sum + countParts(member), 0);
  return { calls, headers: [...headers, { group, size }], children: [group] };
}

/** What is said of a chord is meant for its body, since that ends last. */
function bodyOptions(chord: Signature, body: Signature, place: Place): Signature["options"] {
  const { task_id: _, ...others } = chord.options;
  const after = [
    ...(place.chain ?? []),
    ...(chord.list("chain") ?? []),
    ...(body.list("chain") ?? []),
  ];
  return {
    ...others,
    ...(after.length > 0 ? { chain: after } : {}),
    ...(place.chord === undefined ? {} : { chord: place.chord }),
    ...(place.groupId === undefined
      ? {}
      : { group_id: place.groupId, group_index: place.groupIndex }),
  };
}

/** How many tasks of a header's member count: the last of a chain, each of a group, the body of a chord. */
function countParts(signature: Signature): number {
  switch (signature.kind) {
    case "group":
      return toTasks(signature).reduce((sum, task) => sum + countParts(task), 0);
    case "chain":
      return (
        toTasks(signature)
          .map(countParts)
          .findLast((count) => count > 0) ?? 0
      );
    case "chord":
      return countParts(Signature.from(signature.kwargs["body"]));
    default:
      return 1;
  }
}
