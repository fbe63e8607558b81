/** Every error code has a status of gRPC that says whose fault it is, as its status over REST does. */

import { status } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import { describe, expect, it } from "vitest";
import { type ErrorCode, errorCodes, StreamGateError } from "../../errors.ts";
import { answerFor, RequestError } from "../answer.ts";
import { errorInfoTypes, statusTypes } from "./described.ts";
import { loaderOptions } from "./messages.ts";
import { errorsFor } from "./status_code.ts";

const toServiceError = errorsFor({
  ...fromJSON(errorInfoTypes, loaderOptions),
  ...fromJSON(statusTypes, loaderOptions),
});

describe("the status of an error", () => {
  it.each(Object.keys(errorCodes) as ErrorCode[])("%s blames the program where REST does, and only there", (code) => {
    const error = new StreamGateError(code, { what: "x" });
    const isOurs = answerFor(error).status === 500;
    const { code: told } = toServiceError(error);
    expect([status.OK, status.UNKNOWN]).not.toContain(told);
    expect(told === status.INTERNAL).toBe(isOurs);
  });

  it.each([
    ["SG_CONFIG_FILE", "FAILED_PRECONDITION"],
    ["SG_CHANGED", "ABORTED"],
    ["SG_TOKEN", "UNAUTHENTICATED"],
    ["SG_ROLE", "PERMISSION_DENIED"],
    ["SG_TOKEN_LIMIT", "RESOURCE_EXHAUSTED"],
    ["SG_BUS_AWAY", "UNAVAILABLE"],
    ["SG_PUBLISH_REFUSED", "FAILED_PRECONDITION"],
    ["SG_VERSION_MISSING", "NOT_FOUND"],
  ] as const)("of %s is %s", (code, name) => {
    expect(status[toServiceError(new StreamGateError(code, { what: "x" })).code]).toBe(name);
  });

  it("fits into 8 KiB of trailers, whatever the words are", () => {
    for (const text of ["x".repeat(10_000), "😀".repeat(5_000), "\u0000\n%".repeat(5_000), "\ud800".repeat(5_000)]) {
      const { details, metadata } = toServiceError(new RequestError(422, { where: text, what: text, fix: text }));
      const [bytes] = metadata.get("grpc-status-details-bin") as [Buffer];
      expect(encodeURI(details).length + Math.ceil(bytes.length / 3) * 4).toBeLessThan(8 * 1024);
    }
  });
});
