/** Every scenario, in the order of the table. */

import { detectorsScenario } from "./detectors.ts";
import { filterRedactScenario } from "./filter_redact.ts";
import { http } from "./http.ts";
import { idle } from "./idle.ts";
import { isolation } from "./isolation.ts";
import { json } from "./json.ts";
import { latency } from "./latency.ts";
import { raw } from "./raw.ts";
import { reload } from "./reload.ts";
import { scale } from "./scale.ts";
import type { Scenario } from "./scenario.ts";
import { shapes } from "./shapes.ts";
import { udp } from "./udp.ts";

export const scenarios: readonly Scenario[] = [
  raw,
  filterRedactScenario,
  detectorsScenario,
  shapes,
  idle,
  http,
  json,
  udp,
  latency,
  reload,
  isolation,
  scale,
];
