import { measureDeploy } from "./recovery/figures/deploy.ts";
import { measureJitter } from "./recovery/figures/jitter.ts";
import { Setting } from "./recovery/setting.ts";
import { runBenchmark } from "./run-benchmark.ts";

await runBenchmark({
  script: "bench:recovery",
  about: "Clients that lose their connection, ours beside Socket.IO with connection state recovery",
  open: (options) => new Setting(options),
  figures: { jitter: measureJitter, deploy: measureDeploy },
});
