/**
 * Channel layers: named channels and groups of them, between connections and processes.
 *
 * `layer.ts` is the contract, the other files are its drivers and what they share. Knows nothing of
 * consumers, transports or tasks.
 *
 * @module
 */
export type {
  ChannelLayer,
  ChannelListener,
  LayerIncident,
  LayerIncidents,
  LayerMessage,
  LayerOptions,
  LayerValue,
  OutgoingMessage,
  ReceiveOptions,
} from "./layer.ts";
export { MemoryLayer, type MemoryLayerOptions } from "./memory.ts";
export { isolateMessage, type IsolatedMessage } from "./message.ts";
export { assertChannelName, assertGroupName } from "./names.ts";
export {
  parseLayerSettings,
  type LayerSettings,
  type ParsedLayerSettings,
} from "./layer-settings.ts";
export { openLayer } from "./open-layer.ts";
export { markRecorded, recordedGroup } from "./recorded.ts";
export { RedisLayer, type RedisLayerOptions } from "./redis.ts";
export { RedisQueueLayer, type RedisQueueLayerOptions } from "./redis-queue.ts";
export { SharedMemoryLayer, type SharedMemoryLayerOptions } from "./shared-memory.ts";
export { SharedMemoryHub, type SharedMemoryHubOptions } from "./shared-memory/hub.ts";
export { SharedMemoryPort, type SharedMemoryPortOptions } from "./shared-memory/port.ts";
export { joinSharedMemory } from "./shared-memory/sharing.ts";
export {
  createCodec,
  type Codec,
  type CodecOptions,
  type DecodedMessage,
  type SerializerFormat,
} from "./wire/codec.ts";
