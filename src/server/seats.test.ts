import { describe, expect, test } from "vitest";

import { Seat, Seats } from "./seats.ts";

const unlimited = {
  maxConnections: Infinity,
  maxConnectionsPerAddress: Infinity,
  maxConnectionsPerUser: Infinity,
  userKey: ({ name }: { readonly name: string }): string => name,
};

function sit(seats: Seats, address = "192.0.2.1"): Seat {
  const seat = seats.take({ address });
  if (seat instanceof Seat) return seat;
  throw new Error(seat.code);
}

describe("Seats", () => {
  test("refuses beyond the number of all connections, until one is released", () => {
    const seats = new Seats({ ...unlimited, maxConnections: 2 });
    const first = sit(seats);
    sit(seats, "192.0.2.2");
    expect(seats.take({ address: "192.0.2.3" })).toMatchObject({
      status: 503,
      code: "SERVER_FULL",
    });
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    sit(seats);
    expect(seats.take({ address: "192.0.2.3" })).toMatchObject({ status: 503 });
    expect(seats.taken).toBe(2);
  });

  test("counts an address by itself, and that of IPv6 by its first half", () => {
    const seats = new Seats({ ...unlimited, maxConnectionsPerAddress: 1 });
    const seat = sit(seats, "192.0.2.1");
    expect(seats.take({ address: "192.0.2.1" })).toMatchObject({ status: 429 });
    sit(seats, "192.0.2.2");
    seat[Symbol.dispose]();
    sit(seats, "192.0.2.1");
    sit(seats, "2001:db8:0:1::5");
    expect(seats.take({ address: "2001:db8:0000:1:ffff::9" })).toMatchObject({ status: 429 });
    sit(seats, "2001:db8:0:2::5");
    expect(seats.taken).toBe(4);
  });

  test("asks where clients are when an address could have too many, and then of all of them", () => {
    const seats = new Seats({ ...unlimited, maxConnectionsPerAddress: 3 });
    let asked = 0;
    const client = {
      get address() {
        asked += 1;
        return "192.0.2.1";
      },
    };
    const early = seats.take(client);
    seats.take(client);
    if (early instanceof Seat) early[Symbol.dispose]();
    seats.take(client);
    seats.take(client);
    expect(asked).toBe(0);
    expect(seats.take(client)).toMatchObject({ status: 429 });
    sit(seats, "192.0.2.2");
    expect(asked).toBe(4);
  });

  test("does not limit this machine's own addresses", () => {
    const seats = new Seats({ ...unlimited, maxConnectionsPerAddress: 1 });
    for (const address of ["127.0.0.1", "127.0.0.1", "::1", "::1", "", ""]) sit(seats, address);
    expect(seats.taken).toBe(6);
  });

  test("counts a user over all addresses, and nobody twice", () => {
    const seats = new Seats({ ...unlimited, maxConnectionsPerUser: 1 });
    const ada = sit(seats);
    expect(ada.claim({ name: "ada" })).toBeUndefined();
    using second = sit(seats, "192.0.2.2");
    expect(second.claim({ name: "ada" })).toMatchObject({
      status: 429,
      code: "REQUEST_TOO_MANY_CONNECTIONS",
      headers: { "retry-after": "5" },
    });
    ada[Symbol.dispose]();
    expect(second.claim({ name: "ada" })).toBeUndefined();
    expect(sit(seats).claim({ name: "bob" })).toBeUndefined();
    expect(sit(seats).claim(null)).toBeUndefined();
  });

  test("counts nobody who is gone before it is known who it was", () => {
    const seats = new Seats({ ...unlimited, maxConnectionsPerUser: 1 });
    const gone = sit(seats);
    gone[Symbol.dispose]();
    expect(gone.claim({ name: "ada" })).toBeUndefined();
    expect(sit(seats).claim({ name: "ada" })).toBeUndefined();
  });
});
