/** A plan prepared by the addon: its bytes cross once, RE2 compiles there. */

import { StreamGateError } from "../../../errors.ts";
import { encodePlan } from "../../../plan/encode.ts";
import type { Plan } from "../../../plan/operations.ts";
import type { Addon, NativePlan } from "../addon.ts";
import type { PreparedPlan } from "../engine.ts";
import { translated } from "./errors.ts";

export class NativePreparedPlan implements PreparedPlan {
  readonly plan: Plan;
  readonly handle: NativePlan;

  constructor(addon: Addon, plan: Plan) {
    this.plan = plan;
    try {
      this.handle = new addon.PreparedPlan(encodePlan(plan));
    } catch (error) {
      const { code, rule, output } = error as { code?: string; rule?: number; output?: number };
      if (code === "SG_CONDITION")
        throw new StreamGateError(
          "SG_CONDITION",
          { where: `outputs[${output}] filter`, what: `RE2 refuses it: ${(error as Error).message}` },
          { cause: error },
        );
      if (code !== "SG_RULE_PATTERN" || rule === undefined) throw translated(error);
      throw new StreamGateError(
        "SG_RULE_PATTERN",
        { where: `rule "${plan.rules[rule]?.id}"`, what: `RE2 refuses it: ${(error as Error).message}` },
        { cause: error },
      );
    }
  }

  close(): void {
    this.handle.close();
  }
}
