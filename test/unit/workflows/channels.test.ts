import { describe, expect, test } from "vitest";
import { newTaskId } from "../../../src/shared/ids.ts";
import { LIMITS } from "../../../src/workflows/limits.ts";
import { isChannelName, parseReference } from "../../../src/language/workflow-reference.ts";
import { channelsOf, versionOn, withChannel, withoutChannel, type Channel, type Channels } from "../../../src/workflows/channels.ts";

const at = (channel: string, version: number, percent?: number): Channel => ({
  channel,
  version,
  ...(percent !== undefined && { percent }),
  updatedAt: 0,
});
const given = (...list: readonly Channel[]): Channels =>
  list.reduce<Channels>((channels, channel) => {
    const next = withChannel(channels, channel);
    if (!next.ok) throw new Error(next.error.detail);
    return next.value;
  }, []);
const refusal = (channels: Channels, channel: Channel): string => {
  const next = withChannel(channels, channel);
  return next.ok ? "allowed" : next.error.code;
};

describe("a reference", () => {
  test.each([
    ["study", { name: "study", selector: { type: "latest" } }],
    ["study@latest", { name: "study", selector: { type: "latest" } }],
    ["study@3", { name: "study", selector: { type: "version", version: 3 } }],
    ["a.b-c_1@stable", { name: "a.b-c_1", selector: { type: "channel", channel: "stable" } }],
    ["7@7x", { name: "7", selector: { type: "channel", channel: "7x" } }],
  ])("%s", (text, reference) => expect(parseReference(text)).toEqual(reference));

  test.each(["", "@", "study@", "@3", "study@0", "study@03", "study@12345678901", "a@b@c", "a b", "study@b/c", "x".repeat(129)])(
    "%j is none",
    (text) => expect(parseReference(text)).toBeNull(),
  );

  test("what names a version already names no channel", () => {
    expect(["stable", "v1", "__proto__", "1.2"].filter(isChannelName)).toEqual(["stable", "v1", "__proto__", "1.2"]);
    expect(["latest", "12", "", "a b", "a@b"].filter(isChannelName)).toEqual([]);
  });
});

describe("channels", () => {
  test("are in the order of their names, each once", () => {
    const channels = given(at("stable", 1), at("beta", 2), at("stable", 3));
    expect(channels.map(({ channel, version }) => `${channel} ${version}`)).toEqual(["beta 2", "stable 3"]);
    expect(withoutChannel(channels, "beta").map(({ channel }) => channel)).toEqual(["stable"]);
    expect(channelsOf(given(at("a", 1), at("b", 2), at("c", 1)), 1)).toEqual(["a", "c"]);
  });

  test("at most one takes a share, and never stable of itself", () => {
    const channels = given(at("stable", 1), at("canary", 2, 10));
    expect(refusal(channels, at("beta", 3, 5))).toBe("in_use");
    expect(refusal(channels, at("beta", 3))).toBe("allowed");
    expect(refusal(channels, at("canary", 3, 50))).toBe("allowed");
    expect(refusal(channels, at("stable", 3, 50))).toBe("invalid_request");
  });

  test("are bounded in number, but each can be moved", () => {
    const channels = given(...Array.from({ length: LIMITS.channelsPerWorkflow }, (_, index) => at(`c${index}`, 1)));
    expect(refusal(channels, at("more", 1))).toBe("limit_reached");
    expect(refusal(channels, at("c1", 2))).toBe("allowed");
  });
});

describe("a start on stable", () => {
  const seeds = Array.from({ length: 1_000 }, (_, index) => `${newTaskId("tenant", index)}/study`);
  const share = (percent: number): number =>
    seeds.filter((seed) => versionOn(given(at("stable", 3), at("canary", 4, percent)), "stable", seed) === 4).length;

  test("goes to the canary as often as its percent says", () => {
    expect(share(0)).toBe(0);
    expect(share(100)).toBe(1_000);
    // Six standard deviations.
    expect(Math.abs(share(10) - 100)).toBeLessThan(57);
    expect(Math.abs(share(50) - 500)).toBeLessThan(95);
  });

  test("goes the same way again, and stays with the canary when its share grows", () => {
    const versions = (percent: number): readonly (number | null)[] =>
      seeds.map((seed) => versionOn(given(at("stable", 3), at("canary", 4, percent)), "stable", seed));
    expect(versions(10)).toEqual(versions(10));
    const [few, more] = [versions(10), versions(30)];
    expect(few.every((version, index) => version === 3 || more[index] === 4)).toBe(true);
  });

  test("leaves the other channels alone", () => {
    const channels = given(at("stable", 3), at("canary", 4, 10), at("beta", 5));
    expect(seeds.every((seed) => versionOn(channels, "canary", seed) === 4 && versionOn(channels, "beta", seed) === 5)).toBe(true);
    expect(versionOn(channels, "constructor", "seed")).toBeNull();
    expect(versionOn(given(at("canary", 4, 100)), "stable", "seed")).toBeNull();
  });
});
