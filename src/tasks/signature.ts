import { TidingsError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import { kindOf } from "./message/kind-of.ts";
import { toSignatureOptions } from "./signature-options.ts";
import { assertName, type SendOptions } from "./task.ts";

/** Values by their name. */
type Fields = Readonly<Record<string, unknown>>;

/** What a {@link Signature} is made of. */
export interface SignatureParts {
  /** The name of the task; for a workflow, `celery.chain`, `celery.group` or `celery.chord`. */
  readonly task: string;
  readonly args?: readonly unknown[] | undefined;
  readonly kwargs?: Fields | undefined;
  /** How to send it, as Celery names it: `queue`, `countdown` in seconds, `link_error`. */
  readonly options?: Fields | undefined;
  /** Whether the result of the task before it is kept away from it. */
  readonly immutable?: boolean | undefined;
  /** `chain`, `group` or `chord` for a workflow of several tasks. */
  readonly kind?: string | null | undefined;
}

/**
 * A call that is not sent yet: what to do after another task, or a part of a workflow.
 *
 * It never changes: `set`, `link` and `linkError` return a new one. Fields and options that we do not know
 * are kept, so that what Python has written goes on as it came.
 *
 * @see https://docs.celeryq.dev/en/stable/userguide/canvas.html#signatures
 */
export class Signature {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Fields;
  /** In Celery's words. */
  readonly options: Fields;
  readonly immutable: boolean;
  /** `null` for one task. */
  readonly kind: string | null;
  /** Keys beside the six of Celery. */
  readonly #others: Fields;

  constructor(parts: SignatureParts, others: Fields = {}) {
    const { task, args = [], kwargs = {}, options = {}, immutable = false, kind = null } = parts;
    assertName("the task of a signature", task);
    this.task = task;
    this.args = args;
    this.kwargs = kwargs;
    this.options = options;
    this.immutable = immutable;
    this.kind = kind;
    this.#others = others;
  }

  /**
   * Reads what Celery has written.
   *
   * @throws {TidingsError} MESSAGE_INVALID when it is no signature.
   */
  static from(value: unknown): Signature {
    if (value instanceof Signature) return value;
    if (!isRecord(value)) throw invalid("an object", value);
    const { task, args, kwargs, options, subtask_type, immutable, ...others } = value;
    if (typeof task !== "string" || task === "") throw invalid("named after a task", task);
    if (!isAbsentOr(Array.isArray, args)) throw invalid("one with a list of arguments", args);
    if (!isAbsentOr(isRecord, kwargs)) throw invalid("one with keyword arguments", kwargs);
    if (!isAbsentOr(isRecord, options)) throw invalid("one with options", options);
    return new Signature(
      {
        task,
        args: args ?? [],
        kwargs: kwargs ?? {},
        options: options ?? {},
        immutable: immutable === true,
        kind: typeof subtask_type === "string" ? subtask_type : null,
      },
      others,
    );
  }

  /** Reads one, a list of them, or nothing. */
  static listFrom(value: unknown): readonly Signature[] {
    if (value === null || value === undefined) return [];
    return (Array.isArray(value) ? value : [value]).map((one) => Signature.from(one));
  }

  /** Sets how it will be sent; what is set already, and is not named, stays. */
  set(options: SendOptions): Signature {
    return this.withOptions(toSignatureOptions(options));
  }

  /** Sends another task when this one has succeeded: its result comes first among the arguments. */
  link(callback: Signature): Signature {
    return this.#append("link", callback);
  }

  /** Sends another task when this one has failed: its id comes first among the arguments. */
  linkError(errback: Signature): Signature {
    return this.#append("link_error", errback);
  }

  /** @internal The option of this name, if it is text. */
  text(option: string): string | undefined {
    const value = this.options[option];
    return typeof value === "string" && value !== "" ? value : undefined;
  }

  /** @internal The option of this name, if it is a number. */
  number(option: string): number | undefined {
    const value = this.options[option];
    return typeof value === "number" ? value : undefined;
  }

  /** @internal The option of this name, if it is a list, or one thing that stands for a list. */
  list(option: string): readonly unknown[] | undefined {
    const value = this.options[option] ?? undefined;
    return value === undefined || Array.isArray(value) ? value : [value];
  }

  /** @internal Sets options in Celery's words. */
  withOptions(options: Fields): Signature {
    return this.#with({ options: { ...this.options, ...options } });
  }

  /** @internal Sets arguments by name. */
  withKwargs(kwargs: Fields): Signature {
    return this.#with({ kwargs: { ...this.kwargs, ...kwargs } });
  }

  /** @internal Puts arguments before its own, unless it is immutable. */
  withResult(results: readonly unknown[]): Signature {
    return this.immutable ? this : this.#with({ args: [...results, ...this.args] });
  }

  /** As Celery writes it: six keys, and what came beside them. */
  toJSON(): Fields {
    const { task, args, kwargs, options, kind, immutable } = this;
    return { task, args, kwargs, options, subtask_type: kind, immutable, ...this.#others };
  }

  #append(name: string, signature: Signature): Signature {
    const before = Signature.listFrom(this.options[name]).map((one) => one.toJSON());
    return this.withOptions({ [name]: [...before, signature.toJSON()] });
  }

  #with(parts: Partial<SignatureParts>): Signature {
    const { task, args, kwargs, options, immutable, kind } = this;
    const own = { task, args, kwargs, options, immutable, kind };
    return new Signature({ ...own, ...parts }, this.#others);
  }
}

function isAbsentOr<T>(is: (value: unknown) => value is T, value: unknown): value is T | undefined {
  return value === undefined || value === null || is(value);
}

/** Says the kind of what came, never what it holds. */
function invalid(expected: string, value: unknown): TidingsError {
  return new TidingsError(
    "MESSAGE_INVALID",
    `expected a signature to be ${expected}, got ${kindOf(value)}`,
  );
}
