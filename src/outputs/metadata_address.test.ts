/** Which addresses outputs do not send to, however they are written. */
import { describe, expect, it } from "vitest";
import { isMetadataAddress, isMetadataHost } from "./metadata_address.ts";
import { refuseMetadataUrls } from "./metadata_urls.ts";

const refused = [
  "http://169.254.169.254/latest/",
  "http://169.254.170.2/",
  "http://169.254.1.1/",
  "http://2852039166/", // decimal
  "http://0xA9FEA9FE/", // hexadecimal
  "http://0251.0376.0251.0376/", // octal
  "http://169.254.43518/", // the last two bytes as one number
  "http://0xa9.254.0xa9.0376/",
  "http://169.254.169.254./",
  "http://100.100.100.200/",
  "http://168.63.129.16/",
  "http://[fd00:ec2::254]/",
  "http://[fd00:ec2:0:0:0:0:0:254]/",
  "http://[fe80::1]/",
  "http://[febf::1]/",
  "http://[::ffff:169.254.169.254]/",
  "http://[::ffff:a9fe:a9fe]/",
  "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
  "http://[::a9fe:a9fe]/",
  "http://[64:ff9b::a9fe:a9fe]/",
  "http://[2002:a9fe:a9fe::1]/",
  "http://[fd20:ce::254]/",
  "http://metadata.google.internal/computeMetadata/v1/",
  "http://METADATA.google.internal./",
  "https://metadata/",
  "http://①⑥⑨.254.169.254/", // digits that the URL standard maps to ASCII
];

const taken = [
  "http://169.253.255.255/",
  "http://169.255.0.1/",
  "http://10.0.0.1/",
  "http://100.100.100.201/",
  "http://168.63.129.17/",
  "http://[fec0::1]/",
  "http://[fd00:ec3::254]/",
  "http://[::ffff:10.0.0.1]/",
  "http://[::1]/",
  "http://[2001:db8::a9fe:a9fe]/",
  "http://logs.example.com/169.254.169.254",
  "http://169.254.169.254.example.com/",
  "http://metadata.example.com/",
  "http://user-metadata/",
];

describe("a URL of an output", () => {
  it.each(refused)("%s is refused", (url) => {
    expect(() => refuseMetadataUrls({ type: "http", url }, "outputs[0]")).toThrow(/^outputs\[0\]\.url: .*credentials/);
  });

  it.each(taken)("%s is taken", (url) => {
    expect(() => refuseMetadataUrls({ type: "http", url })).not.toThrow();
  });

  it.each([
    [{ type: "datadog", endpoint: "http://169.254.169.254", api_key: "x" }],
    [{ type: "splunk_hec", url: "http://169.254.169.254", token: "x" }],
    [{ type: "cloudwatch", endpoint: "http://169.254.169.254", region: "eu-central-1" }],
  ])("is looked at in every type: %j", (config) => {
    expect(() => refuseMetadataUrls(config)).toThrow("169.254.169.254");
  });
});

describe("an address that a name leads to", () => {
  it("is told from its text, with a zone too", () => {
    expect(isMetadataAddress("169.254.169.254")).toBe(true);
    expect(isMetadataAddress("fe80::1%eth0")).toBe(true);
    expect(isMetadataAddress("::ffff:169.254.169.254")).toBe(true);
    expect(isMetadataAddress("192.0.2.1")).toBe(false);
    expect(isMetadataAddress("not an address")).toBe(false);
    expect(isMetadataHost("example.com")).toBe(false);
  });
});
