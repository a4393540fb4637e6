import { provision } from "./provision.ts";
import { runSteps } from "./step.ts";
import { checkSteps, processSteps } from "./steps.ts";

await provision();
process.exitCode = await runSteps([...checkSteps, ...processSteps]);
