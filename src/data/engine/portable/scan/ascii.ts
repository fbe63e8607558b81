/** Classes of bytes; ASCII only. Twin of native/scan/ascii.h. */

const digit = 1;
const upper = 2;
const lower = 4;
const hex = 8;
const base64Url = 16;
const letter = upper | lower;

const classes = Uint8Array.from({ length: 256 }, (_, byte) => {
  const c = String.fromCharCode(byte);
  return (
    (/[0-9]/.test(c) ? digit : 0) |
    (/[A-Z]/.test(c) ? upper : 0) |
    (/[a-z]/.test(c) ? lower : 0) |
    (/[0-9A-Fa-f]/.test(c) ? hex : 0) |
    (/[A-Za-z0-9_-]/.test(c) ? base64Url : 0)
  );
});

export const isDigit = (c: number): boolean => (classes[c]! & digit) !== 0;
export const isUpper = (c: number): boolean => (classes[c]! & upper) !== 0;
export const isLower = (c: number): boolean => (classes[c]! & lower) !== 0;
export const isLetter = (c: number): boolean => (classes[c]! & letter) !== 0;
export const isAlnum = (c: number): boolean => (classes[c]! & (letter | digit)) !== 0;
export const isHex = (c: number): boolean => (classes[c]! & hex) !== 0;
export const isBase64Url = (c: number): boolean => (classes[c]! & base64Url) !== 0;
export const lowered = (c: number): number => (isUpper(c) ? c | 0x20 : c);
export const raised = (c: number): number => (isLower(c) ? c & ~0x20 : c);
