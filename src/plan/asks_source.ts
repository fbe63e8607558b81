/** Does a plan ask where records came from? Then producers keep the records of each peer apart (`RingHeader.separatesSources`). */

import type { Condition, Plan } from "./operations.ts";

export function asksSource({ operations, routes = [] }: Plan): boolean {
  return (
    operations.some(({ when }) => when !== undefined && asks(when)) || routes.some(({ condition }) => asks(condition))
  );
}

function asks(condition: Condition): boolean {
  switch (condition.kind) {
    case "all":
    case "any":
      return condition.of.some(asks);
    case "not":
      return asks(condition.of);
    default:
      return condition.kind === "source";
  }
}
