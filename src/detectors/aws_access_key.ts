/** Access key ids of Amazon Web Services. */

import { defineDetector } from "./detector.ts";

export const awsAccessKey = defineDetector({
  name: "aws_access_key",
  title: "AWS access key id",
  groups: ["secrets"],
  pattern: "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
  check: "word",
  positives: [
    { text: "key=AKIAQYLPMN5HFIQR7XYA;", values: ["AKIAQYLPMN5HFIQR7XYA"] },
    { text: "Credential=ASIAQYLPMN5HFIQR7XYA/20261123/", values: ["ASIAQYLPMN5HFIQR7XYA"] },
    { text: '"ABIAQYLPMN5HFIQR7XYA" ACCAQYLPMN5HFIQR7XYA', values: ["ABIAQYLPMN5HFIQR7XYA", "ACCAQYLPMN5HFIQR7XYA"] },
  ],
  lookAlikes: [
    "AKIAQYLPMN5HFIQR7XY",
    "AKIAQYLPMN5HFIQR7XYAB",
    "XAKIAQYLPMN5HFIQR7XYA",
    "akiaqylpmn5hfiqr7xya",
    "AKIA-1234-5678",
    "AROAQYLPMN5HFIQR7XYA",
    "AKIAQYLPMN1HFIQR8XYA",
  ],
  source:
    "[IAM identifiers](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids), unique id prefixes",
  takes: "AKIA, ASIA, ABIA or ACCA and 16 characters of base 32, as a word of its own.",
  checks: "The alphabet and the length.",
  misses: "Ids of users, roles and other resources (AIDA, AROA …), which are no credentials; secret keys.",
});
