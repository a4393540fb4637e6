import { openCache, type Cache } from "../cache/index.ts";
import {
  SERVERS_GROUP,
  toCloseMessage,
  toCloseUserMessage,
  type Closing,
} from "../channels/index.ts";
import { TidingsError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { assertKnownOptions, optionNames } from "../core/options.ts";
import {
  historyOfLayer,
  openHistory,
  RecordedGroups,
  type HistoryBounds,
} from "../history/index.ts";
import {
  openLayer,
  type ChannelLayer,
  type LayerSettings,
  type OutgoingMessage,
} from "../layers/index.ts";
import { openPresence, Presence, type PresenceSettings } from "../presence/index.ts";
import { createTasks, type Tasks, type TaskSettings } from "../tasks/index.ts";
import { assertAppOptions } from "./assert-app-options.ts";
import { assertShared } from "./assert-shared.ts";
import { describeDrivers, type AppDrivers } from "./describe-drivers.ts";
import { toHistorySource, type HistorySource } from "./history-source.ts";

/** A layer's URL, its settings where a URL is not enough, or a layer of your own. */
export type LayerSource = string | LayerSettings | ChannelLayer;

/** How {@link App.groupSend} sends. */
export interface GroupSendOptions {
  /** Keeps the message for those who come back: with the default bounds, or with these. */
  readonly history?: true | HistoryBounds | undefined;
  /** The name of the layer. @default "default" */
  readonly layer?: string | undefined;
}

/** What an application is made of. Every URL has a default that needs no server. */
export interface AppOptions {
  /** The application's name, for logs and the start banner. */
  readonly name: string;
  /** The channel layer. @default "memory:" */
  readonly layer?: LayerSource | undefined;
  /** Further channel layers, by the names that consumers and feeds give in `layer`. */
  readonly layers?: Readonly<Record<string, LayerSource>> | undefined;
  /**
   * What keeps messages for those who come back: a URL, its settings, or a history of your own.
   *
   * @default the first server of the layer when that is Redis, else "memory:"
   */
  readonly history?: HistorySource | undefined;
  /**
   * Where it is kept who is in a group: `memory:`, `sqlite:…`, `redis://…`, or settings, which may leave
   * out the URL.
   *
   * @default the first server of the layer when that is Redis, else "memory:"
   */
  readonly presence?: string | Partial<PresenceSettings> | undefined;
  /** Where tasks wait. @default "sqlite:./data/tasks.db" */
  readonly broker?: string | undefined;
  /** Where states and results of tasks are kept. @default the broker's URL, and `rpc://` for RabbitMQ */
  readonly results?: string | undefined;
  /** What all tasks have in common: routes, the default queue, how messages are written. */
  readonly taskSettings?: TaskSettings | undefined;
  /** Cached data. @default "memory:" */
  readonly cache?: string | undefined;
  /** @default silent */
  readonly logger?: Logger | undefined;
}

/** An application: its drivers and its tasks. */
export interface App extends AsyncDisposable {
  readonly name: string;
  readonly drivers: AppDrivers;
  /** The default channel layer. */
  readonly layer: ChannelLayer;
  /** All of them, by name. */
  readonly layers: ReadonlyMap<string, ChannelLayer>;
  /**
   * Returns a channel layer by its name; the first one is "default".
   *
   * @throws {TidingsError} APP_INVALID_DEFINITION when there is none of that name.
   */
  getLayer(name?: string): ChannelLayer;
  /** Sends a message to every member of a group. */
  groupSend(group: string, message: OutgoingMessage, options?: GroupSendOptions): Promise<void>;
  /** The groups of a layer, with their history. */
  getRecordedGroups(layer?: string): RecordedGroups;
  /**
   * Closes one connection, in whatever process it is; its `channelName` names it.
   *
   * `layer` is that of its consumer, if it names one.
   */
  closeConnection(
    channelName: string,
    closing?: Closing & { readonly layer?: string | undefined },
  ): Promise<void>;
  /**
   * Closes every connection of a user, in all servers: consumers and feeds, over any delivery.
   *
   * `user` is the user's `id`, or the `name` of one who has no `id`.
   */
  closeUser(user: string | number, closing?: Closing): Promise<void>;
  /** Who is in which group. */
  readonly presence: Presence;
  readonly cache: Cache;
  readonly tasks: Tasks;
  /** Defines a task. See {@link Tasks.task}. */
  readonly task: Tasks["task"];
  /** Sends a task that is defined elsewhere. See {@link Tasks.sendTask}. */
  readonly sendTask: Tasks["sendTask"];
  /** Cancels a task. See {@link Tasks.cancel}. */
  readonly cancel: Tasks["cancel"];
  readonly results: Tasks["results"];
  /** Closes the drivers. */
  close(): Promise<void>;
}

const SEND_NAMES = optionNames<GroupSendOptions>({ history: true, layer: true });

const DEFAULT_BROKER = "sqlite:./data/tasks.db";

/**
 * Opens an application's drivers.
 *
 * @throws {TidingsError} APP_INVALID_URL for a URL that no driver knows, STORAGE_UNAVAILABLE when a
 *   file cannot be opened, OPTION_INVALID for an option that nobody knows, APP_INVALID_DEFINITION for history
 *   or presence in memory beside a layer in Redis.
 */
export function createApp(options: AppOptions): App {
  assertAppOptions(options);
  const {
    name,
    layer: layerSource = "memory:",
    broker: brokerUrl = DEFAULT_BROKER,
    results: resultsUrl = /^amqps?:/.test(brokerUrl) ? "rpc://" : brokerUrl,
    cache: cacheUrl = "memory:",
    logger,
  } = options;
  const layer = openLayer(layerSource);
  const layers = new Map<string, ChannelLayer>([["default", layer]]);
  const recorded = new Map<string, RecordedGroups>();
  const record = (layerName: string, source: LayerSource, opened: ChannelLayer): void => {
    const target = toHistorySource(options.history, source);
    if (target === undefined) return;
    const history = openHistory(target, layerName);
    recorded.set(layerName, new RecordedGroups({ history, layer: opened, logger }));
  };
  record("default", layerSource, layer);
  for (const [layerName, source] of Object.entries(options.layers ?? {})) {
    const opened = openLayer(source, layerName);
    layers.set(layerName, opened);
    record(layerName, source, opened);
  }
  const getLayer = (layerName = "default"): ChannelLayer => {
    const named = layers.get(layerName);
    if (named) return named;
    const known = [...layers.keys()].join(", ");
    throw new TidingsError(
      "APP_INVALID_DEFINITION",
      `no layer is called \`${layerName}\`; there are ${known}`,
    );
  };
  const getRecordedGroups = (layerName = "default"): RecordedGroups => {
    getLayer(layerName);
    const groups = recorded.get(layerName);
    if (groups) return groups;
    throw new TidingsError(
      "APP_INVALID_DEFINITION",
      `layer \`${layerName}\` is one of your own: say with \`history\` where its histories are kept`,
    );
  };
  const presenceSettings = toPresenceSettings(options.presence, layerSource);
  const store = openPresence(presenceSettings);
  const presence = new Presence({ store, layer, logger, graceMs: presenceSettings.graceMs });
  const cache = openCache(cacheUrl);
  const tasks = createTasks({
    ...options.taskSettings,
    broker: brokerUrl,
    results: resultsUrl,
    logger,
  });
  const close = async (): Promise<void> => {
    await presence.close();
    await Promise.all(recorded.values().map((each) => each.close()));
    await Promise.all([
      tasks.close(),
      cache.close(),
      ...layers.values().map((each) => each.close()),
    ]);
  };
  return {
    name,
    drivers: describeDrivers({
      layer: layerSource,
      history: toHistorySource(options.history, layerSource),
      presence: presenceSettings,
      broker: brokerUrl,
      results: resultsUrl,
      cache: cacheUrl,
    }),
    layer,
    layers,
    getLayer,
    groupSend: async (group, message, how = {}) => {
      assertKnownOptions("a message to a group", how, SEND_NAMES);
      const { history, layer: layerName } = how;
      if (history === undefined) return await getLayer(layerName).groupSend(group, message);
      const bounds = history === true ? undefined : history;
      await getRecordedGroups(layerName).send(group, message, bounds);
    },
    getRecordedGroups,
    closeConnection: async (channelName, closing = {}) =>
      await getLayer(closing.layer).send(channelName, toCloseMessage(closing)),
    closeUser: async (user, closing = {}) =>
      await layer.groupSend(SERVERS_GROUP, toCloseUserMessage(String(user), closing)),
    presence,
    cache,
    tasks,
    task: tasks.task.bind(tasks),
    sendTask: tasks.sendTask.bind(tasks),
    cancel: tasks.cancel.bind(tasks),
    results: tasks.results,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Where it is kept who is there: what is said, and the rest as the layer has it. */
function toPresenceSettings(wanted: AppOptions["presence"], layer: LayerSource): PresenceSettings {
  const settings = typeof wanted === "string" ? { url: wanted } : wanted;
  const beside = presenceBeside(layer);
  assertShared("presence", settings?.url, beside.url);
  return { ...beside, ...settings };
}

/** Where it is kept who is there if nothing is said: on the layer's Redis, or in memory. */
function presenceBeside(layer: LayerSource): PresenceSettings {
  if (typeof layer === "object" && "groupSend" in layer) return { url: "memory:" };
  const { symmetricEncryptionKeys: _, serializerFormat: __, ...settings } = historyOfLayer(layer);
  return settings;
}
