/** The value of CONTROL_ALLOWED_HOSTS: names and addresses between commas. */

export const hostsText = "names or addresses between commas, such as gate.example.com, without ports; or none";

/** The same as a regular expression. */
export const hostsForm = "^[A-Za-z0-9._:\\[\\], -]+$";

const hostsMax = 100;

/** @returns in lower case, without brackets. @throws Error */
export function parseHosts(text: string): readonly string[] {
  if (text.trim().toLowerCase() === "none") return [];
  const hosts = text.split(",").map((host) =>
    host
      .trim()
      .toLowerCase()
      .replace(/^\[(.*)\]$/, "$1"),
  );
  if (hosts.length > hostsMax) throw new Error(`are more than ${hostsMax}`);
  const wrong = hosts.find((host) => !/^([a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*)$/.test(host));
  if (wrong !== undefined || hosts.length === 0) throw new Error("is no list of names");
  return hosts;
}
