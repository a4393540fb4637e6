import { measureEcho } from "./channels/figures/echo.ts";
import { measureFanOut } from "./channels/figures/fan-out.ts";
import { measureIdle } from "./channels/figures/idle.ts";
import { measureLatency } from "./channels/figures/latency.ts";
import { measureOpened } from "./channels/figures/opened.ts";
import { measurePython } from "./channels/figures/python.ts";
import { measureRedis } from "./channels/figures/redis.ts";
import { measureRooms } from "./channels/figures/rooms.ts";
import { measureSse } from "./channels/figures/sse.ts";
import { pinThisProcess, SERVER_CORE } from "./channels/process.ts";
import { Setting } from "./channels/setting.ts";
import { runBenchmark } from "./run-benchmark.ts";

// A Redis has no core of its own either.
pinThisProcess(SERVER_CORE);
await runBenchmark({
  script: "bench:channels",
  about: "Our server beside Socket.IO, raw ws and Channels",
  open: (options) => new Setting(options),
  figures: {
    "fan-out-1000": (setting: Setting) => measureFanOut(setting, 1_000),
    "fan-out-5000": (setting: Setting) => measureFanOut(setting, 5_000),
    latency: measureLatency,
    rooms: measureRooms,
    redis: measureRedis,
    idle: measureIdle,
    opened: measureOpened,
    echo: measureEcho,
    python: measurePython,
    sse: measureSse,
  },
});
