/** Does a plan ask where records came from? Then producers keep the records of each peer apart (`RingHeader.separatesSources`). */

import { type Condition, type Operation, type Plan, throttleKey } from "./operations.ts";

export function asksSource({ operations, routes = [] }: Plan): boolean {
  return (
    operations.some(
      (operation) => countsSources(operation) || (operation.when !== undefined && asks(operation.when)),
    ) || routes.some(({ condition }) => asks(condition))
  );
}

/** A throttle that has a rate for each source; the byte stands where the operation table says. */
function countsSources({ name, args }: Operation): boolean {
  return name === "throttle" && args[0]![32] === throttleKey.source;
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
