/** The groups in whose histories messages are. */
const groups = new WeakMap<object, string>();

/**
 * Marks a message as one that is in the history of a group too, and returns it.
 *
 * Members that follow the history hear it from there, and pass over the layer's copy. The mark goes with
 * the message through every layer, and is not seen by Python.
 */
export function markRecorded<TMessage extends object>(message: TMessage, group: string): TMessage {
  groups.set(message, group);
  return message;
}

/** The group in whose history a message is, if it is in one. */
export function recordedGroup(message: object): string | undefined {
  return groups.get(message);
}
