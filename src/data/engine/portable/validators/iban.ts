/**
 * International bank account numbers, ISO 13616-1: the length that a country uses, and the check digits, ISO 7064 modulo 97-10. Twin of
 * native/validators/iban.h.
 */

/** Country and length. */
const countries =
  "AD24AE23AL28AO25AT20AZ28BA20BE16BF28BG22BH22BI27BJ28BR29BY28CF27CG27CH21CI28CM27CR22CV25CY28CZ24DE22DJ27DK18DO28" +
  "DZ26EE20EG29ES24FI18FK18FO18FR27GA27GB22GE22GI23GL18GQ27GR27GT28GW25HN28HR21HU28IE22IL23IQ23IR26IS26IT27JO30KM27" +
  "KW30KZ20LB28LC32LI21LT20LU20LV21LY25MA28MC27MD24ME22MG27MK19ML28MN20MR27MT31MU30MZ25NE28NI28NL18NO15OM23PK24PL28" +
  "PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SN28SO23ST25SV28TD27TG28TL23TN24TR26UA29VA22VG24XK20YE30";

const lengthOf = new Map(
  Array.from(countries.matchAll(/(..)(\d\d)/g), ([, country, length]) => [
    (country!.charCodeAt(0) << 8) | country!.charCodeAt(1),
    Number(length),
  ]),
);

/** Characters of an IBAN of this country (two upper-case letters); 0: it has none. */
export function ibanLength(first: number, second: number): number {
  return lengthOf.get((first << 8) | second) ?? 0;
}

/** @param iban upper-case letters and digits from 0 to `length`, at least five */
export function passesMod97(iban: Uint8Array, length: number): boolean {
  let rest = 0;
  for (let i = 0; i < length; i++) {
    // The first four characters come last.
    const c = iban[(i + 4) % length]!;
    rest = c <= 0x39 ? (rest * 10 + c - 0x30) % 97 : (rest * 100 + c - 0x41 + 10) % 97;
  }
  return rest === 1;
}
