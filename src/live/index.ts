/**
 * Where the two halves meet: tasks that can be followed live.
 *
 * @module
 */
export { taskFeed, type TaskFeedOptions } from "./task-feed.ts";
