import { createPoolTasks, URL_VARIABLE } from "./pool-tasks.ts";

export const tasks = createPoolTasks(process.env[URL_VARIABLE] ?? "");
