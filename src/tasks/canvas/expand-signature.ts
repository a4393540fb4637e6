import { TidingsError } from "../../core/errors.ts";
import { isRecord } from "../message/is-record.ts";
import type { TaskMessage } from "../message/message.ts";
import type { TaskCall } from "../prepare-call.ts";
import type { TaskChild } from "../results/task-record.ts";
import { fromSignatureOptions } from "../signature-options.ts";
import { Signature } from "../signature.ts";
import { toChainSteps } from "./chain-steps.ts";
import { derivedId } from "./derived-id.ts";
import { flatten, toTasks } from "./members.ts";

/** Where in a workflow a signature stands. */
export interface Place {
  /** What comes before its own arguments: the result of the task before it. */
  readonly args: readonly unknown[];
  readonly rootId: string;
  readonly parentId: string;
  /** What its ids are made from, where it has none. */
  readonly seed: string;
  /** What comes after it, the next one last. */
  readonly chain?: readonly unknown[] | undefined;
  /** The body of the chord that it is a part of. */
  readonly chord?: unknown;
  readonly groupId?: string | undefined;
  readonly groupIndex?: number | undefined;
}

/** The header of a chord that is about to be sent. */
export interface ChordHeader {
  readonly groupId: string;
  /** How many tasks must end before the body is sent. */
  readonly size: number;
  readonly members: readonly TaskChild[];
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

/**
 * Returns the calls that a signature stands for: one for a task, each member of a group or of the header
 * of a chord, the first one of a chain.
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

function expandTask(signature: Signature, place: Place): Expansion {
  const { task, kwargs } = signature;
  const own = fromSignatureOptions(signature.options);
  const { taskId: id = derivedId(place.seed), rootId, parentId } = { ...own, ...place };
  const call: TaskCall = {
    task,
    args: signature.withResult(place.args).args,
    kwargs,
    options: {
      ...own,
      taskId: id,
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
  return { calls: [call], headers: [], children: [{ id }] };
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
  const { args, rootId, parentId, seed } = place;
  return expandSignature(first, { args, rootId, parentId, seed: `${seed}/0`, chain });
}

/** "N messages, same `group`, `group_index` 0…": groups inside it are flattened. */
function expandGroup(signature: Signature, place: Place): Expansion {
  const { options, kwargs } = signature;
  const chord = place.chord ?? options["chord"] ?? undefined;
  // As a part of a chord's header it counts under the chord's own id.
  const outerId = chord === undefined ? undefined : (place.groupId ?? signature.text("group_id"));
  const groupId = outerId ?? signature.text("task_id") ?? derivedId(place.seed);
  const expansions = flatten(toTasks(kwargs["tasks"])).map((member, index) =>
    expandSignature(member, {
      ...place,
      chord,
      groupId,
      groupIndex:
        outerId === undefined ? index : (place.groupIndex ?? signature.number("group_index")),
      seed: `${place.seed}/${index}`,
    }),
  );
  const { calls, headers, children } = join(expansions);
  return { calls, headers, children: [{ id: groupId, members: children }] };
}

/** Sends its header; each member carries the body, which whoever ends last sends. */
function expandChord(signature: Signature, place: Place): Expansion {
  const { options, kwargs } = signature;
  const { header, body } = kwargs;
  const tasks = flatten(toTasks(header));
  if (tasks.length === 0) {
    const own = Signature.from(body).withOptions(bodyOptions(options, place));
    return expandSignature(own, { ...place, args: [[]], chain: undefined });
  }
  const groupId =
    (isRecord(header) && Signature.from(header).text("task_id")) || derivedId(place.seed);
  const own = Signature.from(body);
  const chord = own.withOptions({
    ...bodyOptions(options, place),
    task_id: own.text("task_id") ?? signature.text("task_id") ?? derivedId(`${place.seed}/body`),
  });
  const { args, rootId, parentId, seed } = place;
  const { calls, headers, children } = join(
    tasks.map((member, groupIndex) =>
      expandSignature(member, {
        args,
        rootId,
        parentId,
        seed: `${seed}/${groupIndex}`,
        chord: chord.toJSON(),
        groupId,
        groupIndex,
      }),
    ),
  );
  const size = tasks.reduce((sum, member) => sum + countParts(member), 0);
  return {
    calls,
    headers: [...headers, { groupId, size, members: children }],
    children: [{ id: groupId, members: children }],
  };
}

/** What is said of a chord is meant for its body, since that ends last. */
function bodyOptions(options: Signature["options"], place: Place): Signature["options"] {
  const { task_id: _, ...others } = options;
  return {
    ...others,
    ...(place.chain && place.chain.length > 0 ? { chain: place.chain } : {}),
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
      return toTasks(signature.kwargs["tasks"]).reduce((sum, task) => sum + countParts(task), 0);
    case "chain": {
      const counts = toTasks(signature.kwargs["tasks"]).map(countParts);
      return counts.findLast((count) => count > 0) ?? 0;
    }
    case "chord":
      return countParts(Signature.from(signature.kwargs["body"]));
    default:
      return 1;
  }
}

const NOTHING: Expansion = { calls: [], headers: [], children: [] };

/** Puts several expansions together. */
export function join(expansions: readonly Expansion[]): Expansion {
  return {
    calls: expansions.flatMap(({ calls }) => calls),
    headers: expansions.flatMap(({ headers }) => headers),
    children: expansions.flatMap(({ children }) => children),
  };
}
