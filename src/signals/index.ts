/**
 * Typed signals: one part of a program says that something happened, others hear of it.
 *
 * Within one process. Between processes, send a message to a group of the channel layer.
 *
 * @module
 */
export { createSignal, type Receiver, type Signal } from "./signal.ts";
