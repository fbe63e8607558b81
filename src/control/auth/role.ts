/** What a token may do: each role also what the ones before it may. */

export const roles = ["read", "write", "admin"] as const;
export type Role = (typeof roles)[number];

/** What a call asks for. `open`: anybody, without a token. */
export type Access = "open" | Role;

export function isRole(text: string): text is Role {
  return (roles as readonly string[]).includes(text);
}

export function permits(role: Role, access: Access): boolean {
  return access === "open" || roles.indexOf(role) >= roles.indexOf(access);
}
