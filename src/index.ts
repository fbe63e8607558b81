/** What `import … from "streamgate"` brings: rules in process. The reference is docs/library.md. */

export { type ErrorCode, StreamGateError } from "./errors.ts";
export {
  type CompiledRules,
  type CompileOptions,
  compile,
  type ManifestInput,
  type PipelineInput,
  type RulesInput,
} from "./library/compiled_rules.ts";
export { createGate } from "./library/create_gate.ts";
export { createEngine, type RuleEngine } from "./library/engine.ts";
export type { EngineOptions, WithheldRecord } from "./library/engine_options.ts";
export type { Amount, EngineStats, RuleStats } from "./library/engine_stats.ts";
export type { Gate, GateLogLine, GateOptions, GatePorts } from "./library/gate_options.ts";
export type { GateSettings } from "./library/gate_settings.ts";
export type { OutputConfig, Rule } from "./manifest/manifest.ts";
export type { Weakening } from "./manifest/weakened.ts";
export type { EvaluatedRecord, Evaluation } from "./plan/evaluation.ts";
export { version } from "./version.ts";
