import { expect, test } from "vitest";
import { networkOf } from "../../../src/http/network.ts";

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::1", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["0:0:0:0:0:ffff:203.0.113.7", "203.0.113.7"],
  ["64:ff9b::203.0.113.7", "64:ff9b:0:0::/64"],
  [" 2001:DB8:1:2::9 ", "2001:db8:1:2::/64"],
])("%s is counted as %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test.each(["", "local", "1:2:3", "1:2:3:4:5:6:7:8:9", "::1::2", "g::1", ":".repeat(10_000)])(
  "what is no address stands for itself: %s",
  (text) => {
    expect(networkOf(text)).toBe(text);
  },
);
