export { readScenarios } from "./read.ts";
export { type ScenarioResult, runScenario } from "./run.ts";
