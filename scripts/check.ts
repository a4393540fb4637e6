import { runSteps } from "./step.ts";
import { checkSteps } from "./steps.ts";

process.exitCode = await runSteps(checkSteps);
