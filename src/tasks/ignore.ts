/**
 * Thrown by a task whose end nobody shall hear of: its message is done, nothing is recorded, and nothing
 * comes after it.
 *
 * @example
 * if (await isSentAlready(id)) throw new Ignore();
 */
export class Ignore extends Error {
  static {
    this.prototype.name = "Ignore";
  }

  constructor(message = "the task is to be ignored") {
    super(message);
  }
}
